"""``mlctl logs``: the handler's lines from CloudWatch Logs, parsed, filtered, followed."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mlctl.aws.errors import explained
from mlctl.aws.logs import LogEvent, LogReader
from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event, Report, silent
from mlctl.settings import Settings
from mlctl.stages import Stage, open_stage

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_POLL_SECONDS = 1.0
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

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
    wanted: Filter,
    report: Report = silent,
    now: Callable[[], float] = time.time,
) -> Iterator[Line]:
    """The lines of the last ``since_seconds``. Raises MlctlError (exit 6) when there is no log group."""
    stage = open_stage(project_folder, settings, stage_name, report)
    reader = _reader(stage, since_seconds, now)
    with explained():
        if not reader.exists():
            raise stage.not_deployed()
        yield from _lines(reader, wanted)


def tail(
    project_folder: Path,
    settings: Settings,
    stage_name: str,
    *,
    since_seconds: float,
    wanted: Filter,
    report: Report = silent,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Line]:
    """The lines of the last ``since_seconds`` and all that follow, each once; ends only with the caller.

    Waits for a log group that is not there yet.
    """
    stage = open_stage(project_folder, settings, stage_name, report)
    reader = _reader(stage, since_seconds, now)
    with explained():
        if not reader.exists():
            report(Event("note", "logs", f"Waiting for the log group of stage '{stage_name}' (Ctrl-C to end)"))
        while True:
            yield from _lines(reader, wanted)
            sleep(_POLL_SECONDS)


def seconds(text: str) -> float:
    """``"90s"``, ``"10m"``, ``"2h"``, ``"1d"`` in seconds. Raises MlctlError (exit 2) for anything else."""
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if not matched:
        raise MlctlError(
            f"'{text}' is not a span of time.",
            code="since_invalid",
            exit_code=ExitCode.USAGE,
            hint="Use a number with s, m, h or d, such as 10m.",
        )
    return float(matched[1]) * _UNITS[matched[2]]


def parse(event: LogEvent) -> Line:
    """A log event as a Line."""
    message = event.message.rstrip("\n")
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        fields = None
    if isinstance(fields, dict):
        kind: Literal["structured", "platform"] = (
            "platform" if str(fields.get("type", "")).startswith("platform.") else "structured"
        )
        return Line(kind=kind, timestamp=event.timestamp, message=message, fields=fields)
    is_platform = _PLATFORM.match(message) is not None
    return Line(kind="platform" if is_platform else "text", timestamp=event.timestamp, message=message, fields={})


def _reader(stage: Stage, since_seconds: float, now: Callable[[], float]) -> LogReader:
    return LogReader(stage.aws, stage.names.log_group, since=int((now() - since_seconds) * 1000))


def _lines(reader: LogReader, wanted: Filter) -> Iterator[Line]:
    return (line for line in map(parse, reader.read()) if wanted.passes(line))


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else LEVELS.index("INFO")
