"""The ``mlctl destroy`` command."""

import sys
from typing import Annotated

import typer

from mlctl.cli.options import JsonFlag, StageFlag
from mlctl.cli.output.terminal import confirm, escape
from mlctl.cli.session import Session


def destroy(
    ctx: typer.Context,
    stage: StageFlag = "local",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Delete a stage: the API, the function with all releases, the role, logs and alarms. Keeps model versions."""
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage)
    session.show_profile(stage)
    from mlctl.core import destroy as core
    from mlctl.errors import ExitCode, MlctlError

    if not yes:
        if not sys.stdin.isatty():
            raise MlctlError(
                "destroy needs confirmation, but there is no terminal to ask on.",
                code="confirmation_needed",
                exit_code=ExitCode.USAGE,
                hint="Add --yes to confirm.",
            )
        account = core.account_of(session.folder, settings, stage)
        target = f"{stage} ({account})" if account else stage
        question = f"Delete the API, every release, the role and the logs of {settings.project} on {target}?"
        if not confirm(question):
            session.err.print("Nothing was deleted.")
            return
    with session.progress() as report:
        destroyed = core.run(session.folder, settings, stage, report)
    document = {
        "stage": stage,
        "removed": [{"resource": resource, "name": name} for resource, name in destroyed.removed],
    }
    text = f"Deleted stage {stage}." if destroyed.removed else f"Stage {stage} has no resources."
    session.emit(document, lambda console: console.print(escape(text)))
