"""The ``mlctl models`` commands, except ``support``."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli import completion
from mlctl.cli.help import FullHelp
from mlctl.cli.options import JsonFlag, VersionArgument
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.models import TrustedVersion, VersionDetails, VersionSummary

app = typer.Typer(
    cls=FullHelp,
    rich_markup_mode=None,
    help="List, show, verify, trust, prune, export and import model versions; list supported classes.",
)


@app.callback(invoke_without_command=True)
def models(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List, show, verify, trust, prune, export and import model versions.

    Without a command, list all versions of the project. The version trained last comes first; it is `latest`.
    """
    if ctx.invoked_subcommand is not None:
        ctx.obj = replace(ctx.obj, as_json=as_json)
        return
    session = Session(ctx, as_json)
    settings = session.settings(stage="local")
    from mlctl.core import models as core

    with session.progress() as report:
        versions = core.run(session.folder, settings, report)
    session.emit([_row(version) for version in versions], lambda console: _render(console, versions))


@app.command("show")
def show(ctx: typer.Context, version: VersionArgument = "latest", as_json: JsonFlag = False) -> None:
    """Show the settings, data, libraries and metrics of a version."""
    session = Session(ctx, as_json)
    from mlctl.core import models as core

    with session.progress() as report:
        details = core.show(session.folder, session.settings(), version, report)
    session.emit(_document(details), lambda console: _render_details(console, details))


@app.command("verify")
def verify(ctx: typer.Context, version: VersionArgument = "latest", as_json: JsonFlag = False) -> None:
    """Check every byte of a version against its manifest."""
    session = Session(ctx, as_json)
    from mlctl.core import models as core

    with session.progress() as report:
        verified = core.verify(session.folder, session.settings(), version, report)
    files = len(verified.manifest.files) + 1
    session.emit(
        {"version": verified.id, "intact": True, "files": files},
        lambda console: console.print(f"[green]✓[/] {verified.id[:12]}: {files} files, unchanged."),
    )


@app.command("trust")
def trust(
    ctx: typer.Context,
    version: Annotated[
        str,
        typer.Argument(
            metavar="VERSION",
            help="A model version: an id, the beginning of an id, latest or previous.",
            autocompletion=completion.versions,
        ),
    ],
    as_json: JsonFlag = False,
) -> None:
    """Let evaluate, compare and bench open the pickle of a version that you did not make on this machine.

    Opening the pickle, model.joblib, runs the code in it. Trust only versions whose author you trust. A version with a
    custom pipeline also imports modules of the project folder: you trust their current content. mlctl stores the record
    in your state folder, for this machine only. This command does not open the pickle.
    """
    session = Session(ctx, as_json)
    from mlctl.core import models as core

    trusted = core.trust_version(session.folder, session.settings(), version)
    document = {
        "version": trusted.version,
        "trusted": True,
        "modules": trusted.modules,
        "unrecognised": None if trusted.unrecognised is None else list(trusted.unrecognised),
    }
    session.emit(document, lambda console: _render_trusted(console, trusted))


@app.command("prune")
def prune(
    ctx: typer.Context,
    keep: Annotated[int, typer.Option("--keep", min=1, help="The number of newest versions to keep.")] = 10,
    as_json: JsonFlag = False,
) -> None:
    """Delete old versions, except those that a stage has a release of."""
    session = Session(ctx, as_json)
    settings = session.settings(stage="local")
    from mlctl.cli.views import tables
    from mlctl.core import prune as core

    with session.progress() as report:
        pruned = core.run(session.folder, settings, keep=keep, report=report)
    document = {
        "deleted": list(pruned.deleted),
        "deployed": list(pruned.deployed),
        "in_use": list(pruned.in_use),
        "left": pruned.left,
    }
    notes = f" {len(pruned.deployed)} older kept: released on a stage." if pruned.deployed else ""
    notes += f" {len(pruned.in_use)} older kept: in use by another command." if pruned.in_use else ""
    ids = f": {', '.join(tables.short(version_id) for version_id in pruned.deleted)}" if pruned.deleted else ""
    text = f"{len(pruned.deleted)} deleted, {pruned.left} left{ids}.{notes}"
    session.emit(document, lambda console: console.print(text))


@app.command("export")
def export(
    ctx: typer.Context,
    version: VersionArgument = "latest",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a version to one file for `models import`."""
    session = Session(ctx, as_json)
    from mlctl.cli.views import tables
    from mlctl.core import model_archive as core

    with session.progress() as report:
        exported = core.export(session.folder, session.settings(), version=version, output=output, report=report)
    text = f"Wrote model version {tables.short(exported.version)} to {tables.path(exported.path)}."
    session.emit({"version": exported.version, "path": str(exported.path)}, lambda console: console.print(text))


@app.command("import")
def import_version(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that `models export` wrote.")],
    trusted: Annotated[
        bool,
        typer.Option("--trust", help="Let evaluate, compare and bench open its pickle, as `models trust` does."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Add a version from a file, after checking everything in the file. This command runs no code from it.

    Commands that open its model.joblib, a pickle, fail until you trust it with --trust, or later with
    `mlctl models trust`. You can package and deploy a portable model without trusting it.
    """
    session = Session(ctx, as_json)
    from mlctl.cli.views import tables
    from mlctl.core import model_archive as core

    imported = core.import_(session.folder, session.settings(), file, trusted=trusted)
    state = "added" if imported.created else "exists already"
    text = f"Model version {tables.short(imported.version)}: {state}."
    document = {"version": imported.version, "path": str(imported.path), "created": imported.created}
    session.emit(document, lambda console: console.print(text))


def _row(version: "VersionSummary") -> dict[str, Any]:
    return {
        "version": version.version,
        "created_at": version.created_at,
        "trained_at": version.trained_at,
        "estimator": version.estimator,
        "metrics": version.metrics,
        "portable": version.portable,
        "deployed": list(version.deployed),
        **({"problem": version.problem} if version.problem else {}),
    }


def _render(console: "Console", versions: "tuple[VersionSummary, ...]") -> None:
    from mlctl.cli.views import tables

    if not versions:
        console.print("No model versions. `mlctl train` makes one.")
        return
    names = [name for name in ("accuracy", "f1", "r2", "rmse") if any(name in version.metrics for version in versions)]
    table = tables.table("version", "trained (UTC)", "estimator", *names, "engine", "live on", right=names)
    for version in versions:
        table.add_row(
            f"[bold]{tables.short(version.version)}[/]",
            escape(version.trained_at[:16].replace("T", " ")),
            escape(version.estimator.rpartition(".")[2]) or "[bold red]changed on disk[/]",
            *(tables.metric(name, version.metrics[name]) if name in version.metrics else "" for name in names),
            "portable" if version.portable else "[dim]none[/]",
            escape(", ".join(version.deployed)),
        )
    tables.cut_only(table, "estimator")
    console.print(table)
    for version in versions:
        if version.problem:
            console.print(f"[bold red]{tables.short(version.version)}[/]: {escape(version.problem)}")


def _render_trusted(console: "Console", trusted: "TrustedVersion") -> None:
    from mlctl.cli.views import tables

    console.print(f"Model version {tables.short(trusted.version)} is trusted on this machine.")
    if trusted.modules:
        console.print(f"It imports these modules of the project: {escape(', '.join(sorted(trusted.modules)))}.")
    if trusted.unrecognised is None:
        console.print("mlctl cannot determine what its pickle imports, and records all modules of this folder.")
    elif trusted.unrecognised:
        console.print(
            f"Its pickle names objects that mlctl does not recognise: {escape(', '.join(trusted.unrecognised))}."
        )


def _document(details: "VersionDetails") -> dict[str, Any]:
    manifest = details.manifest
    return {
        "version": details.version.id,
        "created_at": details.version.created_at,
        "path": str(details.version.path),
        "trusted": details.trusted,
        "estimator": manifest.estimator,
        "preprocess": manifest.preprocess,
        "settings": manifest.settings,
        "data": manifest.data,
        "libraries": manifest.libraries,
        "platform": manifest.platform,
        "portable": manifest.portable,
        "files": manifest.files,
        "metrics": details.metrics,
        "schema": details.schema,
    }


def _render_details(console: "Console", details: "VersionDetails") -> None:
    from mlctl.cli.views import tables
    from mlctl.registry.gates import measured

    version, manifest, metrics = details.version, details.manifest, details.metrics
    data, portable = manifest.data, manifest.portable
    engine = f"compiles, parity {portable['parity']}" if portable["compiled"] else f"no: {portable['reason']}"
    params = (
        ", ".join(f"{key}={value}" for key, value in manifest.settings["model"].get("params", {}).items()) or "defaults"
    )
    console.print(f"[bold]Model version {escape(version.id)}[/]")
    console.print(
        tables.facts(
            [
                ("created", escape(version.created_at[:19].replace("T", " ")) + " UTC"),
                ("folder", tables.path(version.path)),
                ("trusted", "yes" if details.trusted else "no: `mlctl models trust` lets evaluate open its pickle"),
                ("estimator", escape(f"{manifest.estimator} ({params})")),
                ("preprocess", escape(", ".join(manifest.preprocess)) or "none"),
                ("data", escape(f"{data['source']}, {data['rows']} rows, digest {data['digest'][:12]}")),
                ("portable", escape(engine)),
                ("libraries", escape(", ".join(f"{name} {release}" for name, release in manifest.libraries.items()))),
                ("platform", escape(manifest.platform)),
                ("held out", ", ".join(f"{name} {tables.metric(name, metrics[name])}" for name in measured(metrics))),
            ]
        )
    )
    console.print()
    files = tables.table("file", "SHA-256")
    for name, digest in manifest.files.items():
        files.add_row(escape(name), f"{escape(digest[:16])}…")
    console.print(files)
