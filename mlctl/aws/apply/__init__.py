"""Carries out a plan, a module a kind of resource. Each step can be repeated: a deploy that was cut off is run again.

Every change of the function and the alias names the revision that it was planned on, so of two commands at once
one goes through and the other stops. A call that took effect though its answer was lost is known by its result.
"""
