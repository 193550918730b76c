"""``mlctl deploy``."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.output.terminal import escape
from mlctl.cli.package import EngineFlag, engine_flags
from mlctl.cli.session import JsonFlag, Session, StageName, VersionArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from mlctl.aws.stack.plan import Plan, Step
    from mlctl.aws.stack.state import Canary
    from mlctl.core.deploy import Deployed
    from mlctl.progress import Report
    from mlctl.settings import Settings

_MARKS = {
    "create": "[green]+[/]",
    "update": "[yellow]~[/]",
    "delete": "[red]-[/]",
    "unchanged": "[dim]=[/]",
    "verify": "[cyan]?[/]",
}
_DEFAULT_BAKE = "5m"

DryRunFlag = Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")]
CanaryFlag = Annotated[
    int | None,
    typer.Option("--canary", min=1, max=99, help="Per cent of the traffic that the new release gets first."),
]
BakeFlag = Annotated[
    str | None, typer.Option("--bake", help=f"How long the canary is watched, such as 90s, 5m, 1h ({_DEFAULT_BAKE}).")
]


def deploy(
    ctx: typer.Context,
    version: VersionArgument = "latest",
    stage: StageName = "local",
    engine: EngineFlag = None,
    dry_run: DryRunFlag = False,
    canary: CanaryFlag = None,
    bake: BakeFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Put a model version behind a live API.

    A new release is invoked on the model's golden examples first; only when it answers as
    scikit-learn does is traffic let in, all at once or with --canary a part of it first. Running it again changes
    nothing, or finishes what was cut off.
    """
    wanted = canary_of(canary, bake)
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage, flags=engine_flags(engine))
    from mlctl.core import deploy as core

    session.tell_profile(stage)
    with session.progress() as report:
        deployed = core.run(
            session.folder,
            settings,
            stage,
            version=version,
            options=core.Options(dry_run, wanted, on_plan=plan_shower(session, report, dry_run=dry_run)),
            report=report,
        )
    show(session, settings, deployed)


def canary_of(percent: int | None, bake: str | None) -> "Canary | None":
    """``--canary`` and ``--bake``. Raises typer.BadParameter for a time without a canary, MlctlError for no time."""
    from mlctl.aws.stack.state import Canary
    from mlctl.core.logs import seconds

    if percent is None:
        if bake is not None:
            raise typer.BadParameter("--bake is how long a canary is watched; give --canary PERCENT too.")
        return None
    long = int(seconds(bake or _DEFAULT_BAKE))
    if long < 1:
        raise typer.BadParameter(f"{bake} is no time to watch a canary; give a second at least.", param_hint="--bake")
    return Canary(percent=percent, bake=long)


def show(session: Session, settings: "Settings", deployed: "Deployed") -> None:
    """The result, and in one line who may call the API."""
    if not deployed.dry_run:
        session.err.print(f"[dim]{escape(who_may_call(settings))}[/]")
    session.emit(to_document(deployed), lambda console: _render(console, settings, deployed))


def who_may_call(settings: "Settings") -> str:
    """Whom the API lets in, in one line."""
    deploy = settings.deploy
    if deploy.auth == "iam":
        return "The endpoint takes signed requests only (auth = iam): callers need execute-api:Invoke on it."
    if deploy.auth == "jwt":
        return f"The endpoint takes tokens of {deploy.jwt_issuer} only (auth = jwt): `mlctl invoke --token TOKEN`."
    return 'The endpoint is public: whoever reaches its URL may use it. [deploy] auth = "iam" or "jwt" closes it.'


def plan_shower(session: Session, report: "Report", *, dry_run: bool = False) -> "Callable[[Plan], None]":
    """Shows a plan before it is carried out: on stderr, where it changes something. Of a dry run it is the result."""

    def show_plan(plan: "Plan") -> None:
        from mlctl.progress import Event

        if session.log_is_json:
            for step in plan.steps:
                report(Event("note", "plan", f"{step.action} {step.resource} {step.name}"))
        elif plan.changed and not dry_run:
            _draw(session.err, plan.steps)

    return show_plan


def _draw(console: "Console", steps: "Sequence[Step]") -> None:
    """What is created, updated, deleted and left alone, with the fields that change."""
    console.print("[bold]Plan[/]")
    wide = max(len(step.resource) for step in steps)
    for step in steps:
        dim = "dim" if step.action == "unchanged" else "default"
        shared = " [magenta]shared[/]" if step.shared else ""
        line = f"{step.action:9}  {step.resource:{wide}}  {escape(step.name)}"
        console.print(f"  {_MARKS[step.action]} [{dim}]{line}[/]{shared}")
        for change in step.changes:
            console.print(f"    {'':9}  {'':{wide}}  [yellow]{escape(change)}[/]")
    if any(step.shared for step in steps):
        console.print("[dim]shared: acts on whichever release is live; a rollback leaves it as it is.[/]")


def to_document(deployed: "Deployed") -> dict[str, Any]:
    """The ``--json`` form."""
    return {
        "stage": deployed.stage,
        "url": deployed.url,
        "release": deployed.release,
        "version": deployed.version,
        "changed": deployed.changed,
        "dry_run": deployed.dry_run,
        "place": asdict(deployed.place) if deployed.place else None,
        "steps": [
            {
                "action": step.action,
                "resource": step.resource,
                "name": step.name,
                "changes": list(step.changes),
                "shared": step.shared,
            }
            for step in deployed.steps
        ],
    }


def curl_line(deployed: "Deployed") -> str:
    """A command that works as printed. Single quotes: the URL of a local API holds a ``$``."""
    import json
    import shlex

    body = json.dumps({"features": deployed.example})
    return f"curl -s '{deployed.url}/predict' -H 'content-type: application/json' -d {shlex.quote(body)}"


def _render(console: "Console", settings: "Settings", deployed: "Deployed") -> None:
    from mlctl.cli.views import tables

    if deployed.dry_run:
        if deployed.place:
            console.print(escape(str(deployed.place)))
        _draw(console, deployed.steps)
        console.print()
    if not deployed.changed:
        console.print("Nothing to change: stage and settings agree already.")
    elif deployed.dry_run:
        console.print("This was a dry run: nothing was changed.")
    if deployed.dry_run:
        return
    console.print(
        tables.facts(
            [
                ("url", f"[bold]{escape(deployed.url or '')}[/]"),
                (
                    "release",
                    escape(f"{deployed.release}, model {deployed.version[:12]}, stage {deployed.stage}"),
                ),
            ]
        )
    )
    if settings.deploy.auth == "none":
        console.print()
        console.print(escape(curl_line(deployed)))
