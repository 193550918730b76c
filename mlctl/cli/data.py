"""``mlctl data describe``, ``validate``, ``split``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.help import FullHelp, help_without_command
from mlctl.cli.session import JsonFlag, Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.data import Description, SplitSummary, Validation

app = typer.Typer(
    cls=FullHelp,
    rich_markup_mode=None,
    invoke_without_command=True,
    callback=help_without_command,
    help="Describe, validate and split the dataset.",
)

SourceFlag = Annotated[
    str | None,
    typer.Option("--source", help="A built-in set (iris, wine, breast_cancer, digits) instead of the project's."),
]


@app.command("describe")
def describe(ctx: typer.Context, source: SourceFlag = None, as_json: JsonFlag = False) -> None:
    """Show the columns with their ranges, and the balance of the classes."""
    session = Session(ctx, as_json)
    settings = session.settings(flags=_flags(source))
    from mlctl.core import data as core

    described = core.describe(settings)
    session.emit(_description(described), lambda console: _render(console, described))


@app.command("validate")
def validate(ctx: typer.Context, source: SourceFlag = None, as_json: JsonFlag = False) -> None:
    """Check that the dataset can be trained on (exit 3 when it cannot)."""
    session = Session(ctx, as_json)
    settings = session.settings(flags=_flags(source))
    from mlctl.core import data as core

    validated = core.validate(settings)
    document = {
        "source": validated.source,
        "rows": validated.rows,
        "valid": True,
        "problems": list(validated.problems),
        "warnings": list(validated.warnings),
    }
    session.emit(document, lambda console: _render_validation(console, validated))


@app.command("split")
def split(ctx: typer.Context, source: SourceFlag = None, as_json: JsonFlag = False) -> None:
    """Show the stratified split into training and test rows that `train` will use."""
    session = Session(ctx, as_json)
    settings = session.settings(flags=_flags(source))
    from mlctl.core import data as core

    parts = core.split(settings)
    document = {
        "source": parts.source,
        "seed": parts.seed,
        "test_size": parts.test_size,
        "train": parts.train,
        "test": parts.test,
        "test_rows": list(parts.test_rows),
    }
    session.emit(document, lambda console: _render_split(console, parts))


def _flags(source: str | None) -> dict[str, Any] | None:
    return {"data": {"source": source}} if source else None


def _description(described: "Description") -> dict[str, Any]:
    return {
        "source": described.source,
        "digest": described.digest,
        "rows": described.rows,
        "target": described.target,
        "columns": [
            {
                "name": column.name,
                "kind": "number",
                "min": column.min,
                "mean": column.mean,
                "max": column.max,
                "std": column.std,
                "histogram": list(column.histogram),
            }
            for column in described.columns
        ],
        "classes": described.classes,
    }


def _render(console: "Console", described: "Description") -> None:
    from rich.markup import escape

    from mlctl.cli import render

    columns, classes = len(described.columns), len(described.classes)
    console.print(
        f"[bold]{escape(described.source)}[/]: {described.rows} rows, {columns} features, "
        f"target {escape(described.target)} with {classes} classes, digest {described.digest[:12]}\n"
    )
    numbers = ("min", "mean", "max", "std")
    made = render.table("feature", *numbers, "distribution", right=numbers)
    for column in described.columns:
        values = (f"{getattr(column, name):.4g}" for name in numbers)
        made.add_row(escape(column.name), *values, f"[cyan]{render.histogram(column.histogram)}[/]")
    console.print(made)
    console.print()
    balance = render.table("class", "rows", "share", "", right=("rows", "share"))
    for name, count in described.classes.items():
        share = count / described.rows
        balance.add_row(escape(name), str(count), f"{share:.1%}", f"[cyan]{render.bar(share)}[/]")
    console.print(balance)


def _render_validation(console: "Console", validated: "Validation") -> None:
    from rich.markup import escape

    console.print(f"[green]✓[/] {escape(validated.source)}: {validated.rows} rows, fit to be trained on.")
    for warning in validated.warnings:
        console.print(f"[yellow]![/] {escape(warning)}")


def _render_split(console: "Console", parts: "SplitSummary") -> None:
    from rich.markup import escape

    from mlctl.cli import render

    console.print(f"[bold]{escape(parts.source)}[/], seed {parts.seed}, {parts.test_size:.0%} held out\n")
    numbers = ("training", "test")
    made = render.table("class", *numbers, right=numbers)
    for name in parts.train:
        made.add_row(escape(name), str(parts.train[name]), str(parts.test[name]))
    made.add_row("[bold]all[/]", f"[bold]{sum(parts.train.values())}[/]", f"[bold]{sum(parts.test.values())}[/]")
    console.print(made)
