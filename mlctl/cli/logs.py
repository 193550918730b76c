"""The ``mlctl logs`` command."""

from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.options import JsonFlag, StageFlag
from mlctl.cli.output.terminal import MAX_LINE, echo, echo_json, escape
from mlctl.cli.session import Session
from mlctl.text import escape_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlctl.core.logs import Filter, Line

# The handler writes at most this many.
_ROUTE_CHARACTERS = 200
_COLOURS = {"DEBUG": "dim", "INFO": "green", "WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}


def logs(
    ctx: typer.Context,
    tail: Annotated[bool, typer.Option("--tail", "-t", help="Follow new lines until Ctrl-C.")] = False,
    since: Annotated[str, typer.Option("--since", help="How far to go back, such as 90s, 10m, 2h or 1d.")] = "10m",
    level: Annotated[
        str | None, typer.Option("--level", help="Only lines of at least this level: DEBUG, INFO, WARNING, ERROR.")
    ] = None,
    request_id: Annotated[
        str | None, typer.Option("--request-id", help="Only lines of one request; part of its id is enough.")
    ] = None,
    platform: Annotated[bool, typer.Option("--platform", help="Also show Lambda's own lines.")] = False,
    stage: StageFlag = "local",
    as_json: JsonFlag = False,
) -> None:
    """Show the log of the handler, one line for each request."""
    with _until_ctrl_c(tail):
        _show_lines(Session(ctx, as_json), stage, since, _filter(level, request_id), tail=tail, platform=platform)


@contextmanager
def _until_ctrl_c(tail: bool) -> "Iterator[None]":
    """Let Ctrl-C end --tail without an error."""
    try:
        yield
    except KeyboardInterrupt:
        if not tail:
            raise


def _filter(level: str | None, request_id: str | None) -> "Filter":
    from mlctl.core import logs as core

    if level is not None and level.upper() not in core.LEVELS:
        raise typer.BadParameter(f"'{level}' is not one of {', '.join(core.LEVELS)}.", param_hint="--level")
    return core.Filter(level=level.upper() if level else None, request_id=request_id)


def _show_lines(session: Session, stage: str, since: str, line_filter: "Filter", *, tail: bool, platform: bool) -> None:
    from mlctl.core import logs as core
    from mlctl.durations import parse_seconds

    read = core.tail if tail else core.read
    since_seconds = parse_seconds(since)
    settings = session.settings(stage=stage)
    shown = hidden = 0
    try:
        with session.progress() as report:
            lines = read(
                session.folder,
                settings,
                stage,
                since_seconds=since_seconds,
                line_filter=line_filter,
                report=report,
            )
            first = next(lines, None)
        for line in chain([] if first is None else [first], lines):
            if line.kind == "platform" and not platform:
                hidden += 1
            else:
                shown += 1
                _show_line(session, line)
    finally:
        if hidden:
            session.err.print(f"[dim]{hidden} lines of Lambda hidden; --platform shows them.[/]")
    if not shown:
        session.err.print(f"[dim]No lines in the last {escape(since)}.[/]")


def _show_line(session: Session, line: "Line") -> None:
    if not session.as_json:
        session.out.print(_text(line))
    elif not line.fields:
        echo_json({"timestamp": _iso(line), "level": line.level, "message": line.message})
    elif line.message.isascii() and line.message.isprintable():
        echo(line.message)
    else:
        # A line of another program may be JSON on several lines, or contain characters other than ASCII.
        echo_json(line.fields)


def _text(line: "Line") -> str:
    """Return a log line as markup, followed by the indented traceback if it has one."""
    time = f"[dim]{_iso(line)[11:]}[/]"
    if line.kind != "structured":
        style = "dim" if line.kind == "platform" else "default"
        return f"{time} [{style}]{escape(line.message, MAX_LINE)}[/]"
    fields = line.fields
    level = f"[{_COLOURS.get(line.level, 'default')}]{escape(line.level, 20):8}[/]"
    message = "" if fields.get("message") == "request" else _field(fields, "message")
    request = f"[dim]{escape(str(fields.get('request_id', ''))[:8]):8}[/]"
    if "route" not in fields:
        return f"{time} {level} {request}  {message or escape(line.message, MAX_LINE)}"
    latency = fields.get("latency_ms", 0)
    # A line of another program may have any value here, even a number beyond float64.
    is_number = isinstance(latency, int | float) and abs(latency) < 1e12
    duration = f"{latency:.3f} ms" if is_number else ""
    record = f"{time} {level} {_field(fields, 'status'):>3} {_route(fields):14} {duration:>12}  {request}  {message}"
    return record.rstrip() + _traceback(fields)


def _field(fields: dict[str, Any], name: str) -> str:
    return escape(str(fields.get(name, "")), MAX_LINE)


def _route(fields: dict[str, Any]) -> str:
    r"""Return method and path. Spaces in the path become ``\x20``, so that it cannot imitate the next columns."""
    method, space, path = str(fields["route"])[:_ROUTE_CHARACTERS].partition(" ")
    escaped_path = "".join(escape_of(character) if character.isspace() else character for character in path)
    return escape(method + space) + escape(escaped_path)


def _traceback(fields: dict[str, Any]) -> str:
    lines = str(fields.get("exception", "")).rstrip().split("\n")
    return "".join(f"\n    [red]{escape(line, MAX_LINE)}[/]" for line in lines if line)


def _iso(line: "Line") -> str:
    from datetime import UTC, datetime

    time = datetime.fromtimestamp(line.timestamp / 1000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
