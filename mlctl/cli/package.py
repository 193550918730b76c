"""The ``mlctl package`` command."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.options import EngineFlag, JsonFlag, VersionArgument, engine_settings
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.package import Packaged


def package(
    ctx: typer.Context,
    version: VersionArgument = "latest",
    engine: EngineFlag = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The zip file to write.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Build the zip that Lambda runs, and prove that it answers as scikit-learn does."""
    session = Session(ctx, as_json)
    settings = session.settings(flags=engine_settings(engine))
    from mlctl.core import package as core

    with session.progress() as report:
        packaged = core.run(session.folder, settings, version=version, output=output, report=report)
    session.emit(_document(packaged), lambda console: _render(console, packaged))


def _document(packaged: "Packaged") -> dict[str, Any]:
    package = packaged.package
    return {
        "version": package.version,
        "path": str(packaged.path),
        "engine": package.engine,
        "reason": package.reason,
        "parity": package.parity,
        "python": package.python,
        "digest": package.digest,
        "sha256": package.sha256,
        "zip_bytes": len(package.zip),
        "unzipped_bytes": package.unzipped_bytes,
    }


def _render(console: "Console", packaged: "Packaged") -> None:
    from mlctl.cli.views import tables

    package = packaged.package
    bytecode = "with bytecode" if package.has_bytecode else "without bytecode: this machine does not have that Python"
    local_python = f"{sys.version_info.major}.{sys.version_info.minor}"
    console.print(f"[bold]{tables.path(packaged.path)}[/]")
    console.print(
        tables.facts(
            [
                ("model", tables.short(package.version)),
                ("engine", escape(f"{package.engine}: {package.reason}")),
                (
                    "checked",
                    f"in a clean Python {local_python}: all golden examples and held-out rows answered "
                    "as scikit-learn does",
                ),
                ("size", f"{len(package.zip) / 1000:.1f} kB zipped, {package.unzipped_bytes / 1000:.1f} kB unzipped"),
                ("for", f"Python {package.python}, {bytecode}"),
                ("sha256", package.sha256),
            ]
        )
    )
