"""The ways to the terminal: nothing that came from outside is obeyed there, whatever a command forgot."""

import io
import json
import random
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from mlctl.cli import app
from mlctl.cli.output import terminal
from mlctl.cli.output.console import Console
from mlctl.cli.output.reporters import TerminalReport
from mlctl.cli.views import tables
from mlctl.core import data as core_data
from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event
from tests.conftest import Cli
from tests.support import hostile


def drawn(draw: Callable[[Console], None], *, colour: bool = False, live: bool = False) -> str:
    """What ``draw`` writes."""
    written = io.StringIO()
    console = Console(
        file=written,
        width=400,
        soft_wrap=True,
        force_terminal=live,
        color_system="truecolor" if colour else None,
        highlight=False,
        emoji=False,
    )
    draw(console)
    return written.getvalue()


@pytest.mark.parametrize("text", hostile.EVERY)
def test_markup_of_outside_text_shows_the_text_and_nothing_else(text: str) -> None:
    shown = Text.from_markup(f"[dim]{terminal.escape(text)}[/]|{terminal.escape(text)}", emoji=False)
    assert "\n" not in shown.plain
    assert hostile.obeyed(shown.plain) == set()
    first, second = shown.plain.split("|")
    assert first == second
    assert [str(span.style) for span in shown.spans if span.end > span.start] == ["dim"]


def test_markup_of_any_brackets_and_backslashes_is_exact() -> None:
    dice = random.Random(13)
    for _ in range(3000):
        first, second = ("".join(dice.choices("[]/\\ar@#= ", k=dice.randint(1, 8))) for _ in range(2))
        shown = Text.from_markup(f"[dim]{terminal.escape(first)}[/]|{terminal.escape(second)}", emoji=False)
        assert shown.plain == f"{first}|{second}"
        assert [(span.start, span.end) for span in shown.spans if str(span.style) == "dim"] == [(0, len(first))]


def test_a_table_is_measured_with_the_escapes() -> None:
    def draw(console: Console) -> None:
        made = Table("name", "next", box=None, pad_edge=False)
        made.add_row("\x1b\x07", "x")
        made.add_row("abcdefgh", "y")
        console.print(made)

    assert [line.split() for line in drawn(draw).splitlines()[1:]] == [["\\x1b\\x07", "x"], ["abcdefgh", "y"]]
    assert len({line.rindex(end) for line, end in zip(drawn(draw).splitlines()[1:], "xy", strict=True)}) == 1


@pytest.mark.parametrize("make", [str, Text, lambda text: Text(text, style="red")])
def test_the_console_obeys_no_text_that_was_not_escaped(make: Callable[[str], Text]) -> None:
    plain = hostile.ALL_IN_ONE.replace("[", "(")
    shown = drawn(lambda console: console.print(make(plain)))
    assert hostile.obeyed(shown) == set()
    assert "\\x1b]0;owned" in shown
    coloured = drawn(lambda console: console.print(make("\x1b[31mx"), markup=False), colour=True, live=True)
    assert "\\x1b[31mx" in coloured


def test_classes_with_short_hostile_names_are_columns_of_one_line() -> None:
    names = ["\x1b[2J", "[/q]", "[red]", "a\nb", "\\", ":x:"]
    matrix = [[int(row == column) for column in range(len(names))] for row in range(len(names))]
    shown = drawn(lambda console: console.print(tables.confusion(matrix, names))).splitlines()
    assert shown[0].split() == ["true", "\\", "predicted", "\\x1b[2J", "[/q]", "[red]", "a\\nb", "\\", ":x:"]
    assert [line.split()[0] for line in shown[1:]] == shown[0].split()[3:]


def test_progress_shows_outside_text_on_its_own_line() -> None:
    def draw(console: Console) -> None:
        with TerminalReport(console) as report:
            for kind in ("start", "advance", "finish"):
                report(Event(kind, "part", hostile.ALL_IN_ONE, done=1, total=2))
            report(Event("warning", "w", hostile.ALL_IN_ONE))
            report(Event("note", "n", hostile.ALL_IN_ONE))

    plain = drawn(draw)
    assert hostile.obeyed(plain) == set()
    assert len(plain.splitlines()) == 4
    assert "\\x1b]0;owned" in drawn(draw, live=True)
    assert "\x1b]0;owned" not in drawn(draw, live=True)
    assert "\x07" not in drawn(draw, live=True)


def fail(error: Exception) -> Callable[..., None]:
    def run(*_: object, **__: object) -> None:
        raise error

    return run


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda text: MlctlError(text, code="c", exit_code=ExitCode.AWS, hint=text),
        lambda text: OSError(5, text, text),
        ValueError,
    ],
)
def test_errors_take_no_more_than_two_lines(
    project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, make: Callable[[str], Exception], debug: bool
) -> None:
    monkeypatch.setattr(core_data, "describe", fail(make(hostile.ALL_IN_ONE)))
    result = cli(*(["--debug"] if debug else []), "data", "describe")
    hostile.assert_harmless(result)
    assert [line.split()[0] for line in result.err.splitlines()[-2:]] == ["Error:", "Next:"]
    assert debug or len(result.err.splitlines()) == 2
    assert debug == ("Traceback (most recent call last):" in result.err)


def test_a_long_error_is_cut_and_json_has_all_of_it(project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    error = MlctlError(hostile.LONG + "\x1b\n", code="c", exit_code=ExitCode.AWS)
    monkeypatch.setattr(core_data, "describe", fail(error))
    result = cli("data", "describe", "--json")
    assert len(result.err) < 5000
    assert result.json["error"]["message"] == hostile.LONG + "\x1b\n"


def test_only_our_own_lines_of_an_error_are_lines(project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    error = MlctlError("first\nx", code="c", exit_code=ExitCode.AWS, details=["second\ny", "third"])
    assert error.message == str(error) == "first\nx\nsecond\ny\nthird"
    monkeypatch.setattr(core_data, "describe", fail(error))
    result = cli("data", "describe", "--json")
    assert result.err.splitlines() == ["Error: first\\nx", "  second\\ny", "  third"]
    assert result.json["error"]["message"] == error.message


def test_the_trace_of_an_error_indents_what_it_says(project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cause = ValueError("one\nError: forged\n  File x")
    error = MlctlError("first", code="c", exit_code=ExitCode.AWS)
    error.__cause__ = cause
    monkeypatch.setattr(core_data, "describe", fail(error))
    shown = cli("--debug", "data", "describe").err
    assert "ValueError: one\n    Error: forged\n      File x\n" in shown
    assert "\nThe above exception was the direct cause of the following exception:\n" in shown


def test_warnings_of_libraries_are_one_line(project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def warn(*_: object, **__: object) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            sys.stderr.write(warnings.formatwarning(hostile.ALL_IN_ONE, UserWarning, "a\x1b.py", 3))
        raise MlctlError("end", code="c", exit_code=ExitCode.AWS)

    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    monkeypatch.setattr(core_data, "describe", warn)
    result = cli("data", "describe")
    hostile.assert_harmless(result)
    assert result.err.splitlines()[0].startswith("a\\x1b.py:3: UserWarning: \\x1b]0;owned")
    assert len(result.err.splitlines()) == 2


def test_json_holds_the_exact_text_in_ascii_without_controls(capsys: pytest.CaptureFixture[str]) -> None:
    text = hostile.ALL_IN_ONE + hostile.LONE + "\x7f"
    terminal.echo_json({"text": text})
    shown = capsys.readouterr().out
    assert shown.isascii()
    assert hostile.obeyed(shown) == set()
    assert shown.count("\n") == 1
    assert json.loads(shown)["text"].encode("utf-16-le", "surrogatepass") == text.encode("utf-16-le", "surrogatepass")


def test_a_question_is_printable(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert terminal.confirm(f"Delete {hostile.CLEAR}\nx?")
    assert "Delete \\x1b[2J\\x1b[31m\\nx?" in capsys.readouterr().err


def test_usage_errors_are_printable(cli: Cli) -> None:
    for words in ((f"x{hostile.FORGED}",), ("train", f"--{hostile.TITLE}"), ("train", "-p", hostile.CLEAR)):
        result = cli(*words)
        assert result.code == 2
        hostile.assert_harmless(result)
        assert len(result.err.splitlines()) == 2


def test_no_command_writes_past_the_guard() -> None:
    """As the bans in pyproject.toml, for whoever runs the tests alone."""
    for path in Path(app.__file__).parent.glob("*.py"):
        if path.name not in ("terminal.py", "console.py"):
            source = path.read_text(encoding="utf-8")
            assert (
                re.findall(r"rich\.markup|rich import print|typer\.(?:s?echo|confirm|prompt)|stdout\.write", source)
                == []
            )
