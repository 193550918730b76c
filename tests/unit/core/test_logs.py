"""Reading a log: each event once, late ones too; lines parsed and filtered."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mlctl.aws.client.session import Aws
from mlctl.aws.live.log_pages import LogScan
from mlctl.aws.live.logs import LATE_MS, LogEvent, LogReader
from mlctl.aws.live.metrics import ServerErrors
from mlctl.aws.live.recent_errors import failures
from mlctl.cli.logs import _text
from mlctl.core import logs
from mlctl.core.logs import Filter, Line, parse
from mlctl.errors import ExitCode, MlctlError
from mlctl.settings import Settings
from mlctl.stages import Stage
from mlctl.stages.emulator import Emulator, LocalEmulator
from tests.support import hostile


class FakeLogs:
    """A log group as AWS gives it (tokens, pages of two, some of them empty) or as the emulator does (see there)."""

    def __init__(self, with_ids: bool, *, cap: int = 0) -> None:
        self.events: list[dict[str, Any]] | None = []
        self.calls: list[str] = []
        self._with_ids = with_ids
        self._cap = cap

    def add(self, timestamp: int, message: str, stream: str = "a") -> None:
        assert self.events is not None
        event = {"logStreamName": stream, "timestamp": timestamp, "message": message}
        if self._with_ids:
            event["eventId"] = str(len(self.events))
        self.events.append(event)

    @property
    def logs(self) -> "FakeLogs":
        return self

    def filter_log_events(self, **request: Any) -> dict[str, Any]:
        self.calls.append("FilterLogEvents")
        if self.events is None:
            error: Any = {"Error": {"Code": "ResourceNotFoundException"}}
            raise ClientError(error, "FilterLogEvents")
        end = request.get("endTime", 2**63)
        kept = [event for event in self.events if request["startTime"] <= event["timestamp"] <= end]
        kept.sort(key=lambda event: event["timestamp"])
        if self._cap:
            # ministack: the oldest ones, streams side by side, and never a token.
            assert "nextToken" not in request
            return {"events": kept[: min(self._cap, request["limit"])], "searchedLogStreams": []}
        page = int(request.get("nextToken", 0))
        number, is_empty = divmod(page, 2)
        more = {"nextToken": str(page + 1)} if (number + 1) * 2 < len(kept) or is_empty else {}
        return {"events": [] if is_empty else kept[number * 2 : number * 2 + 2], **more}

    def get_paginator(self, name: str) -> "FakeLogs":
        assert name == "describe_log_streams"
        return self

    def paginate(self, logGroupName: str) -> Any:
        self.calls.append("DescribeLogStreams")
        for name in sorted({event["logStreamName"] for event in self.events or ()}):
            times = [event["timestamp"] for event in self.events or () if event["logStreamName"] == name]
            stream = {"logStreamName": name, "firstEventTimestamp": min(times), "lastEventTimestamp": max(times)}
            yield {"logStreams": [stream]}

    def get_log_events(self, **request: Any) -> dict[str, Any]:
        self.calls.append("GetLogEvents")
        kept = [
            {"timestamp": event["timestamp"], "message": event["message"]}
            for event in self.events or ()
            if event["logStreamName"] == request["logStreamName"]
            and request["startTime"] <= event["timestamp"] < request["endTime"]
        ]
        start = int(request.get("nextToken", 0))
        page = kept[start : start + min(self._cap, request["limit"])]
        return {"events": page, "nextForwardToken": str(start + len(page))}


def reader(fake: FakeLogs, since: int = 0, page_size: int = 10_000) -> LogReader:
    # The calls that it makes are faked.
    return LogReader(fake, "group", since, page_size=page_size)  # type: ignore[arg-type]


def messages(reader: LogReader) -> list[str]:
    return [event.message for event in reader.read()]


@pytest.mark.parametrize("with_ids", [True, False])
@pytest.mark.parametrize("cap", [0, 2, 3, 4, 10_000])
def test_nothing_is_lost_or_repeated(with_ids: bool, cap: int) -> None:
    fake = FakeLogs(with_ids, cap=cap)
    read = reader(fake, page_size=cap or 10_000)
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


def test_a_full_page_without_a_token_is_not_the_last() -> None:
    fake = FakeLogs(with_ids=False, cap=10)
    for number in range(95):
        # Four lines a millisecond: pages end within one.
        fake.add(1000 + number // 4, f"line {number}", stream=f"s{number % 7}")
    assert messages(reader(fake, page_size=10)) == [f"line {number}" for number in range(95)]
    assert set(fake.calls) == {"FilterLogEvents"}


def test_a_millisecond_with_more_lines_than_a_page_is_read_stream_by_stream() -> None:
    fake = FakeLogs(with_ids=True, cap=10)
    expected = [(1000, "before"), (1002, "after")]
    fake.add(1000, "before")
    for number in range(64):
        # Equal lines, too: each is an event of its own.
        fake.add(1001, f"line {number // 2}", stream="abc"[number % 3])
        expected.append((1001, f"line {number // 2}"))
    fake.add(1002, "after")
    read = reader(fake, page_size=10)
    events = [(event.timestamp, event.message) for event in read.read()]
    assert [timestamp for timestamp, _ in events] == sorted(timestamp for timestamp, _ in expected)
    assert sorted(events) == sorted(expected)
    assert {"DescribeLogStreams", "GetLogEvents"} <= set(fake.calls)
    assert messages(read) == []
    fake.add(1001, "line 0", stream="a")
    assert messages(read) == ["line 0"]


def test_lines_are_given_before_the_log_is_read_to_its_end() -> None:
    fake = FakeLogs(with_ids=False, cap=10)
    for number in range(100):
        fake.add(number, str(number))
    assert next(reader(fake, page_size=10).read()).message == "0"
    assert len(fake.calls) == 1


def test_what_was_given_is_remembered_for_a_minute_only_within_one_reading_too() -> None:
    fake = FakeLogs(with_ids=False, cap=10)
    for number in range(100):
        fake.add(number * LATE_MS // 4, str(number))
    read = reader(fake, page_size=10)
    most = 0
    for _ in read.read():
        most = max(most, len(read._given))
    assert most <= 4 + 1 + 10
    assert len(read._given) <= 5


def test_a_page_that_failed_is_asked_for_again() -> None:
    fake = FakeLogs(with_ids=False, cap=3)
    for number in range(20):
        fake.add(1000 + number // 5, str(number), stream="ab"[number % 2])
    scan = LogScan(fake, "group", start=0, page_size=3)  # type: ignore[arg-type]  # the calls that it makes are faked
    found: list[str] = []
    answers = {name: getattr(fake, name) for name in ("filter_log_events", "get_log_events")}

    def fail(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "FilterLogEvents")

    while not scan.finished:
        for name in answers:
            setattr(fake, name, fail)
        with pytest.raises(ClientError):
            scan.page()
        for name, answer in answers.items():
            setattr(fake, name, answer)
        found += [event["message"] for event in scan.page()]
        if scan._streams == []:
            # Nothing is asked for at the end of the streams of a millisecond.
            found += [event["message"] for event in scan.page()]
    assert sorted(map(int, found)) == list(range(20))


def test_failures_beyond_the_first_page_of_an_emulator_are_counted() -> None:
    fake = FakeLogs(with_ids=False, cap=10)
    for number in range(500):
        level = "ERROR" if number % 50 == 49 else "INFO"
        fake.add(number, json.dumps({"level": level, "message": str(number)}))
    found = failures(fake, "group", 600, page_size=10)  # type: ignore[arg-type]  # the calls that it makes are faked
    assert (found.count, found.complete) == (10, True)
    assert [failure.message for failure in found.recent] == ["499", "449", "399"]


def test_server_errors_beyond_the_first_page_of_an_emulator_are_counted() -> None:
    fake = FakeLogs(with_ids=False, cap=20)
    for number in range(95):
        fake.add(1000 + number, json.dumps({"status": 500 if number % 10 == 9 else 200}), stream="2030/01/01/[8]a")
    log = ServerErrors(fake, "group", 0, page_size=20)  # type: ignore[arg-type]  # the calls that it makes are faked
    assert (log.count(2)["8"], log.complete) == (9, True)


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


def test_lines_after_the_clock_was_set_back_are_given_each_once_and_at_once() -> None:
    fake, seconds, set_by = FakeLogs(with_ids=False), 10_000.0, 0.0
    following = LogReader(
        fake,  # type: ignore[arg-type]  # the calls that it makes are faked
        "group",
        since=0,
        clock=lambda: seconds + set_by,
        timer=lambda: seconds,
    )

    def log(message: str) -> None:
        fake.add(int((seconds + set_by) * 1000), message)

    for number in range(120):
        log(f"early {number}")
        seconds += 1
        assert messages(following) == [f"early {number}"]
    # By less than what is read again, by more, and by more than all that was ever logged; then forward again.
    for set_by in (-30.0, -200.0, -5000.0, 0.0, 7000.0, 200.0):
        for number in range(40):
            log(f"{set_by} {number}")
            seconds += 1
            assert messages(following) == [f"{set_by} {number}"]
            assert messages(following) == []


def test_lines_of_aws_do_not_follow_this_machines_clock() -> None:
    fake = FakeLogs(with_ids=True)
    following = reader(fake)
    fake.add(2**47, "of a clock that is far ahead")
    assert messages(following) == ["of a clock that is far ahead"]
    fake.add(1, "too late")
    assert messages(following) == []


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The emulator of a stage that ends after one line was read."""
    first = Emulator(os.getpid(), 4566, "s" * 32)
    unread = [[LogEvent(1, "a", "before")]]

    def read(self: LogReader) -> Iterator[LogEvent]:
        if not unread:
            raise MlctlError("nothing listens", code="aws_unreachable", exit_code=ExitCode.AWS)
        yield from unread.pop()

    monkeypatch.setattr(logs, "open_stage", lambda *_: Stage("local", Path(), Settings(), Aws(None, "x"), "x"))  # type: ignore[arg-type]  # no client is made
    monkeypatch.setattr(LogReader, "exists", lambda self: True)
    monkeypatch.setattr(LogReader, "read", read)
    monkeypatch.setattr(LocalEmulator, "running", lambda self: first)
    monkeypatch.setattr(LocalEmulator, "answering", lambda self: None)
    # Time passes while it sleeps.
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    monkeypatch.setattr("time.sleep", lambda seconds: clock.append(clock.pop() + seconds))
    return first


def tailed(project: Path, told: list[str]) -> Iterator[Line]:
    return logs.tail(
        project,
        Settings(),
        "local",
        since_seconds=600,
        line_filter=Filter(),
        report=lambda event: told.append(event.text),
        sleep=time.sleep,
    )


def test_a_tail_ends_with_an_emulator_that_is_not_started_again(project: Path, ended: Emulator) -> None:
    told: list[str] = []
    lines = tailed(project, told)
    assert next(lines).message == "before"
    with pytest.raises(MlctlError, match="stopped and writes no more log lines") as end:
        next(lines)
    assert (end.value.code, end.value.exit_code) == ("emulator_ended", ExitCode.AWS)
    assert told == ["The local emulator stopped. Waiting for it to start again (Ctrl-C to stop)"]


def test_a_tail_goes_on_with_the_next_emulator(project: Path, ended: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    lines = tailed(project, told)
    assert next(lines).message == "before"
    another = Emulator(ended.pid, 4567, ended.secret)
    monkeypatch.setattr(LocalEmulator, "answering", lambda self: another)
    monkeypatch.setattr(LogReader, "reconnect", lambda self, aws: told.append("reconnected"))
    before = LogReader.read

    def again(self: LogReader) -> Iterator[LogEvent]:
        yield from [LogEvent(2, "a", "after")] if "reconnected" in told else before(self)

    monkeypatch.setattr(LogReader, "read", again)
    assert next(lines).message == "after"
    assert told[1:] == ["The local emulator started again.", "reconnected"]
