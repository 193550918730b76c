"""Train, deploy and operate scikit-learn models on AWS Lambda."""

# The same as in pyproject.toml. Reading the installed metadata would slow down every start.
__version__ = "0.1.0"
