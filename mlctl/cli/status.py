"""``mlctl status``."""

from typing import Any

import typer

from mlctl.cli.session import JsonFlag, Session, StageName


def status(ctx: typer.Context, stage: StageName = "local", as_json: JsonFlag = False) -> None:
    """Show what serves on a stage, and whether it answers (exit 5 when it does not)."""
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage)
    from mlctl.cli import render
    from mlctl.core import status as core
    from mlctl.errors import ExitCode, MlctlError

    with session.progress() as report:
        found = core.run(session.folder, settings, stage, report)
    health = f"[green]healthy[/], {found.detail}" if found.healthy else f"[bold red]not healthy[/]: {found.detail}"
    rows = [
        ("stage", found.stage),
        ("url", f"[bold]{found.url}[/]"),
        ("release", f"{found.release}, model {render.short(found.version)}"),
        ("health", health),
    ]
    document: dict[str, Any] = {
        "stage": found.stage,
        "url": found.url,
        "release": found.release,
        "version": found.version,
        "healthy": found.healthy,
        "detail": found.detail,
    }
    sick = MlctlError(
        f"Stage '{found.stage}' does not answer as it should: {found.detail}.",
        code="not_healthy",
        exit_code=ExitCode.AWS,
        hint="`mlctl logs` may tell why; `mlctl deploy` puts right what has drifted.",
    )
    if not found.healthy:
        document["error"] = sick.to_document()
    session.emit(document, lambda console: console.print(render.facts(rows)))
    if not found.healthy:
        session.fail_after_output(sick)
