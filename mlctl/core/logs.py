"""``mlctl logs``: the handler's lines from CloudWatch Logs, parsed, filtered, followed."""

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
# For so long a tail waits for an emulator that has ended to start again.
_RESTART_SECONDS = 30.0

# Lambda's own lines as text (START, END, REPORT, INIT_START …), and the same as JSON.
_PLATFORM = re.compile(r"^(START|END|REPORT|INIT_START|INIT_REPORT|RESTORE_START|RESTORE_REPORT|XRAY)\b")


@dataclass(frozen=True)
class Line:
    """One line of the log. ``fields`` are the JSON of a structured line, else empty.

    ``kind``: ``structured`` for the handler's lines, ``platform`` for Lambda's own, ``text`` for the rest.
    ``timestamp`` in milliseconds since 1970, UTC.
    """

    kind: Literal["structured", "platform", "text"]
    timestamp: int
    message: str
    fields: dict[str, Any]

    @property
    def level(self) -> str:
        """The level; text that is not ours counts as INFO."""
        return str(self.fields.get("level", "INFO")).upper()


@dataclass(frozen=True)
class Filter:
    """What to show: lines of at least ``level``, and of one request."""

    level: str | None = None
    request_id: str | None = None

    def passes(self, line: Line) -> bool:
        """Whether a line is to be shown. A request id may be shortened."""
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
    """The lines of the last ``since_seconds``. Raises MlctlError (exit 6) when there is no log group."""
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
    """The lines of the last ``since_seconds`` and all that follow, each once; ends only with the caller.

    Waits for a log group that is not there yet. When the local emulator is started again, goes on with the new one.
    Raises MlctlError (exit 5) when it ends and is not.
    """
    stage = open_stage(project_folder, settings, stage_name, report)
    local = LocalEmulator(project_folder) if stage.name == LOCAL and settings.local_endpoint is None else None
    emulator = local.running() if local else None
    reader = _reader(stage, since_seconds, now)
    with translate_errors():
        if not reader.exists():
            report(Event("note", "logs", f"Waiting for the log group of stage '{stage_name}' (Ctrl-C to end)"))
    while True:
        try:
            with translate_errors():
                yield from _lines(reader, line_filter)
        except MlctlError:
            if local is None or emulator is None or _is_well(local, emulator):
                raise
            emulator = _next_emulator(local, emulator, report, sleep)
            reader.reconnect(open_stage(project_folder, settings, stage_name, report).aws)
        sleep(_POLL_SECONDS)


def _is_well(local: LocalEmulator, emulator: Emulator) -> bool:
    with suppress(MlctlError):
        return local.answering() == emulator
    return False


def _next_emulator(local: LocalEmulator, ended: Emulator, report: Report, sleep: Callable[[float], None]) -> Emulator:
    """The emulator that takes the place of ``ended`` within a while."""
    report(Event("note", "logs", "The local emulator has ended: waiting for it to start again (Ctrl-C to end)"))
    until = time.monotonic() + _RESTART_SECONDS
    while time.monotonic() < until:
        with suppress(MlctlError):
            found = local.answering()
            if found is not None and found != ended:
                report(Event("note", "logs", "The local emulator was started again."))
                return found
        sleep(_POLL_SECONDS)
    # Says so where it hangs.
    local.answering()
    raise MlctlError(
        "The local emulator has ended and writes no more log lines.",
        code="emulator_ended",
        exit_code=ExitCode.AWS,
        hint="Run `mlctl local start`, then `mlctl logs --tail` again.",
    )


def parse(event: LogEvent) -> Line:
    """A log event as a Line."""
    message = event.message.rstrip("\n")
    try:
        fields = json.loads(message, parse_constant=_no_number)
    except (ValueError, RecursionError):
        fields = None
    if isinstance(fields, dict):
        kind: Literal["structured", "platform"] = (
            "platform" if str(fields.get("type", "")).startswith("platform.") else "structured"
        )
        return Line(kind=kind, timestamp=event.timestamp, message=message, fields=fields)
    is_platform = _PLATFORM.match(message) is not None
    return Line(kind="platform" if is_platform else "text", timestamp=event.timestamp, message=message, fields={})


def _no_number(name: str) -> NoReturn:
    """NaN and infinities, which Python reads and JSON does not have: `logs --json` writes JSON alone."""
    raise ValueError(name)


def _reader(stage: Stage, since_seconds: float, now: Callable[[], float]) -> LogReader:
    # The emulator stamps its events with this machine's clock.
    clock = now if stage.endpoint else None
    return LogReader(stage.aws, stage.names.log_group, since=int((now() - since_seconds) * 1000), clock=clock)


def _lines(reader: LogReader, line_filter: Filter) -> Iterator[Line]:
    return (line for line in map(parse, reader.read()) if line_filter.passes(line))


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else LEVELS.index("INFO")
