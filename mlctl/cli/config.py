"""The ``mlctl config`` commands: all settings, and ``schema``."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from mlctl.cli.help import FullHelp
from mlctl.cli.options import JsonFlag, StageFlag
from mlctl.cli.output.terminal import echo_json, escape
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.config import SettingValue

app = typer.Typer(
    cls=FullHelp,
    rich_markup_mode=None,
    help="Show every setting and its origin, or the JSON Schema of mlctl.toml.",
)


@app.callback(invoke_without_command=True)
def config(ctx: typer.Context, stage: StageFlag = "local", as_json: JsonFlag = False) -> None:
    """Show every setting and its origin, or the JSON Schema of mlctl.toml.

    Without a command, show the settings of a stage.
    """
    if ctx.invoked_subcommand is not None:
        ctx.obj = replace(ctx.obj, as_json=as_json)
        return
    session = Session(ctx, as_json)
    resolved = session.resolve(stage=stage)
    from mlctl.core import config as core

    settings = core.entries(resolved)
    document = [{"key": setting.key, "value": setting.value, "from": setting.origin} for setting in settings]
    session.emit(document, lambda console: _render(console, settings))


@app.command("schema")
def schema(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Print the JSON Schema of mlctl.toml, which editors use to check it."""
    from mlctl.settings import json_schema

    # The output is always JSON; without --json it is indented.
    echo_json(json_schema(), indent=None if Session(ctx, as_json).as_json else 2)


def _render(console: "Console", settings: "tuple[SettingValue, ...]") -> None:
    from mlctl.cli.views import tables

    table = tables.table("setting", "value", "from")
    for setting in settings:
        value = "[dim]not set[/]" if setting.value is None else escape(json.dumps(setting.value))
        origin = f"[dim]{escape(setting.origin)}[/]" if setting.origin == "default" else escape(setting.origin)
        table.add_row(escape(setting.key), value, origin)
    console.print(table)
