"""Pieces that several commands draw: tables, bars, the confusion matrix."""

from collections.abc import Sequence
from math import log10
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlctl.cli.output.terminal import escape
from mlctl.text import printable

_EIGHTHS = " ▏▎▍▌▋▊▉"
_LEVELS = "▁▂▃▄▅▆▇█"
# More classes than this do not fit beside each other on a terminal.
WIDE = 12
_SHOWN_CLASSES = 10
_NARROWEST = 12
_IN_UNITS = ("mae", "rmse", "median_error")


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """A table with a dim head and no frame; columns named in ``right`` are aligned to the right."""
    made = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    return made


def keep(made: Table, *, but: str) -> None:
    """On a narrow terminal only the column ``but`` is cut, to no less than _NARROWEST characters."""
    for column in made.columns:
        if column.header != but:
            cells = [Text.from_markup(str(cell), emoji=False) for cell in (column.header, *column.cells)]
            column.min_width = max(map(len, cells))
        else:
            column.min_width = _NARROWEST


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values, a line each, as markup. Lines are not broken: a path can be copied."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"[dim]{name.ljust(width)}[/]  {value}" for name, value in pairs)


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


def per_output(metrics: dict[str, Any]) -> Table:
    """The metrics of each target of a regression that has several."""
    names = tuple(next(iter(metrics["outputs"].values())))
    made = table("target", *names, right=names)
    for name, scores in metrics["outputs"].items():
        made.add_row(escape(name), *(metric(key, scores[key]) for key in names))
    return made


def metric(name: str, value: float, like: float | None = None) -> str:
    """A metric's value: shares with three decimals, errors in the target's unit with five digits, as ``like`` has."""
    if name not in _IN_UNITS:
        return f"{value:.3f}"
    size = abs(value if like is None else like)
    return f"{value:.{max(4 - int(log10(size)), 0) if size >= 1 else 5}f}"


def confusion(matrix: list[list[int]], class_names: Sequence[str]) -> Table:
    """Rows are true classes, columns predicted ones; the diagonal is what was right."""
    shown = [printable(name) for name in class_names]
    short = [escape(name) if len(shown) <= WIDE and len(name) <= WIDE else str(at) for at, name in enumerate(shown)]
    made = table("true \\ predicted", *short, right=short)
    for at, row in enumerate(matrix):
        cells = [
            Text(str(count), style="green" if at == other else "bold red" if count else "dim")
            for other, count in enumerate(row)
        ]
        made.add_row(escape(class_names[at]), *cells)
    return made


def predictions(console: Console, answered: Sequence[dict[str, Any]], class_names: Sequence[str]) -> None:
    """What the API answered: a row as its classes with their probabilities or scores, many rows as a line each."""
    if "probabilities" not in answered[0] and "scores" not in answered[0]:
        for number, each in enumerate(answered, start=1):
            row = f"{number:>{len(str(len(answered)))}}  " if len(answered) > 1 else ""
            console.print(f"{row}{in_a_line(each)}")
    elif "scores" in answered[0]:
        _scored(console, answered, class_names)
    elif len(answered) == 1:
        console.print(_classes(answered[0], class_names))
    else:
        made = table("row", "class", "probability", "", right=("row",))
        for number, each in enumerate(answered, start=1):
            best = max(each["probabilities"])
            made.add_row(
                str(number), f"[bold]{escape(str(each['class_name']))}[/]", f"{best:.3f}", f"[cyan]{bar(best)}[/]"
            )
        console.print(made)


def in_a_line(answer: dict[str, Any]) -> str:
    """One answer as markup: the class with its probability or score, or the number or numbers of a regression."""
    if "probabilities" in answer:
        best = max(answer["probabilities"])
        return f"[bold]{escape(str(answer['class_name']))}[/]  [green]{bar(best)}[/] {best:.3f}"
    if "scores" in answer:
        return f"[bold]{escape(str(answer['class_name']))}[/]  score {max(answer['scores']):.4g}"
    number = answer["prediction"]
    if isinstance(number, dict):
        return "  ".join(f"{escape(name)} [bold green]{value:.6g}[/]" for name, value in number.items())
    return f"[bold green]{number:.6g}[/]"


def _scored(console: Console, answered: Sequence[dict[str, Any]], class_names: Sequence[str]) -> None:
    """Answers of a model that knows no probabilities: the highest score, of two classes their one score."""
    if len(answered) > 1:
        made = table("row", "class", "score", right=("row", "score"))
        for number, each in enumerate(answered, start=1):
            made.add_row(str(number), f"[bold]{escape(str(each['class_name']))}[/]", f"{max(each['scores']):.4g}")
        console.print(made)
        return
    (answer,) = answered
    if len(answer["scores"]) == 1:
        first, second = map(escape, class_names)
        console.print(f"{in_a_line(answer)}  [dim]above 0: {second}, else {first}[/]")
        return
    made = table("class", "score", right=("score",))
    for name, score in _foremost(class_names, answer["scores"]):
        text = f"[bold green]{escape(name)}[/]" if name == answer["class_name"] else escape(name)
        made.add_row(text, f"{score:.4g}")
    console.print(made)


def _classes(answer: dict[str, Any], class_names: Sequence[str]) -> Table:
    """Every class with its probability as a bar, at most the likeliest ones."""
    made = table("class", "probability", "", right=("probability",))
    for name, probability in _foremost(class_names, answer["probabilities"]):
        chosen = name == answer["class_name"]
        text = f"[bold green]{escape(name)}[/]" if chosen else escape(name)
        made.add_row(text, f"{probability:.3f}", f"[{'green' if chosen else 'cyan'}]{bar(probability)}[/]")
    return made


def _foremost(class_names: Sequence[str], numbers: Sequence[float]) -> list[tuple[str, float]]:
    """Each class with its number; of more than _SHOWN_CLASSES classes those with the highest, from the highest on."""
    pairs = list(zip(class_names, numbers, strict=True))
    return pairs if len(pairs) <= _SHOWN_CLASSES else sorted(pairs, key=lambda pair: -pair[1])[:_SHOWN_CLASSES]


def path(where: Path) -> str:
    """A path as markup, relative to the current folder where it lies below it."""
    return escape(relative(where))


def relative(where: Path) -> str:
    """A path, relative to the current folder where it lies below it."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        return str(where)  # the current folder was deleted
    return str(where.relative_to(here) if where.is_relative_to(here) else where)


def short(version: str) -> str:
    """The first twelve digits of an id as markup: enough to name it."""
    return escape(version[:12])


def next_steps(console: Console, *commands: tuple[str, str]) -> None:
    """Commands to try next, each with what it does."""
    console.print()
    width = max(len(command) for command, _ in commands)
    for command, meaning in commands:
        console.print(f"[bold]{escape(command.ljust(width))}[/]  [dim]{meaning}[/]")
