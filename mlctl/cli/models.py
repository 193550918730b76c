"""``mlctl models``, and ``show``, ``verify``, ``trust``, ``prune``, ``export``, ``import``, ``support`` below it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli import completion
from mlctl.cli.help import FullHelp
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import JsonFlag, Session, VersionArgument
from mlctl.cli.support import support

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.models import Shown, TrustedVersion, VersionSummary

app = typer.Typer(
    cls=FullHelp,
    rich_markup_mode=None,
    help="List, show, verify, trust, prune, export and import versions; what compiles.",
)


@app.callback(invoke_without_command=True)
def models(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List, show, verify, trust, prune, export and import model versions.

    Without a command: all versions of the project, what was trained last first. That one is `latest`.
    """
    if ctx.invoked_subcommand is not None:
        ctx.obj = replace(ctx.obj, as_json=as_json)
        return
    session = Session(ctx, as_json)
    settings = session.settings(stage="local")
    from mlctl.core import models as core

    with session.progress() as report:
        listed = core.run(session.folder, settings, report)
    session.emit([_row(each) for each in listed], lambda console: _render(console, listed))


@app.command("show")
def show(ctx: typer.Context, version: VersionArgument = "latest", as_json: JsonFlag = False) -> None:
    """Show one version: what it was made of, and what it measured."""
    session = Session(ctx, as_json)
    from mlctl.core import models as core

    with session.progress() as report:
        shown = core.show(session.folder, session.settings(), version, report)
    session.emit(_document(shown), lambda console: _render_one(console, shown))


@app.command("verify")
def verify(ctx: typer.Context, version: VersionArgument = "latest", as_json: JsonFlag = False) -> None:
    """Check every byte of a version against its manifest."""
    session = Session(ctx, as_json)
    from mlctl.core import models as core

    with session.progress() as report:
        found = core.verify(session.folder, session.settings(), version, report)
    files = len(found.manifest.files) + 1
    session.emit(
        {"version": found.id, "intact": True, "files": files},
        lambda console: console.print(f"[green]✓[/] {found.id[:12]}: {files} files, as they were written."),
    )


@app.command("trust")
def trust(
    ctx: typer.Context,
    version: Annotated[
        str,
        typer.Argument(
            metavar="VERSION",
            help="A model version: an id, the beginning of one, latest or previous.",
            autocompletion=completion.versions,
        ),
    ],
    as_json: JsonFlag = False,
) -> None:
    """Trust a version that you did not make on this machine: evaluate, compare and bench may open it.

    Its model.joblib is a pickle: opening it runs the code in it. Trust only a version whose author you trust. A version
    with a pipeline of your own also imports modules of the project folder: you trust them as they are now. mlctl keeps
    the record in your state folder, for this machine only. This command does not open the pickle.
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
    keep: Annotated[int, typer.Option("--keep", min=1, help="How many of the newest to keep.")] = 10,
    as_json: JsonFlag = False,
) -> None:
    """Delete old versions, but never one that a stage has a release of."""
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
    kept = f" {len(pruned.deployed)} older kept: released on a stage." if pruned.deployed else ""
    kept += f" {len(pruned.in_use)} older kept: in use by another command." if pruned.in_use else ""
    ids = f": {', '.join(tables.short(each) for each in pruned.deleted)}" if pruned.deleted else ""
    text = f"{len(pruned.deleted)} deleted, {pruned.left} left{ids}.{kept}"
    session.emit(document, lambda console: console.print(text))


@app.command("export")
def export(
    ctx: typer.Context,
    version: VersionArgument = "latest",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write one version to one file, which `models import` reads."""
    session = Session(ctx, as_json)
    from mlctl.cli.views import tables
    from mlctl.core import model_archive as core

    with session.progress() as report:
        done = core.export(session.folder, session.settings(), version=version, output=output, report=report)
    text = f"{tables.path(done.path)} holds model version {tables.short(done.version)}."
    session.emit({"version": done.version, "path": str(done.path)}, lambda console: console.print(text))


@app.command("import")
def import_version(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="What `models export` wrote.")],
    trusted: Annotated[
        bool,
        typer.Option("--trust", help="Let evaluate, compare and bench open its pickle, as `models trust` does."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Add a version from a file, after checking everything in it. This command executes no code in it.

    Commands that open its model.joblib, a pickle, fail until you trust it with --trust, or later with
    `mlctl models trust`. You can package and deploy a portable model without trusting it.
    """
    session = Session(ctx, as_json)
    from mlctl.cli.views import tables
    from mlctl.core import model_archive as core

    done = core.import_(session.folder, session.settings(), file, trusted=trusted)
    state = "added" if done.created else "here already"
    text = f"Model version {tables.short(done.version)}: {state}."
    document = {"version": done.version, "path": str(done.path), "created": done.created}
    session.emit(document, lambda console: console.print(text))


app.command("support")(support)


def _row(listed: "VersionSummary") -> dict[str, Any]:
    return {
        "version": listed.version,
        "created_at": listed.created_at,
        "trained_at": listed.trained_at,
        "estimator": listed.estimator,
        "metrics": listed.metrics,
        "portable": listed.portable,
        "deployed": list(listed.deployed),
        **({"problem": listed.problem} if listed.problem else {}),
    }


def _render(console: "Console", listed: "tuple[VersionSummary, ...]") -> None:
    from mlctl.cli.views import tables

    if not listed:
        console.print("No model version yet. `mlctl train` makes one.")
        return
    shown = [name for name in ("accuracy", "f1", "r2", "rmse") if any(name in each.metrics for each in listed)]
    made = tables.table("version", "trained (UTC)", "estimator", *shown, "engine", "live on", right=shown)
    for each in listed:
        scores = [tables.metric(name, each.metrics[name]) if name in each.metrics else "" for name in shown]
        readable = escape(each.estimator.rpartition(".")[2])
        estimator = readable or "[bold red]was changed on disk[/]"
        engine = "portable" if each.portable else "[dim]none[/]"
        trained = escape(each.trained_at[:16].replace("T", " "))
        made.add_row(
            f"[bold]{tables.short(each.version)}[/]",
            trained,
            estimator,
            *scores,
            engine,
            escape(", ".join(each.deployed)),
        )
    tables.keep(made, but="estimator")
    console.print(made)
    for each in listed:
        if each.problem:
            console.print(f"[bold red]{tables.short(each.version)}[/]: {escape(each.problem)}")


def _render_trusted(console: "Console", trusted: "TrustedVersion") -> None:
    from mlctl.cli.output.terminal import escape
    from mlctl.cli.views import tables

    console.print(f"Model version {tables.short(trusted.version)} is trusted on this machine.")
    if trusted.modules:
        console.print(f"It imports these modules of the project: {escape(', '.join(sorted(trusted.modules)))}.")
    if trusted.unrecognised is None:
        console.print("mlctl cannot tell what its pickle imports, and records all modules of this folder.")
    elif trusted.unrecognised:
        console.print(
            f"Its pickle names objects that mlctl does not recognise: {escape(', '.join(trusted.unrecognised))}."
        )


def _document(shown: "Shown") -> dict[str, Any]:
    manifest = shown.manifest
    return {
        "version": shown.version.id,
        "created_at": shown.version.created_at,
        "path": str(shown.version.path),
        "trusted": shown.trusted,
        "estimator": manifest.estimator,
        "preprocess": manifest.preprocess,
        "settings": manifest.settings,
        "data": manifest.data,
        "libraries": manifest.libraries,
        "platform": manifest.platform,
        "portable": manifest.portable,
        "files": manifest.files,
        "metrics": shown.metrics,
        "schema": shown.schema,
    }


def _render_one(console: "Console", shown: "Shown") -> None:
    from mlctl.cli.views import tables
    from mlctl.registry.gates import measured

    manifest, metrics = shown.manifest, shown.metrics
    data = manifest.data
    portable = manifest.portable
    engine = f"compiles, parity {portable['parity']}" if portable["compiled"] else f"no: {portable['reason']}"
    params = (
        ", ".join(f"{key}={value}" for key, value in manifest.settings["model"].get("params", {}).items()) or "defaults"
    )
    console.print(f"[bold]Model version {escape(shown.version.id)}[/]")
    console.print(
        tables.facts(
            [
                ("created", escape(shown.version.created_at[:19].replace("T", " ")) + " UTC"),
                ("folder", tables.path(shown.version.path)),
                ("trusted", "yes" if shown.trusted else "no: `mlctl models trust` lets evaluate open its pickle"),
                ("estimator", escape(f"{manifest.estimator} ({params})")),
                ("preprocess", escape(", ".join(manifest.preprocess)) or "none"),
                (
                    "data",
                    escape(f"{data['source']}, {data['rows']} rows, digest {data['digest'][:12]}"),
                ),
                ("portable", escape(engine)),
                ("libraries", escape(", ".join(f"{name} {version}" for name, version in manifest.libraries.items()))),
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
