"""``mlctl status``."""

import typer

from mlctl.cli.session import JsonFlag, Session, StageName


def status(ctx: typer.Context, stage: StageName = "local", as_json: JsonFlag = False) -> None:
    """Show what serves on a stage, and whether it answers (exit 5 when it does not)."""
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage)
    from mlctl.cli import render
    from mlctl.core import status as core
    from mlctl.errors import ExitCode

    with session.progress() as report:
        found = core.run(session.folder, settings, stage, report)
    health = f"[green]healthy[/], {found.detail}" if found.healthy else f"[bold red]not healthy[/]: {found.detail}"
    rows = [
        ("stage", found.stage),
        ("url", f"[bold]{found.url}[/]"),
        ("release", f"{found.release}, model {render.short(found.version)}"),
        ("health", health),
    ]
    document = {
        "stage": found.stage,
        "url": found.url,
        "release": found.release,
        "version": found.version,
        "healthy": found.healthy,
        "detail": found.detail,
    }
    session.emit(document, lambda console: console.print(render.facts(rows)))
    if not found.healthy:
        raise typer.Exit(ExitCode.AWS)
