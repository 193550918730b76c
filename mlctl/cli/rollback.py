"""``mlctl rollback``."""

from typing import Annotated

import typer

from mlctl.cli.output.terminal import escape
from mlctl.cli.session import JsonFlag, Session, StageName


def rollback(
    ctx: typer.Context,
    release: Annotated[
        str | None, typer.Argument(metavar="[RELEASE]", help="A release's number; without it the previous one.")
    ] = None,
    stage: StageName = "local",
    as_json: JsonFlag = False,
) -> None:
    """Go back to a release that was verified before, or take a canary back.

    At once, and even while a deploy is running elsewhere: that one then stops.
    """
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage)
    session.tell_profile(stage)
    from mlctl.cli.views import tables
    from mlctl.core import rollback as core

    with session.progress() as report:
        done = core.run(session.folder, settings, stage, release=release, report=report)
    document = {
        "stage": done.stage,
        "release": done.release,
        "version": done.version,
        "before": done.before,
        "canary": done.canary,
    }
    model = f", model {tables.short(done.version)}" if done.version else ""
    if done.canary:
        text = (
            f"The canary of release {escape(done.canary)} was taken back: "
            f"release {escape(done.release)}{model} has all the traffic."
        )
    else:
        text = (
            f"Release {escape(done.release)}{model} is live on stage {escape(done.stage)} again, "
            f"in place of {escape(str(done.before))}.\n"
            f"[dim]Not covered, as they act on every release: {core.NOT_COVERED}.[/]"
        )
    session.emit(document, lambda console: console.print(text))
