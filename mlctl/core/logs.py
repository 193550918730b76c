"""Reads, filters and follows the handler's log in CloudWatch Logs, for ``mlctl logs``."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from mlctl.aws.client.errors import translate_errors
from mlctl.aws.live.logs import LogEvent, LogReader
from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event, Report, silent
from mlctl.settings import Settings
from mlctl.stages import LOCAL, Stage, open_stage
from mlctl.stages.emulator import Emulator, LocalEmulator

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_POLL_SECONDS = 1.0
# How long --tail waits for a stopped emulator to start again.
_RESTART_SECONDS = 30.0

# Lambda's own lines in text format. In JSON format they have a type "platform.…".
_PLATFORM = re.compile(r"^(START|END|REPORT|INIT_START|INIT_REPORT|RESTORE_START|RESTORE_REPORT|XRAY)\b")


@dataclass(frozen=True)
class Line:
    """One line of the log. ``fields`` is the JSON object of a JSON line, otherwise empty.

    ``kind``: ``structured`` for a line of the handler, ``platform`` for a line of Lambda, ``text`` for any other.
    ``timestamp``: milliseconds since the epoch.
    """

    kind: Literal["structured", "platform", "text"]
    timestamp: int
    message: str
    fields: dict[str, Any]

    @property
    def level(self) -> str:
        """The level; INFO for a line without a level."""
        return str(self.fields.get("level", "INFO")).upper()


@dataclass(frozen=True)
class Filter:
    """Selects lines of at least ``level``, or of one request."""

    level: str | None = None
    request_id: str | None = None

    def passes(self, line: Line) -> bool:
        """Return whether the filter selects a line. Part of a request id is enough."""
        if self.request_id and self.request_id not in line.message:
            return False
        return self.level is None or (line.kind != "platform" and _rank(line.level) >= _rank(self.level))


def read(
    project_folder: Path,
    settings: Settings,
    stage_name: str,
    *,
    since_seconds: float,
    line_filter: Filter,
    report: Report = silent,
    now: Callable[[], float] = time.time,
) -> Iterator[Line]:
    """Yield the lines of the last ``since_seconds``. Raises MlctlError (exit 6) if there is no log group."""
    stage = open_stage(project_folder, settings, stage_name, report)
    reader = _reader(stage, since_seconds, now)
    with translate_errors():
        if not reader.exists():
            raise stage.not_deployed()
        yield from _lines(reader, line_filter)


def tail(
    project_folder: Path,
    settings: Settings,
    stage_name: str,
    *,
    since_seconds: float,
    line_filter: Filter,
    report: Report = silent,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Line]:
    """Yield the lines of the last ``since_seconds`` and all new lines, each once, without end.

    Waits for a missing log group. If the local emulator stops and starts again, continues with the new emulator.
    Raises MlctlError (exit 5) if it does not start again.
    """
    stage = open_stage(project_folder, settings, stage_name, report)
    local = LocalEmulator(project_folder) if stage.name == LOCAL and settings.local_endpoint is None else None
    emulator = local.running() if local else None
    reader = _reader(stage, since_seconds, now)
    with translate_errors():
        if not reader.exists():
            report(Event("note", "logs", f"Waiting for the log group of stage '{stage_name}' (Ctrl-C to stop)"))
    while True:
        try:
            with translate_errors():
                yield from _lines(reader, line_filter)
        except MlctlError:
            if local is None or emulator is None or _is_running(local, emulator):
                raise
            emulator = _wait_for_restart(local, emulator, report, sleep)
            reader.reconnect(open_stage(project_folder, settings, stage_name, report).aws)
        sleep(_POLL_SECONDS)


def _is_running(local: LocalEmulator, emulator: Emulator) -> bool:
    with suppress(MlctlError):
        return local.answering() == emulator
    return False


def _wait_for_restart(
    local: LocalEmulator, stopped: Emulator, report: Report, sleep: Callable[[float], None]
) -> Emulator:
    """Return the emulator that replaces ``stopped``."""
    report(Event("note", "logs", "The local emulator stopped. Waiting for it to start again (Ctrl-C to stop)"))
    deadline = time.monotonic() + _RESTART_SECONDS
    while time.monotonic() < deadline:
        with suppress(MlctlError):
            emulator = local.answering()
            if emulator is not None and emulator != stopped:
                report(Event("note", "logs", "The local emulator started again."))
                return emulator
        sleep(_POLL_SECONDS)
    # Raises if the emulator is running but does not answer.
    local.answering()
    raise MlctlError(
        "The local emulator stopped and writes no more log lines.",
        code="emulator_ended",
        exit_code=ExitCode.AWS,
        hint="Run `mlctl local start`, then `mlctl logs --tail` again.",
    )


def parse(event: LogEvent) -> Line:
    """Return a log event as a Line."""
    message = event.message.rstrip("\n")
    try:
        fields = json.loads(message, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        fields = None
    if isinstance(fields, dict):
        kind: Literal["structured", "platform"] = (
            "platform" if str(fields.get("type", "")).startswith("platform.") else "structured"
        )
        return Line(kind=kind, timestamp=event.timestamp, message=message, fields=fields)
    is_platform = _PLATFORM.match(message) is not None
    return Line(kind="platform" if is_platform else "text", timestamp=event.timestamp, message=message, fields={})


def _reject_constant(name: str) -> NoReturn:
    """Reject NaN and infinities, which are not JSON: the output of `logs --json` must be valid JSON."""
    raise ValueError(name)


def _reader(stage: Stage, since_seconds: float, now: Callable[[], float]) -> LogReader:
    # The timestamps of the emulator come from this machine's clock.
    clock = now if stage.endpoint else None
    return LogReader(stage.aws, stage.names.log_group, since=int((now() - since_seconds) * 1000), clock=clock)


def _lines(reader: LogReader, line_filter: Filter) -> Iterator[Line]:
    return (line for line in map(parse, reader.read()) if line_filter.passes(line))


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else LEVELS.index("INFO")
