"""Tables, bars, confusion matrices, predictions and paths as rich markup."""

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
# A confusion matrix with more classes, or longer names, has numbers instead of names as its header.
_MAX_NAMED_CLASSES = 12
_SHOWN_CLASSES = 10
_MIN_WIDTH = 12
# Metrics in the unit of the target.
_IN_TARGET_UNIT = ("mae", "rmse", "median_error")


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """Return a table with a dim header and no frame. The columns in ``right`` are right-aligned."""
    new_table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        new_table.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    return new_table


def cut_only(table: Table, header: str) -> None:
    """On a narrow terminal, cut only the column ``header``, to at least _MIN_WIDTH characters."""
    for column in table.columns:
        if column.header != header:
            cells = [Text.from_markup(str(cell), emoji=False) for cell in (column.header, *column.cells)]
            column.min_width = max(map(len, cells))
        else:
            column.min_width = _MIN_WIDTH


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Return names and values as markup, one pair per line. Lines do not wrap, so that you can copy paths."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"[dim]{name.ljust(width)}[/]  {value}" for name, value in pairs)


def bar(share: float, width: int = 20) -> str:
    """Return a horizontal bar for ``share`` (0 to 1) of ``width`` characters, precise to an eighth of a character."""
    whole, eighths = divmod(round(max(0.0, min(share, 1.0)) * width * 8), 8)
    return ("█" * whole + (_EIGHTHS[eighths] if eighths else "")).ljust(width)


def histogram(counts: Sequence[int]) -> str:
    """Return one block character for each bin; the height shows the count."""
    highest = max(counts) or 1
    return "".join(_LEVELS[round(count / highest * (len(_LEVELS) - 1))] if count else " " for count in counts)


def per_class(metrics: dict[str, Any]) -> Table:
    """Return a table with precision, recall, F1 and rows of each class."""
    names = ("precision", "recall", "f1", "rows")
    class_table = table("class", *names, right=names)
    for name, scores in metrics["per_class"].items():
        class_table.add_row(escape(name), *(f"{scores[key]:.3f}" for key in names[:3]), str(scores["support"]))
    return class_table


def per_output(metrics: dict[str, Any]) -> Table:
    """Return a table with the metrics of each target of a regression with several targets."""
    names = tuple(next(iter(metrics["outputs"].values())))
    target_table = table("target", *names, right=names)
    for name, scores in metrics["outputs"].items():
        target_table.add_row(escape(name), *(metric(key, scores[key]) for key in names))
    return target_table


def metric(name: str, value: float, like: float | None = None) -> str:
    """Return the value of a metric as text: shares with three decimals, errors in the target's unit with five digits.

    ``like``: an error whose number of decimals to use.
    """
    if name not in _IN_TARGET_UNIT:
        return f"{value:.3f}"
    size = abs(value if like is None else like)
    return f"{value:.{max(4 - int(log10(size)), 0) if size >= 1 else 5}f}"


def confusion(matrix: list[list[int]], class_names: Sequence[str]) -> Table:
    """Return the confusion matrix. Rows are true classes, columns are predicted classes."""
    names = [printable(name) for name in class_names]
    headers = [
        escape(name) if len(names) <= _MAX_NAMED_CLASSES and len(name) <= _MAX_NAMED_CLASSES else str(index)
        for index, name in enumerate(names)
    ]
    matrix_table = table("true \\ predicted", *headers, right=headers)
    for true, counts in enumerate(matrix):
        cells = [
            Text(str(count), style="green" if true == predicted else "bold red" if count else "dim")
            for predicted, count in enumerate(counts)
        ]
        matrix_table.add_row(escape(class_names[true]), *cells)
    return matrix_table


def predictions(console: Console, answers: Sequence[dict[str, Any]], class_names: Sequence[str]) -> None:
    """Print the answers of the API: one row with all its classes, several rows with one line each."""
    if "probabilities" not in answers[0] and "scores" not in answers[0]:
        for number, answer in enumerate(answers, start=1):
            row = f"{number:>{len(str(len(answers)))}}  " if len(answers) > 1 else ""
            console.print(f"{row}{in_a_line(answer)}")
    elif "scores" in answers[0]:
        _print_scores(console, answers, class_names)
    elif len(answers) == 1:
        console.print(_probabilities(answers[0], class_names))
    else:
        row_table = table("row", "class", "probability", "", right=("row",))
        for number, answer in enumerate(answers, start=1):
            best = max(answer["probabilities"])
            name = f"[bold]{escape(str(answer['class_name']))}[/]"
            row_table.add_row(str(number), name, f"{best:.3f}", f"[cyan]{bar(best)}[/]")
        console.print(row_table)


def in_a_line(answer: dict[str, Any]) -> str:
    """Return one answer as markup: the class with its probability or score, or the predicted number or numbers."""
    if "probabilities" in answer:
        best = max(answer["probabilities"])
        return f"[bold]{escape(str(answer['class_name']))}[/]  [green]{bar(best)}[/] {best:.3f}"
    if "scores" in answer:
        return f"[bold]{escape(str(answer['class_name']))}[/]  score {max(answer['scores']):.4g}"
    prediction = answer["prediction"]
    if isinstance(prediction, dict):
        return "  ".join(f"{escape(name)} [bold green]{value:.6g}[/]" for name, value in prediction.items())
    return f"[bold green]{prediction:.6g}[/]"


def _print_scores(console: Console, answers: Sequence[dict[str, Any]], class_names: Sequence[str]) -> None:
    """Print the answers of a model without probabilities: for each row its highest score."""
    if len(answers) > 1:
        row_table = table("row", "class", "score", right=("row", "score"))
        for number, answer in enumerate(answers, start=1):
            name = f"[bold]{escape(str(answer['class_name']))}[/]"
            row_table.add_row(str(number), name, f"{max(answer['scores']):.4g}")
        console.print(row_table)
        return
    (answer,) = answers
    if len(answer["scores"]) == 1:
        negative, positive = map(escape, class_names)
        console.print(f"{in_a_line(answer)}  [dim]above 0: {positive}, otherwise {negative}[/]")
        return
    class_table = table("class", "score", right=("score",))
    for name, score in _highest(class_names, answer["scores"]):
        text = f"[bold green]{escape(name)}[/]" if name == answer["class_name"] else escape(name)
        class_table.add_row(text, f"{score:.4g}")
    console.print(class_table)


def _probabilities(answer: dict[str, Any], class_names: Sequence[str]) -> Table:
    """Return a table of the most likely classes, each with its probability as a bar."""
    class_table = table("class", "probability", "", right=("probability",))
    for name, probability in _highest(class_names, answer["probabilities"]):
        is_predicted = name == answer["class_name"]
        text = f"[bold green]{escape(name)}[/]" if is_predicted else escape(name)
        colour = "green" if is_predicted else "cyan"
        class_table.add_row(text, f"{probability:.3f}", f"[{colour}]{bar(probability)}[/]")
    return class_table


def _highest(class_names: Sequence[str], numbers: Sequence[float]) -> list[tuple[str, float]]:
    """Return each class with its number. Of more than _SHOWN_CLASSES classes, return the highest, in that order."""
    pairs = list(zip(class_names, numbers, strict=True))
    return pairs if len(pairs) <= _SHOWN_CLASSES else sorted(pairs, key=lambda pair: -pair[1])[:_SHOWN_CLASSES]


def path(file: Path) -> str:
    """Return a path as markup, relative to the current folder if it is below it."""
    return escape(relative(file))


def relative(file: Path) -> str:
    """Return a path as text, relative to the current folder if it is below it."""
    try:
        current = Path.cwd()
    except FileNotFoundError:
        return str(file)  # the current folder was deleted
    return str(file.relative_to(current) if file.is_relative_to(current) else file)


def short(version: str) -> str:
    """Return the first 12 digits of a version id as markup."""
    return escape(version[:12])


def next_steps(console: Console, *commands: tuple[str, str]) -> None:
    """Print commands to run next, each with its purpose."""
    console.print()
    width = max(len(command) for command, _ in commands)
    for command, purpose in commands:
        console.print(f"[bold]{escape(command.ljust(width))}[/]  [dim]{purpose}[/]")
