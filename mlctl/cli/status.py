"""``mlctl status``."""

from typing import TYPE_CHECKING, Any

import typer

from mlctl.cli.output.terminal import escape
from mlctl.cli.session import JsonFlag, Session, StageName, TokenFlag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from mlctl.aws.live.recent_errors import Failures
    from mlctl.core.shared.canary_status import ActiveCanary
    from mlctl.core.status import Status

# Characters of the message of one failure; `mlctl logs` shows all of it.
_MESSAGE = 300


def status(ctx: typer.Context, stage: StageName = "local", token: TokenFlag = None, as_json: JsonFlag = False) -> None:
    """Show what serves on a stage, whether it answers (exit 5 when it does not), what failed, what has drifted."""
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage)
    from mlctl.core import status as core

    with session.progress() as report:
        found = core.run(session.folder, settings, stage, report, token=token)
    document = _document(found)
    if found.sick:
        document["error"] = found.sick.to_document()
    session.emit(document, lambda console: _render(console, found))
    if found.sick:
        session.fail_after_output(found.sick)


def _document(found: "Status") -> dict[str, Any]:
    return {
        "stage": found.stage,
        "url": found.url,
        "release": found.release,
        "version": found.version,
        "healthy": found.healthy,
        "detail": found.detail,
        "domain": found.domain,
        "auth": found.auth,
        "canary": _canary(found.canary) if found.canary else None,
        "previous": found.previous,
        "verified": found.verified,
        "errors": _errors(found.errors) if found.errors else None,
        "drift": None if found.drift is None else list(found.drift),
        "notes": list(found.notes),
    }


def _canary(canary: "ActiveCanary") -> dict[str, Any]:
    from mlctl.core.shared.canary_status import utc

    since = None if canary.since is None else utc(canary.since)
    return {"release": canary.release, "percent": canary.percent, "since": since}


def _errors(errors: "Failures") -> dict[str, Any]:
    from mlctl.core.shared.canary_status import utc

    recent = [
        {"timestamp": utc(each.timestamp / 1000), "request_id": each.request_id, "message": each.message}
        for each in errors.recent
    ]
    return {"count": errors.count, "complete": errors.complete, "recent": recent}


def _render(console: "Console", found: "Status") -> None:
    from mlctl.cli.views import tables

    console.print(tables.facts(list(_facts(found))))
    for note in found.notes:
        console.print(f"[yellow]![/] {escape(note)}")
    if found.drift:
        console.print("\nNot as the settings say:")
        for line in found.drift:
            console.print(f"  [yellow]~ {escape(line)}[/]")
        console.print(f"`{escape(found.remedy)}` puts it right.")


def _facts(found: "Status") -> "Iterator[tuple[str, str]]":
    from mlctl.cli.views import tables
    from mlctl.core.shared.canary_status import minute, utc

    yield "stage", escape(found.stage)
    yield "url", f"[bold]{escape(found.url)}[/]"
    if found.domain:
        yield "domain", f"[bold]{escape(found.domain)}[/]"
    yield "auth", "none: anyone can send requests" if found.auth == "none" else escape(found.auth)
    verified = "" if found.verified else ", [yellow]not verified[/]"
    yield "release", f"{escape(found.release)}, model {tables.short(found.version)}{verified}"
    if found.canary:
        since = "" if found.canary.since is None else f" since {minute(utc(found.canary.since))} UTC"
        yield (
            "canary",
            f"[yellow]release {escape(found.canary.release)}, {found.canary.percent} % of the traffic{since}[/]",
        )
    yield "previous", escape(found.previous or "none")
    state = "[green]healthy[/], " if found.healthy else "[bold red]not healthy[/]: "
    yield "health", f"{state}{escape(found.detail)}"
    if found.errors:
        yield "errors", _counted(found.errors)
        for each in found.errors.recent:
            request = f"  [dim]{escape(each.request_id[:8])}[/]" if each.request_id else ""
            yield "", f"[dim]{utc(each.timestamp / 1000)[11:19]}[/]{request}  {escape(each.message, _MESSAGE)}"


def _counted(errors: "Failures") -> str:
    if not errors.count:
        return "none in the last hour" if errors.complete else "none seen in the last hour; not all of it was read"
    least = "" if errors.complete else "at least "
    return f"[red]{least}{errors.count} in the last hour[/]"
