"""The command line: one module for each command.

Everything except Typer is imported inside functions. ``mlctl --help`` stays fast, and a command imports only what it
needs.
"""
