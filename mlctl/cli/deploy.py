"""The ``mlctl deploy`` command."""

import typer

from mlctl.cli.options import (
    BakeFlag,
    CanaryFlag,
    DryRunFlag,
    EngineFlag,
    JsonFlag,
    StageFlag,
    VersionArgument,
    canary_options,
    engine_settings,
)
from mlctl.cli.session import Session


def deploy(
    ctx: typer.Context,
    version: VersionArgument = "latest",
    stage: StageFlag = "local",
    engine: EngineFlag = None,
    dry_run: DryRunFlag = False,
    canary: CanaryFlag = None,
    bake: BakeFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Put a model version behind a live API.

    mlctl first invokes the new release with the golden examples of the model. The release gets traffic only if it
    answers as scikit-learn does: all traffic at once, or with --canary first a part of it. Running the command again
    changes nothing, or finishes an interrupted deploy.
    """
    canary_settings = canary_options(canary, bake)
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage, flags=engine_settings(engine))
    from mlctl.cli.views.deployments import show_deployment
    from mlctl.cli.views.plan import plan_callback
    from mlctl.core import deploy as core

    session.show_profile(stage)
    with session.progress() as report:
        deployed = core.run(
            session.folder,
            settings,
            stage,
            version=version,
            options=core.Options(dry_run, canary_settings, on_plan=plan_callback(session, report, dry_run=dry_run)),
            report=report,
        )
    show_deployment(session, settings, deployed)
