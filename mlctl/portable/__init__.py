"""Compiles fitted scikit-learn pipelines to portable models (docs/FORMAT.md)."""
