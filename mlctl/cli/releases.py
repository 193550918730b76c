"""The ``mlctl releases`` command."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from mlctl.cli.options import JsonFlag, StageFlag
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.releases import Releases, ReleaseSummary


def releases(ctx: typer.Context, stage: StageFlag = "local", as_json: JsonFlag = False) -> None:
    """List the releases of a stage: the model, the time, the author, and which one is live.

    The list comes from AWS. `mlctl rollback RELEASE` makes one of them live again.
    """
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage)
    from mlctl.core import releases as core

    with session.progress() as report:
        listing = core.run(session.folder, settings, stage, report)
    session.emit([asdict(release) for release in listing.releases], lambda console: _render(console, listing))


def _render(console: "Console", listing: "Releases") -> None:
    from mlctl.cli.views import tables
    from mlctl.core.shared.canary_status import to_minute

    table = tables.table("release", "model", "published (UTC)", "by", "", right=("release",))
    for release in listing.releases:
        model = tables.short(release.version) if release.version else "[dim]not by mlctl[/]"
        number = f"[bold]{escape(release.release)}[/]" if release.live else escape(release.release)
        table.add_row(number, model, escape(to_minute(release.created_at)), escape(release.by or ""), _markers(release))
    tables.cut_only(table, "by")
    console.print(table)


def _markers(release: "ReleaseSummary") -> str:
    markers = [
        ("[bold green]live[/]", release.live),
        (f"[yellow]canary {release.canary} %[/]", release.canary is not None),
        ("previous", release.previous),
        ("[dim]verified[/]", release.verified),
    ]
    return ", ".join(text for text, applies in markers if applies)
