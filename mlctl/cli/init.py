"""The ``mlctl init`` command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlctl.cli.options import JsonFlag, project_path
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.init import Guess


def init(
    ctx: typer.Context,
    file: Annotated[
        str | None, typer.Argument(help="CSV, TSV, JSON lines or Parquet; gzip compression is allowed.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="A built-in dataset: iris, wine, breast_cancer or digits.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", help="The column to predict, instead of a guess. For several numbers: A,B."),
    ] = None,
    missing: Annotated[
        list[str] | None, typer.Option("--missing", help="A text that means a missing value. Repeatable.")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option("--ignore", help="A column to leave out. Repeatable.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing mlctl.toml.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Examine a table, guess its target, kinds and task, and write a commented mlctl.toml.

    Examples: mlctl init customers.csv, or mlctl init --dataset wine.
    """
    if (file is None) == (dataset is None):
        raise typer.BadParameter("Give a file, or --dataset with a built-in dataset.")
    session = Session(ctx, as_json)
    folder = session.new_folder
    source = project_path(folder, file) if file else dataset or ""
    with session.progress() as report:
        from mlctl.core import init as core

        guess = core.run(
            folder, source, target=target, missing=missing or (), ignore=ignore or (), force=force, report=report
        )
    document = {
        "path": str(guess.path),
        "source": guess.source,
        "rows": guess.rows,
        "target": list(guess.targets) if len(guess.targets) > 1 else guess.targets[0],
        "task": guess.task,
        "ignore": list(guess.ignored),
        "columns": [{"name": column.name, "kind": column.kind, "missing": column.missing} for column in guess.columns],
    }
    session.emit(document, lambda console: _render(console, guess))


def _render(console: "Console", guess: "Guess") -> None:
    from mlctl.cli.views import columns, tables

    console.print(f"Wrote [bold]{tables.path(Path(guess.path))}[/] from {guess.rows:,} rows:\n")
    table = tables.table("column", "kind", "missing", "values", "", right=("missing",))
    for column in guess.columns:
        reason = guess.ignored.get(column.name, "")
        note = "[green]target[/]" if column.name in guess.targets else f"[yellow]{escape(reason)}[/]"
        missing = f"{column.missing / guess.rows:.1%}" if column.missing else ""
        table.add_row(
            escape(column.name), columns.kind_text(column), missing, escape(columns.values_text(column)), note
        )
    tables.cut_only(table, "values")
    console.print(table)
    what = "number" if guess.task == "regression" else "class"
    is_the = f"is the {what}" if len(guess.targets) == 1 else f"are the {what}s"
    console.print(
        f"\n[bold]{escape(', '.join(guess.targets))}[/] {is_the} to predict ({guess.task}). "
        "If this is wrong, edit the file."
    )
    tables.next_steps(
        console,
        ("mlctl data validate", "check whether the data can be used for training"),
        ("mlctl train", "train a first model"),
        ("mlctl up", "put a first model behind an API on this machine"),
    )
