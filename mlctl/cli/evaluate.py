"""``mlctl evaluate``."""

from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.session import JsonFlag, Session, VersionArgument

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.evaluate import Evaluation


def evaluate(
    ctx: typer.Context,
    version: VersionArgument = "latest",
    minimum: Annotated[
        list[str] | None,
        typer.Option(
            "--min", metavar="METRIC=VALUE", help="The least a metric must be, or exit 4; may be given again."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure a model version again on its held-out rows.

    Refuses data that is not what the version was trained on. Minimum values come from [gates] in
    mlctl.toml and from --min.
    """
    session = Session(ctx, as_json)
    wanted = _parse(minimum or [])
    settings = session.settings()
    from mlctl.core import evaluate as core
    from mlctl.model import gates

    evaluation = core.run(session.folder, settings, version=version, minimum=wanted)
    missed = gates.missed(evaluation.version, evaluation.gates)
    document = _document(evaluation)
    if missed:
        # One document on stdout: the metrics are wanted most when they are too low.
        document["error"] = missed.to_document()
    session.emit(document, lambda console: _render(console, evaluation))
    if missed:
        session.fail_after_output(missed)


def _parse(words: list[str]) -> dict[str, float]:
    minimum = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            minimum[name] = float(value)
            if not isfinite(minimum[name]):
                raise ValueError
        except ValueError:
            raise typer.BadParameter(
                f"'{word}' is not METRIC=VALUE, such as accuracy=0.9.", param_hint="--min"
            ) from None
    return minimum


def _document(evaluation: "Evaluation") -> dict[str, Any]:
    return {
        "version": evaluation.version,
        "rows": evaluation.rows,
        "metrics": evaluation.metrics,
        "confusion_matrix": evaluation.confusion_matrix,
        "gates": [gate.to_document() for gate in evaluation.gates],
    }


def _render(console: "Console", evaluation: "Evaluation") -> None:
    from mlctl.cli import render
    from mlctl.model.gates import METRICS

    console.print(f"[bold]Model version {render.short(evaluation.version)}[/] on {evaluation.rows} held-out rows\n")
    minimum = {gate.metric: gate for gate in evaluation.gates}
    overview = render.table("metric", "value", "minimum", right=("value", "minimum"))
    for name in METRICS:
        gate = minimum.get(name)
        mark = (
            ""
            if gate is None
            else f"{gate.minimum:g} [green]✓[/]"
            if gate.passed
            else f"{gate.minimum:g} [bold red]✗[/]"
        )
        overview.add_row(name, f"{evaluation.metrics[name]:.4f}", mark)
    console.print(overview)
    console.print()
    console.print(render.per_class(evaluation.metrics))
    console.print()
    console.print(render.confusion(evaluation.confusion_matrix, evaluation.class_names))
