"""``mlctl models``, ``models show``, ``models verify``."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from mlctl.cli.help import FullHelp
from mlctl.cli.session import JsonFlag, Session, VersionArgument

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.models import Listed, Shown

app = typer.Typer(cls=FullHelp, rich_markup_mode=None, help="List, show and verify model versions.")


@app.callback(invoke_without_command=True)
def models(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List, show and verify model versions.

    Without a command: all versions of the project, the newest first.
    """
    if ctx.invoked_subcommand is not None:
        ctx.obj = replace(ctx.obj, as_json=as_json)
        return
    session = Session(ctx, as_json)
    settings = session.settings(stage="local")
    from mlctl.core import models as core

    listed = core.run(session.folder, settings)
    session.emit([_row(each) for each in listed], lambda console: _render(console, listed))


@app.command("show")
def show(ctx: typer.Context, version: VersionArgument = "latest", as_json: JsonFlag = False) -> None:
    """Show one version: what it was made of, and what it measured."""
    session = Session(ctx, as_json)
    from mlctl.core import models as core

    shown = core.show(session.folder, session.settings(), version)
    session.emit(_document(shown), lambda console: _render_one(console, shown))


@app.command("verify")
def verify(ctx: typer.Context, version: VersionArgument = "latest", as_json: JsonFlag = False) -> None:
    """Check every byte of a version against its manifest."""
    session = Session(ctx, as_json)
    from mlctl.core import models as core

    found = core.verify(session.folder, session.settings(), version)
    files = len(found.manifest.files) + 1
    session.emit(
        {"version": found.id, "intact": True, "files": files},
        lambda console: console.print(f"[green]✓[/] {found.id[:12]}: {files} files, as they were written."),
    )


def _row(listed: "Listed") -> dict[str, Any]:
    return {
        "version": listed.version,
        "created_at": listed.created_at,
        "estimator": listed.estimator,
        "metrics": listed.metrics,
        "deployed": list(listed.deployed),
        **({"problem": listed.problem} if listed.problem else {}),
    }


def _render(console: "Console", listed: "tuple[Listed, ...]") -> None:
    from rich.markup import escape

    from mlctl.cli import render

    if not listed:
        console.print("No model version yet. `mlctl train` makes one.")
        return
    made = render.table("version", "created", "estimator", "accuracy", "f1", "live on", right=("accuracy", "f1"))
    for each in listed:
        scores = [f"{each.metrics[name]:.3f}" if name in each.metrics else "" for name in ("accuracy", "f1")]
        estimator = "[bold red]was changed on disk[/]" if each.problem else escape(each.estimator.rpartition(".")[2])
        created = each.created_at[:16].replace("T", " ")
        made.add_row(f"[bold]{render.short(each.version)}[/]", created, estimator, *scores, ", ".join(each.deployed))
    console.print(made)


def _document(shown: "Shown") -> dict[str, Any]:
    manifest = shown.manifest
    return {
        "version": shown.version.id,
        "created_at": shown.version.created_at,
        "path": str(shown.version.path),
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
    from rich.markup import escape

    from mlctl.cli import render
    from mlctl.model.gates import METRICS

    manifest, metrics = shown.manifest, shown.metrics
    portable = manifest.portable
    engine = f"compiles, parity {portable['parity']}" if portable["compiled"] else f"no: {portable['reason']}"
    params = ", ".join(f"{key}={value}" for key, value in manifest.settings["model"]["params"].items()) or "defaults"
    console.print(f"[bold]Model version {shown.version.id}[/]")
    console.print(
        render.facts(
            [
                ("created", shown.version.created_at[:19].replace("T", " ") + " UTC"),
                ("folder", render.path(shown.version.path)),
                ("estimator", escape(f"{manifest.estimator} ({params})")),
                ("preprocess", escape(", ".join(manifest.preprocess)) or "none"),
                (
                    "data",
                    f"{manifest.data['source']}, {manifest.data['rows']} rows, digest {manifest.data['digest'][:12]}",
                ),
                ("portable", escape(engine)),
                ("libraries", ", ".join(f"{name} {version}" for name, version in manifest.libraries.items())),
                ("platform", manifest.platform),
                ("held out", ", ".join(f"{name} {metrics[name]:.3f}" for name in METRICS)),
            ]
        )
    )
    console.print()
    files = render.table("file", "SHA-256")
    for name, digest in manifest.files.items():
        files.add_row(name, f"{digest[:16]}…")
    console.print(files)
