"""Imports the Python modules of a project folder, and computes their digests."""
