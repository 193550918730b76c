"""The ``mlctl local`` commands: ``start``, ``stop`` and ``status``."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from mlctl.cli.help import FullHelp, help_without_command
from mlctl.cli.options import JsonFlag
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from mlctl.core.local import LocalStatus

app = typer.Typer(
    cls=FullHelp,
    rich_markup_mode=None,
    invoke_without_command=True,
    callback=help_without_command,
    help="Start, stop or check the AWS emulator behind stage local.",
)


@app.command("start")
def start(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Start the emulator. Other commands start it if they need it."""
    session = Session(ctx, as_json)
    settings = session.settings(stage="local")
    from mlctl.core import local as core

    with session.progress() as report:
        emulator = core.start(session.folder, settings, report)
    text = f"Running at {emulator.endpoint}." if emulator.changed else f"Already running at {emulator.endpoint}."
    session.emit(_document(emulator), lambda console: console.print(escape(text)))


@app.command("stop")
def stop(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Stop the emulator. It keeps deployments for the next start."""
    session = Session(ctx, as_json)
    from mlctl.core import local as core

    with session.progress() as report:
        emulator = core.stop(session.folder, report)
    text = "Stopped. The emulator keeps its state for the next start." if emulator.changed else "It was not running."
    session.emit(_document(emulator), lambda console: console.print(escape(text)))


@app.command("status")
def status(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Show whether the emulator is running, without starting it. With --json, also show its credentials."""
    session = Session(ctx, as_json)
    settings = session.settings(stage="local")
    from mlctl.core import local as core

    with session.progress() as report:
        emulator = core.status(session.folder, settings, report)
    lines = ["Not running."]
    if emulator.running:
        lines = [
            f"Running at {emulator.endpoint}, process {emulator.pid}.",
            "`mlctl local status --json` shows the credentials for your own tools.",
        ]
    if emulator.lost_state:
        lines[0] += " An emulator was killed and its state is lost; `mlctl deploy` rebuilds it."
    session.emit(_document(emulator), lambda console: console.print("\n".join(map(escape, lines))))


def _document(emulator: "LocalStatus") -> dict[str, Any]:
    document: dict[str, Any] = {
        "running": emulator.running,
        "endpoint": emulator.endpoint,
        "pid": emulator.pid,
        "lost_state": emulator.lost_state,
    }
    if emulator.credentials:
        # Only `status` has them: the output of `start` may end up in a log.
        document |= asdict(emulator.credentials)
    return document
