"""``mlctl package``."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.output.terminal import escape
from mlctl.cli.session import JsonFlag, Session, VersionArgument

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.package import Packaged


class EngineName(StrEnum):
    """The values of ``--engine``."""

    auto = "auto"
    portable = "portable"
    sklearn = "sklearn"


EngineFlag = Annotated[
    EngineName | None, typer.Option("--engine", help="What executes the model; see docs/CONCEPTS.md.")
]


def package(
    ctx: typer.Context,
    version: VersionArgument = "latest",
    engine: EngineFlag = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write the zip.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Build the zip that Lambda runs, and prove that it answers as scikit-learn does."""
    session = Session(ctx, as_json)
    settings = session.settings(flags=engine_flags(engine))
    from mlctl.core import package as core

    with session.progress() as report:
        packaged = core.run(session.folder, settings, version=version, output=output, report=report)
    session.emit(_document(packaged), lambda console: _render(console, packaged))


def engine_flags(engine: EngineName | None) -> dict[str, Any] | None:
    """``--engine`` as settings."""
    return {"deploy": {"engine": engine.value}} if engine else None


def _document(packaged: "Packaged") -> dict[str, Any]:
    made = packaged.package
    return {
        "version": made.version,
        "path": str(packaged.path),
        "engine": made.engine,
        "reason": made.reason,
        "parity": made.parity,
        "python": made.python,
        "digest": made.digest,
        "sha256": made.sha256,
        "zip_bytes": len(made.zip),
        "unzipped_bytes": made.unzipped_bytes,
    }


def _render(console: "Console", packaged: "Packaged") -> None:
    from mlctl.cli.views import tables

    made = packaged.package
    bytecode = "with bytecode" if made.has_bytecode else "without bytecode: none of that version is at hand here"
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    console.print(f"[bold]{tables.path(packaged.path)}[/]")
    console.print(
        tables.facts(
            [
                ("model", tables.short(made.version)),
                ("engine", escape(f"{made.engine}: {made.reason}")),
                (
                    "checked",
                    f"in a clean Python {here}: every golden example and held-out row answered as scikit-learn does",
                ),
                ("size", f"{len(made.zip) / 1000:.1f} kB zipped, {made.unzipped_bytes / 1000:.1f} kB unzipped"),
                ("for", f"Python {made.python}, {bytecode}"),
                ("sha256", made.sha256),
            ]
        )
    )
