"""Tables: reading them, describing them, holding rows out."""
