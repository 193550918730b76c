"""The help page of ``mlctl``: commands in the order in which they are used, not of the alphabet.

Written with typer's plain formatter: its rich one takes as long to import as everything else together.
"""

from typing import Any

import typer
from typer.core import TyperGroup

GROUPS = {
    "All at once": ("up",),
    "Data and models": ("data", "train", "evaluate", "models"),
    "Release": ("package", "deploy"),
    "Use and look after": ("invoke", "logs", "status", "destroy", "local"),
}


def help_without_command(ctx: typer.Context) -> None:
    """The callback of a group of commands: alone, it shows its help."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


class GroupedHelp(TyperGroup):
    """A command group whose help shows GROUPS."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section a group; typer calls it for ``--help``."""
        for title, names in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(limit=90)) for name in names])
