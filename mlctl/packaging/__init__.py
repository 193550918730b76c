"""From a model version to the zip that Lambda runs."""
