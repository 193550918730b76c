"""Pieces that several commands draw: tables, bars, the confusion matrix."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

_EIGHTHS = " ▏▎▍▌▋▊▉"
_LEVELS = "▁▂▃▄▅▆▇█"
# More classes than this do not fit beside each other on a terminal.
WIDE = 12


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """A table with a dim head and no frame; columns named in ``right`` are aligned to the right."""
    made = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    return made


def facts(pairs: Sequence[tuple[str, str]]) -> Table:
    """Names and values in two columns. Values may hold markup."""
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        made.add_row(name, value)
    return made


def bar(part: float, width: int = 20) -> str:
    """A horizontal bar of ``part`` (0 to 1) of ``width`` characters, to an eighth of one."""
    eighths = round(max(0.0, min(part, 1.0)) * width * 8)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(width)


def histogram(counts: Sequence[int]) -> str:
    """A character a bin, higher for more."""
    most = max(counts) or 1
    return "".join(_LEVELS[round(count / most * (len(_LEVELS) - 1))] if count else " " for count in counts)


def per_class(metrics: dict[str, Any]) -> Table:
    """Precision, recall, F1 and rows of each class."""
    names = ("precision", "recall", "f1", "rows")
    made = table("class", *names, right=names)
    for name, scores in metrics["per_class"].items():
        made.add_row(escape(name), *(f"{scores[key]:.3f}" for key in names[:3]), str(scores["support"]))
    return made


def confusion(matrix: list[list[int]], class_names: Sequence[str]) -> Table:
    """Rows are true classes, columns predicted ones; the diagonal is what was right."""
    short = [name if len(class_names) <= WIDE and len(name) <= WIDE else str(at) for at, name in enumerate(class_names)]
    made = table("true \\ predicted", *short, right=short)
    for at, row in enumerate(matrix):
        cells = [
            Text(str(count), style="green" if at == other else "bold red" if count else "dim")
            for other, count in enumerate(row)
        ]
        made.add_row(escape(class_names[at]), *cells)
    return made


def path(where: Path) -> str:
    """A path as markup, relative to the current folder where it lies below it."""
    here = Path.cwd()
    return escape(str(where.relative_to(here) if where.is_relative_to(here) else where))


def short(version: str) -> str:
    """The first twelve digits of an id: enough to name it."""
    return version[:12]


def next_steps(console: Console, *commands: tuple[str, str]) -> None:
    """Commands to try next, each with what it does."""
    console.print()
    width = max(len(command) for command, _ in commands)
    for command, meaning in commands:
        console.print(f"[bold]{escape(command.ljust(width))}[/]  [dim]{meaning}[/]")
