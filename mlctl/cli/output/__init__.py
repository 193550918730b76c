"""Writes results, errors and progress to the terminal."""
