"""The ``mlctl status`` command."""

from typing import TYPE_CHECKING, Any

import typer

from mlctl.cli.options import JsonFlag, StageFlag, TokenFlag
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from mlctl.aws.live.recent_errors import Failures
    from mlctl.core.shared.canary_status import ActiveCanary
    from mlctl.core.status import Status

# Characters of an error message; `mlctl logs` shows the whole message.
_MESSAGE_CHARACTERS = 300


def status(ctx: typer.Context, stage: StageFlag = "local", token: TokenFlag = None, as_json: JsonFlag = False) -> None:
    """Show what is live on a stage, whether it answers (exit 5 if not), recent errors, and drift."""
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage)
    from mlctl.core import status as core

    with session.progress() as report:
        result = core.run(session.folder, settings, stage, report, token=token)
    document, error = _document(result), result.error
    if error:
        document["error"] = error.to_document()
    session.emit(document, lambda console: _render(console, result))
    if error:
        session.fail_after_output(error)


def _document(status: "Status") -> dict[str, Any]:
    return {
        "stage": status.stage,
        "url": status.url,
        "release": status.release,
        "version": status.version,
        "healthy": status.healthy,
        "detail": status.detail,
        "domain": status.domain,
        "auth": status.auth,
        "canary": _canary(status.canary) if status.canary else None,
        "previous": status.previous,
        "verified": status.verified,
        "errors": _errors(status.errors) if status.errors else None,
        "drift": None if status.drift is None else list(status.drift),
        "notes": list(status.notes),
    }


def _canary(canary: "ActiveCanary") -> dict[str, Any]:
    from mlctl.core.shared.canary_status import utc

    since = None if canary.since is None else utc(canary.since)
    return {"release": canary.release, "percent": canary.percent, "since": since}


def _errors(errors: "Failures") -> dict[str, Any]:
    from mlctl.core.shared.canary_status import utc

    recent = [
        {"timestamp": utc(error.timestamp / 1000), "request_id": error.request_id, "message": error.message}
        for error in errors.recent
    ]
    return {"count": errors.count, "complete": errors.complete, "recent": recent}


def _render(console: "Console", status: "Status") -> None:
    from mlctl.cli.views import tables

    console.print(tables.facts(list(_facts(status))))
    for note in status.notes:
        console.print(f"[yellow]![/] {escape(note)}")
    if status.drift:
        console.print("\nDifferent from the settings:")
        for difference in status.drift:
            console.print(f"  [yellow]~ {escape(difference)}[/]")
        console.print(f"`{escape(status.remedy)}` restores the settings.")


def _facts(status: "Status") -> "Iterator[tuple[str, str]]":
    from mlctl.cli.views import tables
    from mlctl.core.shared.canary_status import to_minute, utc

    yield "stage", escape(status.stage)
    yield "url", f"[bold]{escape(status.url)}[/]"
    if status.domain:
        yield "domain", f"[bold]{escape(status.domain)}[/]"
    yield "auth", "none: anyone can send requests" if status.auth == "none" else escape(status.auth)
    verified = "" if status.verified else ", [yellow]not verified[/]"
    yield "release", f"{escape(status.release)}, model {tables.short(status.version)}{verified}"
    canary = status.canary
    if canary:
        since = "" if canary.since is None else f" since {to_minute(utc(canary.since))} UTC"
        yield "canary", f"[yellow]release {escape(canary.release)}, {canary.percent} % of the traffic{since}[/]"
    yield "previous", escape(status.previous or "none")
    state = "[green]healthy[/], " if status.healthy else "[bold red]not healthy[/]: "
    yield "health", f"{state}{escape(status.detail)}"
    if status.errors:
        yield "errors", _error_count(status.errors)
        for error in status.errors.recent:
            request = f"  [dim]{escape(error.request_id[:8])}[/]" if error.request_id else ""
            message = escape(error.message, _MESSAGE_CHARACTERS)
            yield "", f"[dim]{utc(error.timestamp / 1000)[11:19]}[/]{request}  {message}"


def _error_count(errors: "Failures") -> str:
    if not errors.count:
        return "none in the last hour" if errors.complete else "none found in the last hour; part of the log was read"
    at_least = "" if errors.complete else "at least "
    return f"[red]{at_least}{errors.count} in the last hour[/]"
