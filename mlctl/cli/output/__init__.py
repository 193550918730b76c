"""How results, errors and progress reach the terminal."""
