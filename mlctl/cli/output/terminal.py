"""Writes printable text to the terminal: lines, JSON, errors, questions, tracebacks, and outside text in markup.

All output of ``mlctl/cli`` goes through this module or ``console.py``, which escape characters that are not printable.
ruff bans the functions that bypass them.
"""

import json
import re
import warnings
from collections.abc import Sequence
from typing import Any

import typer

from mlctl.text import printable, printable_lines

# The maximum length of one line of an error or a log; --json has the whole text.
MAX_LINE = 4000
# A tag of rich (RE_TAGS in rich.markup), and a bracket that does not start a tag.
_TAG = re.compile(r"(\\*)(\[[a-z#/@][^[]*?])")
_OTHER_BRACKET = re.compile(r"(\\*)\[(?![a-z#/@][^[]*?])")
_LAST_BACKSLASHES = re.compile(r"\\+$")


def escape(text: str, limit: int | None = None) -> str:
    """Escape outside text for rich markup: on one line, printable, without tags, at most ``limit`` characters.

    Use it instead of rich's own function, which does not escape control characters and line breaks.
    """
    escaped = printable(text, limit)
    if "[" not in escaped and not escaped.endswith("\\"):
        return escaped
    escaped = _OTHER_BRACKET.sub(r"\1\\[", escaped)
    escaped = _TAG.sub(lambda tag: f"{tag[1]}{tag[1]}\\{tag[2]}", escaped)
    # rich halves backslashes before a tag. An empty tag at the end keeps the last ones apart from later markup.
    return _LAST_BACKSLASHES.sub(lambda backslashes: f"{backslashes[0] * 2}[none][/none]", escaped)


def echo(text: str, *, err: bool = False) -> None:
    r"""Write a line of plain text to stdout or stderr. Characters that are not printable are escaped, except ``\n``."""
    typer.echo(printable_lines(text), err=err)


def echo_json(document: Any, *, indent: int | None = None) -> None:
    """Write a JSON document to stdout, on one line without ``indent``.

    json.dumps escapes everything that is not ASCII, and every control character except DEL.
    """
    typer.echo(json.dumps(document, indent=indent).replace("\x7f", "\\u007f"))


def echo_error(lines: Sequence[str], hint: str, *, coloured: bool) -> None:
    """Write an error to stderr: its first line, the other lines indented, and the hint."""
    error_label, hint_label = "Error:", "Next:"
    if coloured:
        error_label, hint_label = typer.style(error_label, fg="red", bold=True), typer.style(hint_label, bold=True)
    first, *others = lines
    typer.echo(f"{error_label} {printable(first, MAX_LINE)}", err=True)
    for line in others:
        typer.echo(f"  {printable(line, MAX_LINE)}", err=True)
    if hint:
        typer.echo(f"{hint_label}  {printable(hint, MAX_LINE)}", err=True)


def confirm(question: str) -> bool:
    """Ask a yes-or-no question on stderr. Raises typer.Abort if there is no answer."""
    return typer.confirm(printable(question), err=True)


def echo_traceback(error: BaseException) -> None:
    """Write the traceback of an error to stderr. Messages of exceptions are indented from their second line on."""
    import traceback

    for part in traceback.TracebackException.from_exception(error).format():
        first, *others = part.strip("\n").split("\n")
        # Lines of code are already indented.
        indent = "" if first.startswith("  ") else "    "
        echo("\n".join([first, *(f"{indent}{line}" for line in others)]), err=True)


def guard_warnings() -> None:
    """Make Python's warnings printable. Libraries put names of columns and classes, and paths, into them."""
    warnings.formatwarning = _format_warning


def _format_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    return f"{printable(f'{filename}:{lineno}: {category.__name__}: {message}')}\n"
