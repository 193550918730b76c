"""Renders the plan of a deploy."""

from typing import TYPE_CHECKING

from mlctl.cli.output.terminal import escape
from mlctl.progress import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from mlctl.aws.stack.plan import Plan, Step
    from mlctl.cli.session import Session
    from mlctl.progress import Report

_MARKS = {
    "create": "[green]+[/]",
    "update": "[yellow]~[/]",
    "delete": "[red]-[/]",
    "unchanged": "[dim]=[/]",
    "verify": "[cyan]?[/]",
}


def plan_callback(session: "Session", report: "Report", *, dry_run: bool = False) -> "Callable[[Plan], None]":
    """Return a function that shows a plan before the deploy starts, on stderr.

    It shows nothing if the plan changes nothing, or for a dry run, whose result is the plan.
    """

    def show_plan(plan: "Plan") -> None:
        if session.log_is_json:
            for step in plan.steps:
                report(Event("note", "plan", f"{step.action} {step.resource} {step.name}"))
        elif plan.changed and not dry_run:
            print_steps(session.err, plan.steps)

    return show_plan


def print_steps(console: "Console", steps: "Sequence[Step]") -> None:
    """Print each step with its action, and the fields that change."""
    console.print("[bold]Plan[/]")
    width = max(len(step.resource) for step in steps)
    for step in steps:
        style = "dim" if step.action == "unchanged" else "default"
        shared = " [magenta]shared[/]" if step.shared else ""
        line = f"{step.action:9}  {step.resource:{width}}  {escape(step.name)}"
        console.print(f"  {_MARKS[step.action]} [{style}]{line}[/]{shared}")
        for change in step.changes:
            console.print(f"    {'':9}  {'':{width}}  [yellow]{escape(change)}[/]")
    if any(step.shared for step in steps):
        console.print("[dim]shared: affects whichever release is live; a rollback does not change it.[/]")
