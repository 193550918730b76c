"""mlctl: from a table of data to a live prediction API on AWS Lambda, and what comes after."""

# The same as in pyproject.toml; asking the installed metadata would slow down every start.
__version__ = "0.1.0"
