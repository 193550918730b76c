"""``mlctl releases``."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from mlctl.cli.output.terminal import escape
from mlctl.cli.session import JsonFlag, Session, StageName

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.releases import Releases, ReleaseSummary


def releases(ctx: typer.Context, stage: StageName = "local", as_json: JsonFlag = False) -> None:
    """List the releases of a stage: which model, when, by whom, and which of them serves.

    All of it is read from AWS. `mlctl rollback RELEASE` goes back to one of them.
    """
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage)
    from mlctl.core import releases as core

    with session.progress() as report:
        found = core.run(session.folder, settings, stage, report)
    session.emit([asdict(each) for each in found.releases], lambda console: _render(console, found))


def _render(console: "Console", found: "Releases") -> None:
    from mlctl.cli.views import tables
    from mlctl.core.shared.canary_status import minute

    made = tables.table("release", "model", "published (UTC)", "by", "", right=("release",))
    for each in found.releases:
        model = tables.short(each.version) if each.version else "[dim]not mlctl's[/]"
        number = f"[bold]{escape(each.release)}[/]" if each.live else escape(each.release)
        made.add_row(number, model, escape(minute(each.created_at)), escape(each.by or ""), _marks(each))
    tables.keep(made, but="by")
    console.print(made)


def _marks(each: "ReleaseSummary") -> str:
    marks = [
        ("[bold green]live[/]", each.live),
        (f"[yellow]canary {each.canary} %[/]", each.canary is not None),
        ("previous", each.previous),
        ("[dim]verified[/]", each.verified),
    ]
    return ", ".join(text for text, is_so in marks if is_so)
