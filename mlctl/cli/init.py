"""``mlctl init``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlctl.cli.output.terminal import escape
from mlctl.cli.session import JsonFlag, Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.init import Guess


def init(
    ctx: typer.Context,
    file: Annotated[str | None, typer.Argument(help="CSV, TSV, JSON lines or Parquet, gzipped or not.")] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="A built-in set: iris, wine, breast_cancer, digits.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="The column to predict, instead of a guess; several numbers: A,B.")
    ] = None,
    missing: Annotated[
        list[str] | None, typer.Option("--missing", help="A text that stands for no value; may be given again.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", help="A column to leave out; may be given again.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an mlctl.toml that is here.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Look at a table, guess its target, kinds and task, and write a commented mlctl.toml.

    mlctl init customers.csv, or mlctl init --dataset wine
    """
    if (file is None) == (dataset is None):
        raise typer.BadParameter("Give a file, or --dataset with a built-in set.")
    from mlctl.cli.train import from_here

    session = Session(ctx, as_json)
    folder = session.new_folder
    where = from_here(folder, file) if file else dataset or ""
    with session.progress() as report:
        from mlctl.core import init as core

        guess = core.run(
            folder, where, target=target, missing=missing or (), ignore=ignore or (), force=force, report=report
        )
    document = {
        "path": str(guess.path),
        "source": guess.source,
        "rows": guess.rows,
        "target": list(guess.targets) if len(guess.targets) > 1 else guess.targets[0],
        "task": guess.task,
        "ignore": list(guess.ignored),
        "columns": [{"name": each.name, "kind": each.kind, "missing": each.missing} for each in guess.columns],
    }
    session.emit(document, lambda console: _render(console, guess))


def _render(console: "Console", guess: "Guess") -> None:
    from mlctl.cli.data import column_kind, column_values
    from mlctl.cli.views import tables

    console.print(f"[bold]{tables.path(Path(guess.path))}[/] is written. It says that, of {guess.rows:,} rows,\n")
    made = tables.table("column", "kind", "missing", "values", "", right=("missing",))
    for column in guess.columns:
        name = escape(column.name)
        why = guess.ignored.get(column.name, "")
        note = "[green]target[/]" if column.name in guess.targets else f"[yellow]{escape(why)}[/]"
        missing = f"{column.missing / guess.rows:.1%}" if column.missing else ""
        made.add_row(name, column_kind(column), missing, escape(column_values(column)), note)
    tables.keep(made, but="values")
    console.print(made)
    what = "number" if guess.task == "regression" else "class"
    is_the = f"is the {what}" if len(guess.targets) == 1 else f"are the {what}s"
    console.print(
        f"\n[bold]{escape(', '.join(guess.targets))}[/] {is_the} to predict ({guess.task}). "
        "Correct the file where this is wrong."
    )
    tables.next_steps(
        console,
        ("mlctl data validate", "can it be trained on?"),
        ("mlctl train", "a first model"),
        ("mlctl up", "a first model behind an API on this machine"),
    )
