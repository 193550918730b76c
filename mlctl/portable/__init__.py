"""Compilers from fitted scikit-learn pipelines to portable models (docs/FORMAT.md), a module a family."""
