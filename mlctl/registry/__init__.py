"""Reads and writes model versions: ``artifacts/<project>/<id>/``."""
