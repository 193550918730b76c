"""Progress as it is seen: on a narrow terminal, in a log, by a program."""

import json
import time
from io import StringIO

import pytest
from rich.console import Console

from mlctl.cli.output import reporters
from mlctl.progress import Event
from tests.support import hostile

TOLD = "1,200 requests, 0 failed, p99 12 ms; live 10,800, 1 failed, p99 11 ms; 151 golden right"


def test_what_a_part_tells_leaves_room_for_its_bar_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    written = StringIO()
    console = Console(file=written, width=80, force_terminal=True, color_system=None, soft_wrap=True)
    with reporters.TerminalReport(console) as report:
        report(Event("start", "canary", "Canary of release 8 at 10 %", done=100, total=300, unit="s"))
        report._progress.refresh()
        assert "100/300 s" in written.getvalue()
        report(Event("advance", "canary", TOLD, done=150, total=300))
        report(Event("advance", "canary", done=152, total=300))
        report._progress.refresh()
        shown = written.getvalue()
    drawn = shown[shown.rindex("Canary of release 8") :]
    assert "━━━━" in drawn
    assert "152/300 s" in drawn
    # Two lines of what was told last, none longer than the terminal.
    assert [text.strip() for text in drawn.splitlines()[1:3]] == [
        "1,200 requests, 0 failed, p99 12 ms; live 10,800, 1 failed, p99 11 ms; 151",
        "golden right",
    ]


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    written = StringIO()
    with reporters.TerminalReport(Console(file=written, width=200)) as report:
        report(Event("start", "canary", "Canary of release 8 at 10 %", total=300, unit="s"))
        for step in range(40):
            now[0] = 1000.0 + 2 * step
            report(Event("advance", "canary", f"{step} golden right" if step % 5 == 0 else "", done=step, total=300))
        report(Event("finish", "canary", "40 golden right"))
    assert written.getvalue().splitlines() == [
        "Canary of release 8 at 10 %: 0 golden right",
        "Canary of release 8 at 10 %: 15 golden right",
        "Canary of release 8 at 10 %: 30 golden right",
        "✓ Canary of release 8 at 10 %: 40 golden right",
    ]


def test_a_program_gets_each_word_of_a_part_and_no_steps_between(capsys: pytest.CaptureFixture[str]) -> None:
    report = reporters.json_report()
    for event in (
        Event("advance", "cv", done=1, total=5),
        Event("advance", "canary", "1 golden right", done=0, total=300),
        Event("advance", "canary", done=2, total=300),
        Event("advance", "canary", "9 golden right", done=16, total=300),
        Event("finish", "canary", "151 golden right"),
    ):
        report(event)
    lines = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
    assert [(each["part"], each["event"], each["message"], each.get("done")) for each in lines] == [
        ("cv", "advance", "", 1),
        ("canary", "advance", "1 golden right", 0),
        ("canary", "advance", "9 golden right", 16),
        ("canary", "finish", "151 golden right", None),
    ]


def test_a_program_gets_a_json_object_a_line_whatever_the_text_is(capsys: pytest.CaptureFixture[str]) -> None:
    report = reporters.json_report()
    for text in (*hostile.EVERY, hostile.LONE, "\x7f"):
        report(Event("note", text, text))
        written = capsys.readouterr().err
        assert hostile.obeyed(written) == set()
        assert written.isascii()
        (line,) = written.splitlines()
        assert json.loads(line)["message"] == text
