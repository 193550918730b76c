"""The ``mlctl promote`` command."""

from typing import Annotated

import typer

from mlctl.cli import completion
from mlctl.cli.options import BakeFlag, CanaryFlag, DryRunFlag, JsonFlag, canary_options
from mlctl.cli.session import Session


def promote(
    ctx: typer.Context,
    source: Annotated[
        str, typer.Option("--from", help="The stage whose live release to promote.", autocompletion=completion.stages)
    ],
    target: Annotated[str, typer.Option("--to", help="The stage to deploy it to.", autocompletion=completion.stages)],
    dry_run: DryRunFlag = False,
    canary: CanaryFlag = None,
    bake: BakeFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Deploy the live release of one stage to another: the same package, verified again there."""
    canary_settings = canary_options(canary, bake)
    session = Session(ctx, as_json)
    source_settings, target_settings = session.settings(stage=source), session.settings(stage=target)
    session.show_profile(target)
    from mlctl.cli.views.deployments import show_deployment
    from mlctl.cli.views.plan import plan_callback
    from mlctl.core import workflows
    from mlctl.core.deploy import Options

    with session.progress() as report:
        deployed = workflows.promote(
            session.folder,
            source_settings,
            source,
            target_settings,
            target,
            options=Options(dry_run, canary_settings, on_plan=plan_callback(session, report, dry_run=dry_run)),
            report=report,
        )
    show_deployment(session, target_settings, deployed)
