"""Builds the zip that Lambda runs from a model version, and proves its answers."""
