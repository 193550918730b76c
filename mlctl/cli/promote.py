"""``mlctl promote``."""

from typing import Annotated

import typer

from mlctl.cli import completion
from mlctl.cli.deploy import BakeFlag, CanaryFlag, DryRunFlag, canary_of, plan_shower, show
from mlctl.cli.session import JsonFlag, Session


def promote(
    ctx: typer.Context,
    source: Annotated[
        str, typer.Option("--from", help="The stage whose live release is taken.", autocompletion=completion.stages)
    ],
    target: Annotated[
        str, typer.Option("--to", help="The stage that it is brought to.", autocompletion=completion.stages)
    ],
    dry_run: DryRunFlag = False,
    canary: CanaryFlag = None,
    bake: BakeFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Bring what is live on one stage live on another: the same package bytes, verified there again."""
    wanted = canary_of(canary, bake)
    session = Session(ctx, as_json)
    from_settings, to_settings = session.settings(stage=source), session.settings(stage=target)
    session.tell_profile(target)
    from mlctl.core import workflows
    from mlctl.core.deploy import Options

    with session.progress() as report:
        deployed = workflows.promote(
            session.folder,
            from_settings,
            source,
            to_settings,
            target,
            options=Options(dry_run, wanted, on_plan=plan_shower(session, report, dry_run=dry_run)),
            report=report,
        )
    show(session, to_settings, deployed)
