"""``mlctl deploy``."""

from typing import TYPE_CHECKING, Any

import typer

from mlctl.cli.package import EngineFlag, engine_flags
from mlctl.cli.session import JsonFlag, Session, StageName, VersionArgument

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.aws.plan import Plan
    from mlctl.core.deploy import Deployed
    from mlctl.progress import Report

_MARKS = {"create": "[green]+[/]", "update": "[yellow]~[/]", "unchanged": "[dim]=[/]", "verify": "[cyan]?[/]"}


def deploy(
    ctx: typer.Context,
    version: VersionArgument = "latest",
    stage: StageName = "local",
    engine: EngineFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Put a model version behind a live API.

    A new release is invoked on the model's golden examples first; only when it answers as
    scikit-learn does is traffic let in. Running it again changes nothing.
    """
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage, flags=engine_flags(engine))
    from mlctl.core import deploy as core

    with session.progress() as report:
        deployed = core.run(
            session.folder,
            settings,
            stage,
            version=version,
            on_plan=lambda plan: show_plan(session, report, plan),
            report=report,
        )
    session.emit(to_document(deployed), lambda console: _render(console, deployed))


def show_plan(session: Session, report: "Report", plan: "Plan") -> None:
    """The plan: what is created, updated and left alone, with the fields that change."""
    from rich.markup import escape

    from mlctl.progress import Event

    if session.log_is_json:
        for step in plan.steps:
            report(Event("note", "plan", f"{step.action} {step.resource} {step.name}"))
        return
    if not plan.changed:
        return
    console = session.err
    console.print("[bold]Plan[/]")
    for step in plan.steps:
        dim = "dim" if step.action == "unchanged" else "default"
        console.print(f"  {_MARKS[step.action]} [{dim}]{step.action:9}  {step.resource:15}  {escape(step.name)}[/]")
        for change in step.changes:
            console.print(f"                                 [yellow]{escape(change)}[/]")


def to_document(deployed: "Deployed") -> dict[str, Any]:
    """The ``--json`` form."""
    return {
        "stage": deployed.stage,
        "url": deployed.url,
        "release": deployed.release,
        "version": deployed.version,
        "changed": deployed.changed,
        "steps": [
            {"action": step.action, "resource": step.resource, "name": step.name, "changes": list(step.changes)}
            for step in deployed.steps
        ],
    }


def curl_line(deployed: "Deployed") -> str:
    """A command that works as printed. Single quotes: the URL of a local API holds a ``$``."""
    import json
    import shlex

    body = json.dumps({"features": deployed.example})
    return f"curl -s '{deployed.url}/predict' -H 'content-type: application/json' -d {shlex.quote(body)}"


def _render(console: "Console", deployed: "Deployed") -> None:
    from rich.markup import escape

    from mlctl.cli import render

    if not deployed.changed:
        console.print("Nothing to change: stage and settings agree already.")
    console.print(
        render.facts(
            [
                ("url", f"[bold]{escape(deployed.url)}[/]"),
                ("release", f"{deployed.release}, model {render.short(deployed.version)}, stage {deployed.stage}"),
            ]
        )
    )
    console.print()
    console.print(escape(curl_line(deployed)))
