"""Renders the result of a deploy."""

import json
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mlctl.cli.output.terminal import escape
from mlctl.cli.views import tables
from mlctl.cli.views.plan import print_steps

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.cli.session import Session
    from mlctl.core.deploy import Deployed
    from mlctl.settings import Settings


def show_deployment(session: "Session", settings: "Settings", deployed: "Deployed") -> None:
    """Show the result of a deploy, and who can call the API."""
    if not deployed.dry_run:
        session.err.print(f"[dim]{escape(access_text(settings))}[/]")
    session.emit(_document(deployed), lambda console: _render(console, settings, deployed))


def access_text(settings: "Settings") -> str:
    """Return who can call the API, in one line."""
    deploy = settings.deploy
    if deploy.auth == "iam":
        return "The endpoint accepts only signed requests (auth = iam). Callers need execute-api:Invoke on it."
    if deploy.auth == "jwt":
        return f"The endpoint accepts only tokens of {deploy.jwt_issuer} (auth = jwt): `mlctl invoke --token TOKEN`."
    return 'The endpoint is public: anyone who knows its URL can use it. [deploy] auth = "iam" or "jwt" restricts it.'


def curl_command(deployed: "Deployed") -> str:
    """Return a command that requests a prediction. Single quotes, because the URL of a local API contains a ``$``."""
    body = json.dumps({"features": deployed.example})
    return f"curl -s '{deployed.url}/predict' -H 'content-type: application/json' -d {shlex.quote(body)}"


def _document(deployed: "Deployed") -> dict[str, Any]:
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


def _render(console: "Console", settings: "Settings", deployed: "Deployed") -> None:
    if deployed.dry_run:
        if deployed.place:
            console.print(escape(str(deployed.place)))
        print_steps(console, deployed.steps)
        console.print()
    if not deployed.changed:
        console.print("No changes: the stage matches the settings.")
    elif deployed.dry_run:
        console.print("Dry run: nothing was changed.")
    if deployed.dry_run:
        return
    release = f"{deployed.release}, model {deployed.version[:12]}, stage {deployed.stage}"
    console.print(
        tables.facts([("url", f"[bold]{escape(deployed.url or '')}[/]"), ("release", escape(release))]),
    )
    if settings.deploy.auth == "none":
        console.print()
        console.print(escape(curl_command(deployed)))
