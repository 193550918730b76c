"""The ``mlctl rollback`` command."""

from typing import Annotated

import typer

from mlctl.cli.options import JsonFlag, StageFlag
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import Session


def rollback(
    ctx: typer.Context,
    release: Annotated[
        str | None, typer.Argument(metavar="[RELEASE]", help="The number of a release. Default: the previous release.")
    ] = None,
    stage: StageFlag = "local",
    as_json: JsonFlag = False,
) -> None:
    """Make a verified release live again, or end a canary.

    The change takes effect at once, even while a deploy is running elsewhere. That deploy then stops.
    """
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage)
    session.show_profile(stage)
    from mlctl.cli.views import tables
    from mlctl.core import rollback as core

    with session.progress() as report:
        result = core.run(session.folder, settings, stage, release=release, report=report)
    document = {
        "stage": result.stage,
        "release": result.release,
        "version": result.version,
        "before": result.before,
        "canary": result.canary,
    }
    model = f", model {tables.short(result.version)}" if result.version else ""
    if result.canary:
        text = (
            f"Ended the canary of release {escape(result.canary)}: "
            f"release {escape(result.release)}{model} has all the traffic."
        )
    else:
        text = (
            f"Release {escape(result.release)}{model} is live again on stage {escape(result.stage)}. "
            f"It replaces release {escape(str(result.before))}.\n"
            f"[dim]Not rolled back, because all releases share them: {core.NOT_COVERED}.[/]"
        )
    session.emit(document, lambda console: console.print(text))
