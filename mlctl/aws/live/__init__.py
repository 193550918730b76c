"""Reads what is on AWS: resources, logs, metrics."""
