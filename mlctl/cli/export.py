"""The ``mlctl export`` command."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli import completion
from mlctl.cli.options import JsonFlag, VersionArgument
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import Session

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
        typer.Option("--stage", "-s", help="The stage on AWS to export.", autocompletion=completion.stages),
    ],
    version: VersionArgument = "latest",
    export_format: Annotated[
        ExportFormat, typer.Option("--format", help="sam: a template for AWS SAM and CloudFormation.")
    ] = ExportFormat.sam,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The folder to write to, instead of .mlctl/export/STAGE."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write the resources that `deploy` creates on a stage as a template, with the package beside it.

    Use it to deploy with AWS SAM or CloudFormation. This command makes no call to AWS. The header of the template lists
    what it lacks compared to mlctl, such as golden examples before traffic and canaries.
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
        "resources": [{"type": resource.type, "name": resource.name} for resource in exported.resources],
        "command": exported.command,
    }


def _render(console: "Console", exported: "Exported") -> None:
    from mlctl.cli.views import tables

    console.print(f"[bold]{tables.path(exported.path)}[/], with {escape(exported.package.name)} beside it")
    table = tables.table("type", "name")
    for resource in exported.resources:
        table.add_row(escape(resource.type), escape(resource.name))
    console.print(table)
    console.print()
    console.print(escape(exported.command.replace(str(exported.path), tables.relative(exported.path))))
