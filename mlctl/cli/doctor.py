"""``mlctl doctor``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.output.terminal import echo, echo_json, escape
from mlctl.cli.session import JsonFlag, Session, StageName

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.doctor import Diagnosis

_MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "failed": "[bold red]✗[/]", "skipped": "[dim]-[/]"}


def doctor(
    ctx: typer.Context,
    stage: StageName = "local",
    policy: Annotated[
        bool,
        typer.Option("--policy", help="Print the IAM policy that whoever deploys needs, and look at nothing."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Check beforehand all that a deploy needs: settings, model, credentials, permissions, names, limits.

    It changes nothing. The exit code is that of the first check that failed.
    """
    session = Session(ctx, as_json)
    if policy:
        _print_policy(session, stage)
        return
    from mlctl.core import doctor as core

    with session.progress() as report:
        found = core.run(session.folder, lambda: session.settings(stage=stage), stage, report)
    failure, document = found.failure, _document(found)
    if failure:
        document["error"] = failure.to_document()
    session.emit(document, lambda console: _render(console, found))
    if failure:
        session.fail_after_output(failure)


def _print_policy(session: Session, stage: str) -> None:
    """It is JSON either way; for a person it is indented. What has to be known of it goes to stderr."""
    settings = session.settings(stage=stage)
    from mlctl.core import doctor as core

    found = core.policy(settings, stage)
    if found.every_stage:
        note = f"This is for every stage of '{settings.project}' on AWS; --stage NAME narrows it to one."
        echo(note, err=True)
    if found.missing:
        echo(
            f"Fill in {' and '.join(found.missing)}: the credentials and settings do not contain this information.",
            err=True,
        )
    echo_json(found.document, indent=None if session.as_json else 2)


def _document(found: "Diagnosis") -> dict[str, Any]:
    return {
        "stage": found.stage,
        "ok": found.failure is None,
        "checks": [
            {"name": check.name, "state": check.state, "detail": check.detail, "hint": check.hint}
            for check in found.checks
        ],
    }


def _render(console: "Console", found: "Diagnosis") -> None:
    width = max(len(check.name) for check in found.checks)
    for check in found.checks:
        detail = escape(check.detail)
        shown = f"[dim]{detail}[/]" if check.state == "skipped" else detail
        console.print(f"{_MARKS[check.state]} {check.name.ljust(width)}  {shown}")
        if check.hint and check.state != "skipped":
            console.print(f"  {' ' * width}  [dim]{escape(check.hint)}[/]")
