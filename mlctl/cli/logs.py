"""``mlctl logs``."""

from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.output.terminal import MAX_LINE, echo, echo_json, escape
from mlctl.cli.session import JsonFlag, Session, StageName
from mlctl.text import escape_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlctl.core.logs import Filter, Line

# As many as the handler writes.
_ROUTE_CHARACTERS = 200
_COLOURS = {"DEBUG": "dim", "INFO": "green", "WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}


def logs(
    ctx: typer.Context,
    tail: Annotated[bool, typer.Option("--tail", "-t", help="Go on with new lines until Ctrl-C.")] = False,
    since: Annotated[str, typer.Option("--since", help="How far back, such as 90s, 10m, 2h, 1d.")] = "10m",
    level: Annotated[
        str | None, typer.Option("--level", help="Only lines of at least this level: DEBUG, INFO, WARNING, ERROR.")
    ] = None,
    request_id: Annotated[
        str | None, typer.Option("--request-id", help="Only lines of one request; its id may be shortened.")
    ] = None,
    platform: Annotated[bool, typer.Option("--platform", help="Show Lambda's own lines in full, too.")] = False,
    stage: StageName = "local",
    as_json: JsonFlag = False,
) -> None:
    """Show what the handler logged, a line a request."""
    with _until_ctrl_c(tail):
        _follow(Session(ctx, as_json), stage, since, _wanted(level, request_id), tail=tail, platform=platform)


@contextmanager
def _until_ctrl_c(tail: bool) -> "Iterator[None]":
    """Ctrl-C is how following ends: nothing went wrong."""
    try:
        yield
    except KeyboardInterrupt:
        if not tail:
            raise


def _wanted(level: str | None, request_id: str | None) -> "Filter":
    from mlctl.core import logs as core

    if level is not None and level.upper() not in core.LEVELS:
        raise typer.BadParameter(f"'{level}' is not one of {', '.join(core.LEVELS)}.", param_hint="--level")
    return core.Filter(level=level.upper() if level else None, request_id=request_id)


def _follow(session: Session, stage: str, since: str, wanted: "Filter", *, tail: bool, platform: bool) -> None:
    from mlctl.core import logs as core

    read = core.tail if tail else core.read
    span = core.seconds(since)
    settings = session.settings(stage=stage)
    shown = folded = 0
    try:
        with session.progress() as report:
            lines = read(session.folder, settings, stage, since_seconds=span, wanted=wanted, report=report)
            first = next(lines, None)
        for line in chain([] if first is None else [first], lines):
            if line.kind == "platform" and not platform:
                folded += 1
            else:
                shown += 1
                _show(session, line)
    finally:
        if folded:
            session.err.print(f"[dim]{folded} lines of Lambda itself folded; --platform shows them.[/]")
    if not shown:
        session.err.print(f"[dim]No lines in the last {escape(since)}.[/]")


def _show(session: Session, line: "Line") -> None:
    if not session.as_json:
        session.out.print(_text(line))
    elif not line.fields:
        echo_json({"timestamp": _iso(line), "level": line.level, "message": line.message})
    elif line.message.isascii() and line.message.isprintable():
        echo(line.message)
    else:
        # Of another program: JSON may be spread over several lines, and hold other than ASCII.
        echo_json(line.fields)


def _text(line: "Line") -> str:
    """One line for a person; the trace of a defect stands below it, indented."""
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
    # A line of another program may hold anything there, a number beyond float64 too.
    is_number = isinstance(latency, int | float) and abs(latency) < 1e12
    took = f"{latency:.3f} ms" if is_number else ""
    record = f"{time} {level} {_field(fields, 'status'):>3} {_route(fields):14} {took:>12}  {request}  {message}"
    return record.rstrip() + _trace(fields)


def _field(fields: dict[str, Any], name: str) -> str:
    return escape(str(fields.get(name, "")), MAX_LINE)


def _route(fields: dict[str, Any]) -> str:
    r"""Method and path, whose spaces stand as ``\x20``: a path cannot look like the columns that follow it."""
    method, space, path = str(fields["route"])[:_ROUTE_CHARACTERS].partition(" ")
    return escape(method + space) + escape("".join(escape_of(each) if each.isspace() else each for each in path))


def _trace(fields: dict[str, Any]) -> str:
    lines = str(fields.get("exception", "")).rstrip().split("\n")
    return "".join(f"\n    [red]{escape(line, MAX_LINE)}[/]" for line in lines if line)


def _iso(line: "Line") -> str:
    from datetime import UTC, datetime

    stamp = datetime.fromtimestamp(line.timestamp / 1000, UTC)
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")
