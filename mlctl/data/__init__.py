"""Datasets: reads tables, checks them and splits their rows."""
