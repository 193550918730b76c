"""``mlctl up``."""

import shlex
from typing import TYPE_CHECKING, Any

import typer

from mlctl.cli.deploy import curl_line, plan_shower, who_may_call
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import JsonFlag, Session, StageName, TokenFlag
from mlctl.cli.train import ParamFlags, SourceFlag, TargetFlag, data_flags, parse_params

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.workflows import Up
    from mlctl.data.values import Value
    from mlctl.settings import Settings

# A row of more features than this is not repeated in prose.
_SHOWN_FEATURES = 8


def up(
    ctx: typer.Context,
    stage: StageName = "local",
    param: ParamFlags = None,
    source: SourceFlag = None,
    target: TargetFlag = None,
    token: TokenFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Train, package, deploy, and ask for a first prediction.

    Does whatever of it is still missing, in order. Running it again changes nothing.
    """
    session = Session(ctx, as_json)
    data = data_flags(session, source, target)
    settings = session.settings(stage=stage, flags=data | ({"model": {"params": parse_params(param)}} if param else {}))
    base = session.settings(stage=stage, flags=data).identity()
    from mlctl.core import workflows
    from mlctl.core.deploy import Options

    session.tell_profile(stage)
    with session.progress() as report:
        done = workflows.up(
            session.folder,
            settings,
            stage,
            base=base,
            options=Options(on_plan=plan_shower(session, report)),
            token=token,
            report=report,
        )
    session.err.print(f"[dim]{escape(who_may_call(settings))}[/]")
    session.emit(_document(done), lambda console: _render(console, settings, done))


def _document(done: "Up") -> dict[str, Any]:
    return {
        "version": done.deployed.version,
        "url": done.deployed.url,
        "release": done.deployed.release,
        "stage": done.deployed.stage,
        "trained": done.trained,
        "changed": done.deployed.changed,
        "prediction": done.invoked.document,
    }


def _render(console: "Console", settings: "Settings", done: "Up") -> None:
    from mlctl.aws.stack.names import stage_option
    from mlctl.cli.views import tables

    deployed, answer = done.deployed, done.invoked.document
    state = "Live" if deployed.changed else "Live already, nothing to change"
    console.print(f"\n[bold green]{state}:[/] [bold]{escape(deployed.url or '')}[/]")
    features = " ".join(shlex.quote(_word(value)) for value in deployed.example)
    short = len(deployed.example) <= _SHOWN_FEATURES
    console.print(f"A first prediction, for a row that was held out{f' ({escape(features)})' if short else ''}:\n")
    console.print(f"  {tables.in_a_line(answer)}")
    if settings.deploy.auth == "none":
        console.print(f"\n[dim]Ask it yourself:[/]\n{escape(curl_line(deployed))}")
    another = "n_estimators=300" if "Forest" in done.estimator or "ExtraTrees" in done.estimator else "NAME=VALUE"
    where = stage_option(deployed.stage)
    tables.next_steps(
        console,
        (f"mlctl invoke{where} {features}", "the same, as a table")
        if short
        else (f"mlctl invoke{where} --file rows.csv", "predictions for rows of your own"),
        (f"mlctl logs{where}", "what the API logged"),
        (f"mlctl status{where}", "what is live, and whether it answers"),
        (f"mlctl train -p {another}", "another model; `mlctl deploy` then makes it live"),
        *((("mlctl local stop", "end the local AWS emulator"),) if not where else ()),
    )


def _word(value: "Value") -> str:
    """A feature as it is typed on the command line; a missing one is empty."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else repr(value)
