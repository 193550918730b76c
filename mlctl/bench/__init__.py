"""Measures a portable package against scikit-learn, and estimates the cost of both."""
