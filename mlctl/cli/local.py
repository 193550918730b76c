"""``mlctl local start``, ``stop``, ``status``."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from mlctl.cli.help import FullHelp, help_without_command
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import JsonFlag, Session

if TYPE_CHECKING:
    from mlctl.core.local import LocalStatus

app = typer.Typer(
    cls=FullHelp,
    rich_markup_mode=None,
    invoke_without_command=True,
    callback=help_without_command,
    help="Start, stop or look at the AWS emulator behind stage local.",
)


@app.command("start")
def start(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Start the emulator. Other commands do this themselves where they need it."""
    session = Session(ctx, as_json)
    settings = session.settings(stage="local")
    from mlctl.core import local as core

    with session.progress() as report:
        found = core.start(session.folder, settings, report)
    text = f"Running at {found.endpoint}." if found.changed else f"Running already, at {found.endpoint}."
    session.emit(_document(found), lambda console: console.print(escape(text)))


@app.command("stop")
def stop(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Stop the emulator; what is deployed is kept for the next start."""
    session = Session(ctx, as_json)
    from mlctl.core import local as core

    with session.progress() as report:
        found = core.stop(session.folder, report)
    text = "Stopped; its state is kept for the next start." if found.changed else "It was not running."
    session.emit(_document(found), lambda console: console.print(escape(text)))


@app.command("status")
def status(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Show whether the emulator is running, without starting it. With --json, also show its credentials."""
    session = Session(ctx, as_json)
    settings = session.settings(stage="local")
    from mlctl.core import local as core

    with session.progress() as report:
        found = core.status(session.folder, settings, report)
    lines = ["Not running."]
    if found.running:
        lines = [
            f"Running at {found.endpoint}, process {found.pid}.",
            "`mlctl local status --json` shows the credentials for your own tools.",
        ]
    if found.lost_state:
        lines[0] += " An emulator was killed and its state is lost; `mlctl deploy` rebuilds it."
    session.emit(_document(found), lambda console: console.print("\n".join(map(escape, lines))))


def _document(found: "LocalStatus") -> dict[str, Any]:
    document: dict[str, Any] = {
        "running": found.running,
        "endpoint": found.endpoint,
        "pid": found.pid,
        "lost_state": found.lost_state,
    }
    if found.credentials:
        # Only where they are asked for: the output of `start` may end in a log.
        document |= asdict(found.credentials)
    return document
