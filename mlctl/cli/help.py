"""Help pages with the commands in the order in which you use them, and uncut summaries.

Typer's rich help takes 3 times as long as ``python -c 'import typer, rich'``, so mlctl uses the plain formatter.
"""

from collections.abc import Iterable
from typing import Any

import typer
from typer.core import TyperGroup

from mlctl.cli.output.terminal import echo

GROUPS = {
    "Start": ("up",),
    "Data and models": ("init", "data", "train", "import", "evaluate", "compare", "models"),
    "Releases": ("package", "bench", "doctor", "deploy", "promote", "rollback", "releases", "export"),
    "Operation": ("invoke", "logs", "status", "destroy", "local", "config"),
}

# The formatter uses the width of the terminal, or COLUMNS, up to this number of columns.
MAX_WIDTH = 1000


def help_without_command(ctx: typer.Context) -> None:
    """Show the help of a command group when it is called without a command."""
    if ctx.invoked_subcommand is None:
        echo(ctx.get_help())


class FullHelp(TyperGroup):
    """A command group whose help shows the whole first sentence of each command."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands. Typer calls this method for ``--help``."""
        self._write(formatter, "Commands", self.commands)

    def _write(self, formatter: Any, title: str, names: Iterable[str]) -> None:
        with formatter.section(title):
            formatter.write_dl([(name, self.commands[name].get_short_help_str(limit=200)) for name in names])


class GroupedHelp(FullHelp):
    """The help of ``mlctl`` itself: one section for each entry of GROUPS."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the sections."""
        for title, names in GROUPS.items():
            self._write(formatter, title, names)
