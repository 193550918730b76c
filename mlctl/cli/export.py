"""``mlctl export``."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli import completion
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import JsonFlag, Session, VersionArgument

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.export import Exported


class ExportFormat(StrEnum):
    """The values of ``--format``."""

    sam = "sam"


def export(
    ctx: typer.Context,
    stage: Annotated[
        str,
        typer.Option("--stage", "-s", help="The stage on AWS whose settings count.", autocompletion=completion.stages),
    ],
    version: VersionArgument = "latest",
    export_format: Annotated[
        ExportFormat, typer.Option("--format", help="sam: a template for AWS SAM and CloudFormation.")
    ] = ExportFormat.sam,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The folder to write, instead of .mlctl/export/STAGE."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a template of what `deploy` would make on a stage, with the package beside it.

    For those who deploy with AWS SAM or CloudFormation. Needs no AWS account and asks none. What mlctl
    does and the template does not (golden examples before traffic, canary) stands at its head.
    """
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage)
    from mlctl.core import export as core

    with session.progress() as report:
        exported = core.run(session.folder, settings, stage, version=version, output=output, report=report)
    session.emit(_document(exported, export_format), lambda console: _render(console, exported))


def _document(exported: "Exported", export_format: ExportFormat) -> dict[str, Any]:
    return {
        "stage": exported.stage,
        "version": exported.version,
        "format": export_format.value,
        "path": str(exported.path),
        "package": str(exported.package),
        "resources": [{"type": each.type, "name": each.name} for each in exported.resources],
        "command": exported.command,
    }


def _render(console: "Console", exported: "Exported") -> None:
    from mlctl.cli.views import tables

    console.print(f"[bold]{tables.path(exported.path)}[/], with {escape(exported.package.name)} beside it")
    table = tables.table("type", "name")
    for each in exported.resources:
        table.add_row(escape(each.type), escape(each.name))
    console.print(table)
    console.print()
    console.print(escape(exported.command.replace(str(exported.path), tables.relative(exported.path))))
