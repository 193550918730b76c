"""Applies a plan, with one module for each kind of resource. Each step can run twice, after an interrupted deploy.

Every change of the function and the alias names the revision that it was planned on, so of two concurrent commands
one succeeds and the other stops. If the response of a call is lost, the step reads the resource to see its effect.
"""
