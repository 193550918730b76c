"""How text reaches the terminal besides rich's console: lines, JSON, questions, traces, and outside text in markup.

Nothing in ``mlctl/cli`` writes past this module and ``console.py`` (ruff bans the functions that would):
what is not printable becomes an escape here, whatever a command forgot.
"""

import json
import re
import warnings
from collections.abc import Sequence
from typing import Any

import typer

from mlctl.text import printable, printable_lines

# Characters of one line of an error or a log; --json has all of it.
MAX_LINE = 4000
# What rich takes for a tag (RE_TAGS in rich.markup), and a bracket that starts none.
_TAG = re.compile(r"(\\*)(\[[a-z#/@][^[]*?])")
_OTHER_BRACKET = re.compile(r"(\\*)\[(?![a-z#/@][^[]*?])")
_LAST_BACKSLASHES = re.compile(r"\\+$")


def escape(text: str, limit: int | None = None) -> str:
    """Text from outside as markup for rich: on one line, printable, with no tag in it; cut at ``limit`` characters.

    It takes the place of rich's own function, which lets control characters and line breaks pass.
    """
    shown = printable(text, limit)
    if "[" not in shown and not shown.endswith("\\"):
        return shown
    shown = _OTHER_BRACKET.sub(r"\1\\[", shown)
    shown = _TAG.sub(lambda tag: f"{tag[1]}{tag[1]}\\{tag[2]}", shown)
    # Backslashes before a tag are doubled. A tag that draws nothing follows the last ones: they end with this text.
    return _LAST_BACKSLASHES.sub(lambda run: f"{run[0] * 2}[none][/none]", shown)


def echo(text: str, *, err: bool = False) -> None:
    r"""Write plain text to stdout or stderr and end the line; of what is not printable only ``\n`` stays."""
    typer.echo(printable_lines(text), err=err)


def echo_json(document: Any, *, indent: int | None = None) -> None:
    """Write a JSON document to stdout, on one line without ``indent``.

    json.dumps escapes all that is not ASCII and every control character but DEL.
    """
    typer.echo(json.dumps(document, indent=indent).replace("\x7f", "\\u007f"))


def echo_error(lines: Sequence[str], hint: str, *, coloured: bool) -> None:
    """Write an error to stderr: its first line, those that follow indented, and what to do next."""
    head, then = "Error:", "Next:"
    if coloured:
        head, then = typer.style(head, fg="red", bold=True), typer.style(then, bold=True)
    first, *others = lines
    typer.echo(f"{head} {printable(first, MAX_LINE)}", err=True)
    for line in others:
        typer.echo(f"  {printable(line, MAX_LINE)}", err=True)
    if hint:
        typer.echo(f"{then}  {printable(hint, MAX_LINE)}", err=True)


def confirm(question: str) -> bool:
    """Ask a question on stderr. Raises typer.Abort when there is no answer."""
    return typer.confirm(printable(question), err=True)


def echo_trace(error: BaseException) -> None:
    """Write the trace of an error to stderr. What an exception says is indented from its second line on."""
    import traceback

    for part in traceback.TracebackException.from_exception(error).format():
        first, *others = part.strip("\n").split("\n")
        # The lines of code are indented already.
        indent = "" if first.startswith("  ") else "    "
        echo("\n".join([first, *(f"{indent}{line}" for line in others)]), err=True)


def guard_warnings() -> None:
    """Make Python's warnings printable: libraries put names of columns and classes, and paths, into them."""
    warnings.formatwarning = _warning


def _warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    return f"{printable(f'{filename}:{lineno}: {category.__name__}: {message}')}\n"
