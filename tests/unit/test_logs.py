"""Reading a log: each event once, late ones too; lines parsed and filtered."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mlctl.aws.logs import LATE_MS, LogEvent, LogReader
from mlctl.cli.logs import _text
from mlctl.core.logs import Filter, Line, parse, seconds
from mlctl.errors import MlctlError
from tests import hostile


class FakeLogs:
    """FilterLogEvents over a list: pages of two, from startTime on, with or without event ids."""

    def __init__(self, with_ids: bool) -> None:
        self.events: list[dict[str, Any]] | None = []
        self._with_ids = with_ids

    def add(self, timestamp: int, message: str, stream: str = "a") -> None:
        assert self.events is not None
        event = {"logStreamName": stream, "timestamp": timestamp, "message": message}
        if self._with_ids:
            event["eventId"] = str(len(self.events))
        self.events.append(event)

    @property
    def logs(self) -> "FakeLogs":
        return self

    def get_paginator(self, _: str) -> "FakeLogs":
        return self

    def paginate(self, logGroupName: str, startTime: int) -> Any:
        if self.events is None:
            error: Any = {"Error": {"Code": "ResourceNotFoundException"}}
            raise ClientError(error, "FilterLogEvents")
        found = [event for event in self.events if event["timestamp"] >= startTime]
        for start in range(0, max(len(found), 1), 2):
            yield {"events": found[start : start + 2]}


def reader(fake: FakeLogs, since: int = 0) -> LogReader:
    return LogReader(fake, "group", since)  # type: ignore[arg-type]  # the one call it makes is faked


def messages(reader: LogReader) -> list[str]:
    return [event.message for event in reader.read()]


@pytest.mark.parametrize("with_ids", [True, False])
def test_nothing_is_lost_or_repeated(with_ids: bool) -> None:
    fake = FakeLogs(with_ids)
    read = reader(fake)
    fake.add(1000, "one")
    fake.add(1000, "same")
    fake.add(1000, "same")
    assert messages(read) == ["one", "same", "same"]
    assert messages(read) == []
    fake.add(1000, "same")
    fake.add(1000, "same", stream="b")
    assert messages(read) == ["same", "same"]
    fake.add(1000 + LATE_MS // 2, "new")
    fake.add(900, "late")
    assert messages(read) == ["late", "new"]
    fake.add(1000 + 3 * LATE_MS, "much later")
    assert messages(read) == ["much later"]
    assert messages(read) == []


def test_what_lies_before_the_start_is_not_read() -> None:
    fake = FakeLogs(with_ids=True)
    fake.add(5, "old")
    fake.add(10, "new")
    assert messages(reader(fake, since=10)) == ["new"]


def test_a_group_that_is_not_there_yet_is_waited_for() -> None:
    fake = FakeLogs(with_ids=True)
    fake.events = None
    read = reader(fake)
    assert messages(read) == []
    fake.events = []
    fake.add(1, "there")
    assert messages(read) == ["there"]


def test_what_was_given_long_ago_is_forgotten() -> None:
    fake = FakeLogs(with_ids=False)
    read = reader(fake)
    for number in range(100):
        fake.add(number * LATE_MS, str(number))
        assert messages(read) == [str(number)]
    assert len(read._given) <= 3


OURS = (
    '{"timestamp": "t", "level": "WARNING", "message": "bad", "request_id": "abcdef01-x", "route": "POST /predict", '
    '"status": 422, "latency_ms": 0.5, "model_version": "v"}'
)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (OURS, "structured"),
        ("START RequestId: abc Version: 1", "platform"),
        ("REPORT RequestId: abc\tDuration: 1 ms", "platform"),
        ("INIT_START Runtime Version: python:3.12", "platform"),
        ('{"time": "t", "type": "platform.report", "record": {}}', "platform"),
        ("Traceback (most recent call last):", "text"),
        ("STARTED well", "text"),
        ("[1, 2]", "text"),
    ],
)
def test_lines_are_told_apart(message: str, kind: str) -> None:
    assert parse(LogEvent(0, "s", message)).kind == kind


def line(message: str) -> Line:
    return parse(LogEvent(1_700_000_000_123, "s", message))


def test_filters() -> None:
    warning, text, start = line(OURS), line("hello abcdef01"), line("START RequestId: abcdef01-x Version: 1")
    assert [Filter().passes(each) for each in (warning, text, start)] == [True, True, True]
    assert [Filter(level="WARNING").passes(each) for each in (warning, text, start)] == [True, False, False]
    assert [Filter(level="ERROR").passes(each) for each in (warning, text, start)] == [False, False, False]
    assert [Filter(level="INFO").passes(each) for each in (warning, text, start)] == [True, True, False]
    assert [Filter(request_id="abcdef01").passes(each) for each in (warning, text, start)] == [True, True, True]
    assert Filter(request_id="other").passes(warning) is False


def test_spans_of_time() -> None:
    assert [seconds(text) for text in ("90s", "10m", "1.5h", "2d")] == [90, 600, 5400, 172800]
    for wrong in ("10", "m", "10x", "-5m", ""):
        with pytest.raises(MlctlError, match="is not a span of time"):
            seconds(wrong)


def test_a_line_is_coloured_and_aligned() -> None:
    from rich.text import Text

    warning = Text.from_markup(_text(line(OURS)))
    good = Text.from_markup(
        _text(line(OURS.replace("WARNING", "INFO").replace('"bad"', '"request"').replace("422", "200")))
    )
    assert warning.plain == "22:13:20.123Z WARNING  422 POST /predict      0.500 ms  abcdef01  bad"
    assert good.plain == "22:13:20.123Z INFO     200 POST /predict      0.500 ms  abcdef01"
    assert {str(span.style) for span in warning.spans} == {"dim", "yellow"}
    own = Text.from_markup(_text(line('{"level": "ERROR", "message": "mine [x]"}')))
    assert own.plain == "22:13:20.123Z ERROR              mine [x]"


RECORD = {"level": "INFO", "message": "request", "request_id": "abcdef01-x", "status": 200, "latency_ms": 0.5}


def plain(message: str) -> str:
    from rich.text import Text

    return Text.from_markup(_text(line(message)), emoji=False).plain


@pytest.mark.parametrize("text", [*hostile.EVERY, hostile.ALL_IN_ONE, hostile.LONE, hostile.LONG])
@pytest.mark.parametrize("key", ["level", "message", "request_id", "route", "status", "latency_ms", "x"])
def test_a_record_is_one_line_whatever_its_fields_hold(key: str, text: str) -> None:
    for record in (RECORD | {"route": "GET /x", key: text}, RECORD | {key: text}, RECORD | {key: [text]}):
        shown = plain(json.dumps(record, ensure_ascii=False))
        assert "\n" not in shown
        assert hostile.obeyed(shown) == set()
        assert len(shown) < 14_000


@pytest.mark.parametrize("value", [None, True, [1], {"a": 1}, 10**400, "x", -1e300, 1e300])
def test_a_field_of_another_type_is_no_defect(value: Any) -> None:
    for key in (*RECORD, "route", "exception"):
        assert plain(json.dumps(RECORD | {"route": "GET /x", key: value})).startswith("22:13:20.123Z ")


@pytest.mark.parametrize("text", [*hostile.EVERY, "one\ntwo\n", "START RequestId: x\nError: forged", "[" * 100_000])
def test_text_of_other_programs_is_one_line(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown
    assert hostile.obeyed(shown) == set()
    assert len(shown) < 5000


def test_a_path_cannot_look_like_the_columns_after_it() -> None:
    path = "/x  0.001 ms\u3000abcdef02\xa0 good"
    shown = plain(json.dumps(RECORD | {"route": f"GET {path}", "status": 404}))
    assert "GET /x\\x20\\x200.001\\x20ms\\u3000abcdef02\\xa0\\x20good" in shown


def test_the_trace_of_a_defect_is_indented_below_its_record() -> None:
    trace = "Traceback:\n  File x\nValueError: a\n22:13:20.123Z INFO forged\x1b[2J\n"
    shown = plain(json.dumps(RECORD | {"route": "GET /x", "level": "ERROR", "exception": trace}))
    first, *others = shown.split("\n")
    assert first.startswith("22:13:20.123Z ERROR")
    assert others == [
        "    Traceback:",
        "      File x",
        "    ValueError: a",
        "    22:13:20.123Z INFO forged\\x1b[2J",
    ]
