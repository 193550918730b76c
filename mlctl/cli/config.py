"""``mlctl config`` and ``config schema``."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from mlctl.cli.help import FullHelp
from mlctl.cli.output.terminal import echo_json, escape
from mlctl.cli.session import JsonFlag, Session, StageName

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.config import SettingValue

app = typer.Typer(
    cls=FullHelp, rich_markup_mode=None, help="Show every setting and where it came from; JSON Schema for editors."
)


@app.callback(invoke_without_command=True)
def config(ctx: typer.Context, stage: StageName = "local", as_json: JsonFlag = False) -> None:
    """Show every setting and where it came from; JSON Schema for editors.

    Without a command: the settings as they hold for a stage.
    """
    if ctx.invoked_subcommand is not None:
        ctx.obj = replace(ctx.obj, as_json=as_json)
        return
    session = Session(ctx, as_json)
    resolved = session.resolve(stage=stage)
    from mlctl.core import config as core

    found = core.entries(resolved)
    document = [{"key": each.key, "value": each.value, "from": each.origin} for each in found]
    session.emit(document, lambda console: _render(console, found))


@app.command("schema")
def schema(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Print the JSON Schema of mlctl.toml, for editors that check as you type."""
    from mlctl.settings import json_schema

    # It is JSON either way; for a person it is indented.
    echo_json(json_schema(), indent=None if Session(ctx, as_json).as_json else 2)


def _render(console: "Console", entries: "tuple[SettingValue, ...]") -> None:
    from mlctl.cli.views import tables

    made = tables.table("setting", "value", "from")
    for each in entries:
        value = "[dim]not set[/]" if each.value is None else escape(json.dumps(each.value))
        origin = f"[dim]{escape(each.origin)}[/]" if each.origin == "default" else escape(each.origin)
        made.add_row(escape(each.key), value, origin)
    console.print(made)
