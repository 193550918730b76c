"""``mlctl destroy``."""

import sys
from typing import Annotated

import typer

from mlctl.cli.output.terminal import confirm, escape
from mlctl.cli.session import JsonFlag, Session, StageName


def destroy(
    ctx: typer.Context,
    stage: StageName = "local",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Take a stage down: API, function with all releases, role, logs, alarms. Model versions stay."""
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage)
    session.tell_profile(stage)
    from mlctl.core import destroy as core
    from mlctl.errors import ExitCode, MlctlError

    if not yes:
        if not sys.stdin.isatty():
            raise MlctlError(
                "destroy asks before it deletes, and there is no terminal to ask on.",
                code="confirmation_needed",
                exit_code=ExitCode.USAGE,
                hint="Add --yes to do it without being asked.",
            )
        place = core.where(session.folder, settings, stage)
        on = f"{stage} ({place})" if place else stage
        question = f"Delete the API, every release, the role and the logs of {settings.project} on {on}?"
        if not confirm(question):
            session.err.print("Nothing was deleted.")
            return
    with session.progress() as report:
        destroyed = core.run(session.folder, settings, stage, report)
    document = {
        "stage": stage,
        "removed": [{"resource": resource, "name": name} for resource, name in destroyed.removed],
    }
    text = f"Stage {stage} is gone." if destroyed.removed else f"There was nothing on stage {stage}."
    session.emit(document, lambda console: console.print(escape(text)))
