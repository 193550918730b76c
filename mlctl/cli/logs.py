"""``mlctl logs``."""

import json
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from mlctl.cli.session import JsonFlag, Session, StageName
from mlctl.cli.terminal import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlctl.core.logs import Filter, Line

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
        session.err.print(f"[dim]No lines in the last {since}.[/]")


def _show(session: Session, line: "Line") -> None:
    if not session.as_json:
        session.out.print(_text(line))
    elif line.fields:
        typer.echo(line.message)
    else:
        typer.echo(json.dumps({"timestamp": _iso(line), "level": line.level, "message": line.message}))


def _text(line: "Line") -> str:
    """One line for a person."""
    time = f"[dim]{_iso(line)[11:]}[/]"
    if line.kind != "structured":
        style = "dim" if line.kind == "platform" else "default"
        return f"{time} [{style}]{escape(line.message)}[/]"
    fields = line.fields
    level = f"[{_COLOURS.get(line.level, 'default')}]{line.level:8}[/]"
    message = "" if fields.get("message") == "request" else escape(str(fields.get("message", "")))
    request = f"[dim]{escape(str(fields.get('request_id', ''))[:8]):8}[/]"
    if "route" not in fields:
        return f"{time} {level} {request}  {message or escape(line.message)}"
    trace = f"\n[red]{escape(str(fields['exception']).rstrip())}[/]" if "exception" in fields else ""
    latency = f"{fields.get('latency_ms', 0):.3f} ms"
    return (
        f"{time} {level} {fields.get('status', ''):>3} {escape(str(fields['route'])):14} {latency:>12}  "
        f"{request}  {message}{trace}"
    ).rstrip()


def _iso(line: "Line") -> str:
    from datetime import UTC, datetime

    stamp = datetime.fromtimestamp(line.timestamp / 1000, UTC)
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")
