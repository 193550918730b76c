"""The portable model in memory: the program and the types of its columns."""
