"""The ``mlctl data`` commands: ``describe``, ``validate`` and ``split``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli import completion
from mlctl.cli.help import FullHelp, help_without_command
from mlctl.cli.options import JsonFlag, SourceFlag, TargetFlag, data_settings, project_path
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.data import Description, SplitSummary, Validation
    from mlctl.core.shared.column_description import ColumnDescription
    from mlctl.core.validate import FileValidation

app = typer.Typer(
    cls=FullHelp,
    rich_markup_mode=None,
    invoke_without_command=True,
    callback=help_without_command,
    help="Describe, validate and split the dataset.",
)


@app.command("describe")
def describe(
    ctx: typer.Context, source: SourceFlag = None, target: TargetFlag = None, as_json: JsonFlag = False
) -> None:
    """Show the kind, range and histogram of each column, and the class balance."""
    session = Session(ctx, as_json)
    settings = session.settings(flags=data_settings(session.folder, source, target))
    with session.progress() as report:
        from mlctl.core import data as core

        description = core.describe(session.folder, settings, report)
    session.emit(_description(description), lambda console: _render_description(console, description))


@app.command("validate")
def validate(
    ctx: typer.Context,
    file: Annotated[
        str | None,
        typer.Argument(help="New rows to check against the schema of a version: a path, s3://…, or - (stdin)."),
    ] = None,
    version: Annotated[
        str,
        typer.Option("--version", help="The model version with the schema.", autocompletion=completion.versions),
    ] = "latest",
    limit: Annotated[int, typer.Option("--limit", min=1, help="The number of problems to list.")] = 20,
    source: SourceFlag = None,
    target: TargetFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Check that the dataset can be used for training, or that FILE matches the schema of a version (exit 3 if not).

    With FILE, mlctl lists each problem with its row, column and reason. The first row below the header is row 1.
    Numbers outside the training range are warnings, because the API answers them.
    """
    session = Session(ctx, as_json)
    settings = session.settings(flags=data_settings(session.folder, source, target))
    if file is not None:
        _validate_file(session, settings, file, version, limit)
        return
    with session.progress() as report:
        from mlctl.core import data as core

        validation = core.validate(session.folder, settings, report)
    document = {
        "source": validation.source,
        "rows": validation.rows,
        "valid": True,
        "problems": [],
        "warnings": list(validation.warnings),
    }
    session.emit(document, lambda console: _render_validation(console, validation))


def _validate_file(session: Session, settings: Any, file: str, version: str, limit: int) -> None:
    with session.progress() as report:
        from mlctl.core import validate as core

        path = project_path(session.folder, file)
        validation = core.run(session.folder, settings, path, version=version, report=report)
    document = {
        "source": validation.source,
        "version": validation.version,
        "rows": validation.rows,
        "valid": not validation.problems,
        "problems": [problem.to_document() for problem in validation.problems[:limit]],
        "problem_count": len(validation.problems),
        "warnings": [warning.to_document() for warning in validation.warnings[:limit]],
        "warning_count": len(validation.warnings),
    }
    error = validation.error
    if error:
        document["error"] = error.to_document()
    session.emit(document, lambda console: _render_file_validation(console, validation, limit))
    if error:
        session.fail_after_output(error)


@app.command("split")
def split(ctx: typer.Context, source: SourceFlag = None, target: TargetFlag = None, as_json: JsonFlag = False) -> None:
    """Show the split into training and test rows that `train` uses."""
    session = Session(ctx, as_json)
    settings = session.settings(flags=data_settings(session.folder, source, target))
    with session.progress() as report:
        from mlctl.core import data as core

        summary = core.split(session.folder, settings, report)
    document = {
        "source": summary.source,
        "seed": summary.seed,
        "test_size": summary.test_size,
        "split": summary.strategy,
        "train": summary.train,
        "test": summary.test,
        "test_rows": list(summary.test_rows),
    }
    session.emit(document, lambda console: _render_split(console, summary))


def _description(description: "Description") -> dict[str, Any]:
    return {
        "source": description.source,
        "digest": description.digest,
        "rows": description.rows,
        "task": description.task,
        "target": _single_or_list([column.name for column in description.targets]),
        "columns": [_column(column) for column in description.columns],
        "target_column": _single_or_list([_column(column) for column in description.targets]),
        "classes": description.classes,
    }


def _single_or_list(values: list[Any]) -> Any:
    """Return the value of a single target, or the list of the values of several targets."""
    return values if len(values) > 1 else values[0]


def _column(column: "ColumnDescription") -> dict[str, Any]:
    figures = {} if column.mean is None else {"mean": column.mean, "std": column.std}
    return {**column.entry, **figures, "missing": column.missing, "histogram": list(column.histogram)}


def _render_description(console: "Console", description: "Description") -> None:
    from mlctl.cli.views import columns, tables

    features, classes = len(description.columns), len(description.classes)
    task = f"with {classes} classes" if classes else "(regression)"
    targets = ", ".join(column.name for column in description.targets)
    console.print(
        f"[bold]{escape(description.source)}[/]: {description.rows:,} rows, {features} features, "
        f"target {escape(targets)} {task}, digest {description.digest[:12]}\n"
    )
    table = tables.table("feature", "kind", "missing", "values", "distribution", right=("missing",))
    shown = description.columns if classes else (*description.columns, *description.targets)
    for column in shown:
        missing = f"{column.missing / description.rows:.1%}" if column.missing else ""
        name = f"{escape(column.name)} [dim](target)[/]" if column in description.targets else escape(column.name)
        bars = f"[cyan]{tables.histogram(column.histogram) if any(column.histogram) else ''}[/]"
        table.add_row(name, columns.kind_text(column), missing, escape(columns.values_text(column)), bars)
    tables.cut_only(table, "values")
    console.print(table)
    if not classes:
        return
    console.print()
    balance = tables.table("class", "rows", "share", "", right=("rows", "share"))
    for name, count in description.classes.items():
        share = count / description.rows
        balance.add_row(escape(name), str(count), f"{share:.1%}", f"[cyan]{tables.bar(share)}[/]")
    console.print(balance)


def _render_validation(console: "Console", validation: "Validation") -> None:
    console.print(f"[green]✓[/] {escape(validation.source)}: {validation.rows:,} rows, ready for training.")
    for warning in validation.warnings:
        console.print(f"[yellow]![/] {escape(warning)}")


def _render_file_validation(console: "Console", validation: "FileValidation", limit: int) -> None:
    from mlctl.cli.views import tables

    if not validation.problems:
        console.print(
            f"[green]✓[/] {escape(validation.source)}: "
            f"{'1 row matches' if validation.rows == 1 else f'{validation.rows:,} rows match'} the schema of "
            f"model version {tables.short(validation.version)}."
        )
    for title, breaches in (("problem", validation.problems), ("warning", validation.warnings)):
        if not breaches:
            continue
        table = tables.table("row", "column", title, right=("row",))
        for breach in breaches[:limit]:
            row = "" if breach.row is None else str(breach.row)
            table.add_row(row, escape(breach.column), escape(breach.reason))
        console.print(table)
        if len(breaches) > limit:
            console.print(f"[dim]… and {len(breaches) - limit} more; --limit shows them.[/]")


def _render_split(console: "Console", summary: "SplitSummary") -> None:
    from mlctl.cli.views import tables

    console.print(
        f"[bold]{escape(summary.source)}[/], {summary.strategy} split, seed {summary.seed}, "
        f"{summary.test_size:.0%} held out\n"
    )
    headers = ("training", "test")
    table = tables.table("class" if len(summary.train) > 1 else "", *headers, right=headers)
    if len(summary.train) > 1:
        for name in summary.train:
            table.add_row(escape(name), str(summary.train[name]), str(summary.test[name]))
    table.add_row("[bold]all[/]", f"[bold]{sum(summary.train.values())}[/]", f"[bold]{sum(summary.test.values())}[/]")
    console.print(table)
