"""The command line: a file a command. Each parses, calls one function of the core, and renders what it returns.

Everything but typer is imported inside the functions, so that ``mlctl --help`` stays as fast as
importing typer and rich, and no command pays for another's imports.
"""
