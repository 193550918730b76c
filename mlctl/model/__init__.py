"""Model versions: what they hold, how they are made, and the registry that keeps them."""
