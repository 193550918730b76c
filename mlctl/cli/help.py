"""The help page of ``mlctl``: commands in the order in which they are used, not of the alphabet.

Written with typer's plain formatter: its rich one takes as long to import as everything else together.
"""

from collections.abc import Iterable
from typing import Any

import typer
from typer.core import TyperGroup

from mlctl.cli.output.terminal import echo

GROUPS = {
    "All at once": ("up",),
    "Data and models": ("init", "data", "train", "import", "evaluate", "compare", "models"),
    "Release": ("package", "bench", "doctor", "deploy", "promote", "rollback", "releases", "export"),
    "Use and look after": ("invoke", "logs", "status", "destroy", "local", "config"),
}


def help_without_command(ctx: typer.Context) -> None:
    """The callback of a group of commands: alone, it shows its help."""
    if ctx.invoked_subcommand is None:
        echo(ctx.get_help())


class FullHelp(TyperGroup):
    """A command group whose help shows the first sentence of each command, uncut."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands; typer calls it for ``--help``."""
        self._write(formatter, "Commands", self.commands)

    def _write(self, formatter: Any, title: str, names: Iterable[str]) -> None:
        with formatter.section(title):
            formatter.write_dl([(name, self.commands[name].get_short_help_str(limit=200)) for name in names])


class GroupedHelp(FullHelp):
    """The same for ``mlctl`` itself, in the order of GROUPS."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section a group."""
        for title, names in GROUPS.items():
            self._write(formatter, title, names)
