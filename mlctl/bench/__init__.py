"""Measures a portable package against scikit-learn, and prices both."""
