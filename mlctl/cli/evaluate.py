"""The ``mlctl evaluate`` command."""

from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.options import JsonFlag, SourceFlag, VersionArgument, data_settings
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.evaluate import Evaluation


def evaluate(
    ctx: typer.Context,
    version: VersionArgument = "latest",
    minimum: Annotated[
        list[str] | None,
        typer.Option(
            "--min",
            "--gate",
            metavar="METRIC=VALUE",
            help="The minimum of a metric, or the maximum of an error such as rmse; exit 4 if missed. Repeatable.",
        ),
    ] = None,
    source: SourceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure a model version again on its held-out rows.

    The data must be the data that the version was trained on. Gates come from [gates] in mlctl.toml and from --min.
    This command opens model.joblib, a pickle: you must have made or trusted the version on this machine (see
    `mlctl models trust`).
    """
    session = Session(ctx, as_json)
    minimums = _parse_minimums(minimum or [])
    settings = session.settings(flags=data_settings(session.folder, source, None))
    with session.progress() as report:
        from mlctl.core import evaluate as core
        from mlctl.registry import gates

        evaluation = core.run(session.folder, settings, version=version, minimum=minimums, report=report)
    missed = gates.missed(evaluation.version, evaluation.gates)
    document = _document(evaluation)
    if missed:
        # One document has both: you need the metrics most when they are too low.
        document["error"] = missed.to_document()
    session.emit(document, lambda console: _render(console, evaluation))
    if missed:
        session.fail_after_output(missed)


def _parse_minimums(options: list[str]) -> dict[str, float]:
    minimums = {}
    for option in options:
        name, _, value = option.partition("=")
        try:
            minimums[name] = float(value)
            if not isfinite(minimums[name]):
                raise ValueError
        except ValueError:
            raise typer.BadParameter(
                f"'{option}' is not METRIC=VALUE, such as accuracy=0.9.", param_hint="--min"
            ) from None
    return minimums


def _document(evaluation: "Evaluation") -> dict[str, Any]:
    return {
        "version": evaluation.version,
        "task": evaluation.task,
        "rows": evaluation.rows,
        "metrics": evaluation.metrics,
        "confusion_matrix": evaluation.confusion_matrix,
        "gates": [gate.to_document() for gate in evaluation.gates],
    }


def _render(console: "Console", evaluation: "Evaluation") -> None:
    from mlctl.cli.views import tables
    from mlctl.registry import gates

    console.print(f"[bold]Model version {tables.short(evaluation.version)}[/] on {evaluation.rows} held-out rows\n")
    gate_of = {gate.metric: gate for gate in evaluation.gates}
    overview = tables.table("metric", "value", "gate", right=("value", "gate"))
    for name in gates.measured(evaluation.metrics):
        gate = gate_of.get(name)
        mark = "" if gate is None else " [green]✓[/]" if gate.passed else " [bold red]✗[/]"
        bound = f"{'≤' if gate.side == 'maximum' else '≥'} {gate.bound:.10g}{mark}" if gate else ""
        value = evaluation.metrics[name]
        overview.add_row(name, f"{value:.6g}" if name in gates.OF_NUMBERS else f"{value:.4f}", bound)
    console.print(overview)
    if "outputs" in evaluation.metrics:
        console.print()
        console.print(tables.per_output(evaluation.metrics))
    if evaluation.confusion_matrix:
        console.print()
        console.print(tables.per_class(evaluation.metrics))
        console.print()
        console.print(tables.confusion(evaluation.confusion_matrix, evaluation.class_names))
