"""Generates Python code for ensembles of trees."""
