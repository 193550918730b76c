"""The ``mlctl up`` command."""

import shlex
from typing import TYPE_CHECKING, Any

import typer

from mlctl.cli.options import (
    JsonFlag,
    ParamFlags,
    SourceFlag,
    StageFlag,
    TargetFlag,
    TokenFlag,
    data_settings,
    param_settings,
)
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.workflows import Up
    from mlctl.data.values import Value
    from mlctl.settings import Settings

# Rows with more features are not printed.
_SHOWN_FEATURES = 8


def up(
    ctx: typer.Context,
    stage: StageFlag = "local",
    param: ParamFlags = None,
    source: SourceFlag = None,
    target: TargetFlag = None,
    token: TokenFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Train, package, deploy, and request a first prediction.

    Does only the steps that are missing. Running it again changes nothing.
    """
    session = Session(ctx, as_json)
    data = data_settings(session.folder, source, target)
    settings = session.settings(stage=stage, flags=data | param_settings(param))
    base = session.settings(stage=stage, flags=data).identity()
    from mlctl.cli.views.deployments import access_text
    from mlctl.cli.views.plan import plan_callback
    from mlctl.core import workflows
    from mlctl.core.deploy import Options

    session.show_profile(stage)
    with session.progress() as report:
        result = workflows.up(
            session.folder,
            settings,
            stage,
            base=base,
            options=Options(on_plan=plan_callback(session, report)),
            token=token,
            report=report,
        )
    session.err.print(f"[dim]{escape(access_text(settings))}[/]")
    session.emit(_document(result), lambda console: _render(console, settings, result))


def _document(result: "Up") -> dict[str, Any]:
    return {
        "version": result.deployed.version,
        "url": result.deployed.url,
        "release": result.deployed.release,
        "stage": result.deployed.stage,
        "trained": result.trained,
        "changed": result.deployed.changed,
        "prediction": result.invoked.document,
    }


def _render(console: "Console", settings: "Settings", result: "Up") -> None:
    from mlctl.aws.stack.names import stage_option
    from mlctl.cli.views import tables
    from mlctl.cli.views.deployments import curl_command

    deployed, answer = result.deployed, result.invoked.document
    state = "Live" if deployed.changed else "Live already, no changes"
    console.print(f"\n[bold green]{state}:[/] [bold]{escape(deployed.url or '')}[/]")
    features = " ".join(shlex.quote(_argument(value)) for value in deployed.example)
    is_short = len(deployed.example) <= _SHOWN_FEATURES
    console.print(f"A first prediction, for a held-out row{f' ({escape(features)})' if is_short else ''}:\n")
    console.print(f"  {tables.in_a_line(answer)}")
    if settings.deploy.auth == "none":
        console.print(f"\n[dim]Try it yourself:[/]\n{escape(curl_command(deployed))}")
    has_trees = "Forest" in result.estimator or "ExtraTrees" in result.estimator
    param = "n_estimators=300" if has_trees else "NAME=VALUE"
    stage_flag = stage_option(deployed.stage)
    tables.next_steps(
        console,
        (f"mlctl invoke{stage_flag} {features}", "the same, as a table")
        if is_short
        else (f"mlctl invoke{stage_flag} --file rows.csv", "predictions for your own rows"),
        (f"mlctl logs{stage_flag}", "what the API logged"),
        (f"mlctl status{stage_flag}", "what is live, and whether it answers"),
        (f"mlctl train -p {param}", "another model; `mlctl deploy` then makes it live"),
        *((("mlctl local stop", "stop the local AWS emulator"),) if not stage_flag else ()),
    )


def _argument(value: "Value") -> str:
    """Return a feature as you type it on the command line; a missing value is empty."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else repr(value)
