"""The ``mlctl compare`` command."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli import completion
from mlctl.cli.options import JsonFlag
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.compare import Comparison


def compare(
    ctx: typer.Context,
    first: Annotated[
        str,
        typer.Argument(metavar="[VERSION]", help="The first version.", autocompletion=completion.versions),
    ] = "previous",
    second: Annotated[
        str, typer.Argument(metavar="[VERSION]", help="The second version.", autocompletion=completion.versions)
    ] = "latest",
    as_json: JsonFlag = False,
) -> None:
    """Compare two versions on the same held-out rows, and test whether chance explains the difference.

    This command opens the model.joblib of both versions, which is a pickle: you must have made or trusted them on this
    machine (see `mlctl models trust`).
    """
    session = Session(ctx, as_json)
    settings = session.settings()
    from mlctl.core import compare as core

    with session.progress() as report:
        comparison = core.run(session.folder, settings, first, second, report)
    session.emit(_document(comparison), lambda console: _render(console, comparison))


def _document(comparison: "Comparison") -> dict[str, Any]:
    return {
        "first": comparison.first,
        "second": comparison.second,
        "rows": comparison.rows,
        "first_metrics": comparison.first_metrics,
        "second_metrics": comparison.second_metrics,
        "differences": {
            name: {
                "difference": interval.difference,
                "low": interval.low,
                "high": interval.high,
                "noise": interval.is_noise,
            }
            for name, interval in comparison.differences.items()
        },
        comparison.test_name: asdict(comparison.test),
        "noise": comparison.is_noise,
    }


def _render(console: "Console", comparison: "Comparison") -> None:
    from mlctl.cli.views import tables
    from mlctl.registry import gates

    first, second = tables.short(comparison.first), tables.short(comparison.second)
    console.print(f"{comparison.rows} held-out rows of both versions\n")
    columns = (first, second, "difference", "95 % interval")
    table = tables.table("metric", *columns, right=columns)
    for name in gates.measured(comparison.first_metrics):
        if name not in comparison.second_metrics:
            continue
        values = [metrics[name] for metrics in (comparison.first_metrics, comparison.second_metrics)]
        interval = comparison.differences.get(name)

        def signed(number: float, name: str = name, like: float = values[0]) -> str:
            return f"{'-' if number < 0 else '+'}{tables.metric(name, abs(number), like)}"

        table.add_row(
            name,
            *(tables.metric(name, value) for value in values),
            signed(values[1] - values[0]),
            f"{signed(interval.low)} to {signed(interval.high)}" if interval else "",
        )
    console.print(table)
    console.print(f"\n{_test_text(comparison, first, second)}")
    if comparison.is_noise:
        console.print("[yellow]Noise:[/] chance can explain this difference.")
    else:
        better = second if comparison.second_wins > comparison.first_wins else first
        console.print(f"[green]{better} is better:[/] chance is unlikely to explain this difference.")


def _test_text(comparison: "Comparison", first: str, second: str) -> str:
    rows, test = (
        ("Rows that only one version gets right", "McNemar's exact test")
        if comparison.test_name == "mcnemar"
        else ("Rows on which one version is closer to the true value", "Wilcoxon's signed-rank test")
    )
    p_value = comparison.test.p_value
    return (
        f"{rows}: {first} {comparison.first_wins}, {second} {comparison.second_wins} "
        f"({test}: p {f'= {p_value:.3f}' if p_value >= 0.0005 else '< 0.001'})."
    )
