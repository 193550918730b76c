"""``mlctl data describe``, ``validate``, ``split``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli import completion
from mlctl.cli.help import FullHelp, help_without_command
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import JsonFlag, Session
from mlctl.cli.train import SourceFlag, TargetFlag, data_flags, from_here

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.data import Description, SplitSummary, Validation
    from mlctl.core.shared.column_description import Described
    from mlctl.core.validate import Checked

app = typer.Typer(
    cls=FullHelp,
    rich_markup_mode=None,
    invoke_without_command=True,
    callback=help_without_command,
    help="Describe, validate and split the dataset.",
)

# Characters that the values of a category may take; of others their number is told.
_VALUES_WIDTH = 28


@app.command("describe")
def describe(
    ctx: typer.Context, source: SourceFlag = None, target: TargetFlag = None, as_json: JsonFlag = False
) -> None:
    """Show each column with its kind, range and a small histogram, and the balance of the classes."""
    session = Session(ctx, as_json)
    settings = session.settings(flags=data_flags(session, source, target))
    with session.progress() as report:
        from mlctl.core import data as core

        described = core.describe(session.folder, settings, report)
    session.emit(_description(described), lambda console: _render(console, described))


@app.command("validate")
def validate(
    ctx: typer.Context,
    file: Annotated[
        str | None, typer.Argument(help="New rows to check against a version's schema: a path, s3://…, or - (stdin).")
    ] = None,
    version: Annotated[
        str,
        typer.Option("--version", help="The model version whose schema counts.", autocompletion=completion.versions),
    ] = "latest",
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many problems to list.")] = 20,
    source: SourceFlag = None,
    target: TargetFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Check that the dataset can be trained on, or that FILE fits a model version's schema (exit 3 when not).

    With FILE each problem is listed with its row (the first below the header is 1), column and reason.
    Numbers outside the training range are listed as warnings, since the API answers them.
    """
    session = Session(ctx, as_json)
    settings = session.settings(flags=data_flags(session, source, target))
    if file is not None:
        _validate_file(session, settings, file, version, limit)
        return
    with session.progress() as report:
        from mlctl.core import data as core

        validated = core.validate(session.folder, settings, report)
    document = {
        "source": validated.source,
        "rows": validated.rows,
        "valid": True,
        "problems": [],
        "warnings": list(validated.warnings),
    }
    session.emit(document, lambda console: _render_validation(console, validated))


def _validate_file(session: Session, settings: Any, file: str, version: str, limit: int) -> None:
    with session.progress() as report:
        from mlctl.core import validate as core

        there = from_here(session.folder, file)
        checked = core.run(session.folder, settings, there, version=version, report=report)
    document = {
        "source": checked.source,
        "version": checked.version,
        "rows": checked.rows,
        "valid": not checked.problems,
        "problems": [each.to_document() for each in checked.problems[:limit]],
        "problem_count": len(checked.problems),
        "warnings": [each.to_document() for each in checked.warnings[:limit]],
        "warning_count": len(checked.warnings),
    }
    refused = checked.refused
    if refused:
        document["error"] = refused.to_document()
    session.emit(document, lambda console: _render_checked(console, checked, limit))
    if refused:
        session.fail_after_output(refused)


@app.command("split")
def split(ctx: typer.Context, source: SourceFlag = None, target: TargetFlag = None, as_json: JsonFlag = False) -> None:
    """Show the split into training and test rows that `train` will use."""
    session = Session(ctx, as_json)
    settings = session.settings(flags=data_flags(session, source, target))
    with session.progress() as report:
        from mlctl.core import data as core

        parts = core.split(session.folder, settings, report)
    document = {
        "source": parts.source,
        "seed": parts.seed,
        "test_size": parts.test_size,
        "split": parts.strategy,
        "train": parts.train,
        "test": parts.test,
        "test_rows": list(parts.test_rows),
    }
    session.emit(document, lambda console: _render_split(console, parts))


def _description(described: "Description") -> dict[str, Any]:
    return {
        "source": described.source,
        "digest": described.digest,
        "rows": described.rows,
        "task": described.task,
        "target": _one_or_all([column.name for column in described.targets]),
        "columns": [_column(column) for column in described.columns],
        "target_column": _one_or_all([_column(column) for column in described.targets]),
        "classes": described.classes,
    }


def _one_or_all(found: list[Any]) -> Any:
    """Of one target its own value, of several a list."""
    return found if len(found) > 1 else found[0]


def _column(column: "Described") -> dict[str, Any]:
    figures = {} if column.mean is None else {"mean": column.mean, "std": column.std}
    return {**column.entry, **figures, "missing": column.missing, "histogram": list(column.histogram)}


def _render(console: "Console", described: "Description") -> None:
    from mlctl.cli.views import tables

    columns, classes = len(described.columns), len(described.classes)
    kind = f"with {classes} classes" if classes else "(regression)"
    targets = ", ".join(column.name for column in described.targets)
    console.print(
        f"[bold]{escape(described.source)}[/]: {described.rows:,} rows, {columns} features, "
        f"target {escape(targets)} {kind}, digest {described.digest[:12]}\n"
    )
    made = tables.table("feature", "kind", "missing", "values", "distribution", right=("missing",))
    shown = described.columns if classes else (*described.columns, *described.targets)
    for column in shown:
        missing = f"{column.missing / described.rows:.1%}" if column.missing else ""
        name = f"{escape(column.name)} [dim](target)[/]" if column in described.targets else escape(column.name)
        bars = f"[cyan]{tables.histogram(column.histogram) if any(column.histogram) else ''}[/]"
        made.add_row(name, column_kind(column), missing, escape(column_values(column)), bars)
    tables.keep(made, but="values")
    console.print(made)
    if not classes:
        return
    console.print()
    balance = tables.table("class", "rows", "share", "", right=("rows", "share"))
    for name, count in described.classes.items():
        share = count / described.rows
        balance.add_row(escape(name), str(count), f"{share:.1%}", f"[cyan]{tables.bar(share)}[/]")
    console.print(balance)


def column_kind(column: "Described") -> str:
    """The kind of a column in words."""
    return "whole number" if column.entry.get("integer") else column.kind


def column_values(column: "Described") -> str:
    """The range of a number or date with its median, the values of a category."""
    entry = column.entry
    if column.kind == "category":
        return _some(entry["values"])
    if column.kind == "boolean":
        total = max(entry["true"] + entry["false"], 1)
        return f"true {entry['true'] / total:.0%}"
    if entry["min"] is None:
        return ""
    if column.kind == "date":
        return f"{entry['min']} to {entry['max']}"
    low, median, high = (f"{value:.6g}" for value in (entry["min"], entry["quantiles"][2], entry["max"]))
    return f"{low} to {high}, median {median}"


def _some(values: list[str]) -> str:
    """The first values that fit into _VALUES_WIDTH characters, at least one, and how many there are in all."""
    shown = values[:1]
    for value in values[1:]:
        if len(", ".join([*shown, value])) > _VALUES_WIDTH:
            break
        shown.append(value)
    text = ", ".join(shown)
    text = text if len(text) <= _VALUES_WIDTH else f"{text[:_VALUES_WIDTH]}…"
    return text if len(shown) == len(values) else f"{text}, … ({len(values)} values)"


def _render_validation(console: "Console", validated: "Validation") -> None:
    console.print(f"[green]✓[/] {escape(validated.source)}: {validated.rows:,} rows, fit to be trained on.")
    for warning in validated.warnings:
        console.print(f"[yellow]![/] {escape(warning)}")


def _render_checked(console: "Console", checked: "Checked", limit: int) -> None:
    from mlctl.cli.views import tables

    if not checked.problems:
        console.print(
            f"[green]✓[/] {escape(checked.source)}: "
            f"{'1 row fits' if checked.rows == 1 else f'{checked.rows:,} rows fit'} model version "
            f"{tables.short(checked.version)}."
        )
    for title, found in (("problem", checked.problems), ("warning", checked.warnings)):
        if not found:
            continue
        made = tables.table("row", "column", title, right=("row",))
        for each in found[:limit]:
            row = "" if each.row is None else str(each.row)
            made.add_row(row, escape(each.column), escape(each.reason))
        console.print(made)
        if len(found) > limit:
            console.print(f"[dim]… and {len(found) - limit} more; --limit shows them.[/]")


def _render_split(console: "Console", parts: "SplitSummary") -> None:
    from mlctl.cli.views import tables

    console.print(
        f"[bold]{escape(parts.source)}[/], {parts.strategy} split, seed {parts.seed}, {parts.test_size:.0%} held out\n"
    )
    numbers = ("training", "test")
    made = tables.table("class" if len(parts.train) > 1 else "", *numbers, right=numbers)
    if len(parts.train) > 1:
        for name in parts.train:
            made.add_row(escape(name), str(parts.train[name]), str(parts.test[name]))
    made.add_row("[bold]all[/]", f"[bold]{sum(parts.train.values())}[/]", f"[bold]{sum(parts.test.values())}[/]")
    console.print(made)
