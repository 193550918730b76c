"""mlctl: from a table of data to a live prediction API on AWS Lambda, and what comes after."""

__version__ = "0.1.0"
