"""Compilers, one module for each family of scikit-learn classes."""
