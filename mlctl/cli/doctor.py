"""The ``mlctl doctor`` command."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.options import JsonFlag, StageFlag
from mlctl.cli.output.terminal import echo, echo_json, escape
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.doctor import Diagnosis

_MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "failed": "[bold red]✗[/]", "skipped": "[dim]-[/]"}


def doctor(
    ctx: typer.Context,
    stage: StageFlag = "local",
    policy: Annotated[
        bool,
        typer.Option("--policy", help="Print the IAM policy that a deploy needs, without any checks."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Check everything that a deploy needs: settings, model, credentials, permissions, names and limits.

    This command changes nothing. The exit code is that of the first failed check.
    """
    session = Session(ctx, as_json)
    if policy:
        _print_policy(session, stage)
        return
    from mlctl.core import doctor as core

    with session.progress() as report:
        diagnosis = core.run(session.folder, lambda: session.settings(stage=stage), stage, report)
    failure, document = diagnosis.failure, _document(diagnosis)
    if failure:
        document["error"] = failure.to_document()
    session.emit(document, lambda console: _render(console, diagnosis))
    if failure:
        session.fail_after_output(failure)


def _print_policy(session: Session, stage: str) -> None:
    """Print the policy to stdout, indented unless --json is set, and notes about it to stderr."""
    settings = session.settings(stage=stage)
    from mlctl.core import doctor as core

    policy = core.policy(settings, stage)
    if policy.every_stage:
        note = f"This policy is for every stage of '{settings.project}' on AWS; --stage NAME limits it to one."
        echo(note, err=True)
    if policy.missing:
        echo(
            f"Fill in {' and '.join(policy.missing)}: the credentials and settings do not contain this information.",
            err=True,
        )
    echo_json(policy.document, indent=None if session.as_json else 2)


def _document(diagnosis: "Diagnosis") -> dict[str, Any]:
    return {
        "stage": diagnosis.stage,
        "ok": diagnosis.failure is None,
        "checks": [
            {"name": check.name, "state": check.state, "detail": check.detail, "hint": check.hint}
            for check in diagnosis.checks
        ],
    }


def _render(console: "Console", diagnosis: "Diagnosis") -> None:
    width = max(len(check.name) for check in diagnosis.checks)
    for check in diagnosis.checks:
        detail = escape(check.detail)
        text = f"[dim]{detail}[/]" if check.state == "skipped" else detail
        console.print(f"{_MARKS[check.state]} {check.name.ljust(width)}  {text}")
        if check.hint and check.state != "skipped":
            console.print(f"  {' ' * width}  [dim]{escape(check.hint)}[/]")
