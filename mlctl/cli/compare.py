"""``mlctl compare``."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli import completion
from mlctl.cli.session import JsonFlag, Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.compare import Comparison


def compare(
    ctx: typer.Context,
    first: Annotated[
        str,
        typer.Argument(metavar="[VERSION]", help="The version to compare with.", autocompletion=completion.versions),
    ] = "previous",
    second: Annotated[
        str, typer.Argument(metavar="[VERSION]", help="The other one.", autocompletion=completion.versions)
    ] = "latest",
    as_json: JsonFlag = False,
) -> None:
    """Compare two versions on the same held-out rows, and say whether chance explains the difference.

    Opens the model.joblib of both, pickles, which you must have made or trusted on this machine: see
    `mlctl models trust`.
    """
    session = Session(ctx, as_json)
    settings = session.settings()
    from mlctl.core import compare as core

    with session.progress() as report:
        compared = core.run(session.folder, settings, first, second, report)
    session.emit(_document(compared), lambda console: _render(console, compared))


def _document(compared: "Comparison") -> dict[str, Any]:
    return {
        "first": compared.first,
        "second": compared.second,
        "rows": compared.rows,
        "first_metrics": compared.first_metrics,
        "second_metrics": compared.second_metrics,
        "differences": {
            name: {"difference": each.difference, "low": each.low, "high": each.high, "noise": each.is_noise}
            for name, each in compared.differences.items()
        },
        compared.test_name: asdict(compared.test),
        "noise": compared.is_noise,
    }


def _render(console: "Console", compared: "Comparison") -> None:
    from mlctl.cli.views import tables
    from mlctl.registry import gates

    first, second = tables.short(compared.first), tables.short(compared.second)
    console.print(f"{compared.rows} rows that both versions were measured on\n")
    columns = (first, second, "difference", "95 % interval")
    made = tables.table("metric", *columns, right=columns)
    both = compared.first_metrics, compared.second_metrics
    for name in gates.measured(compared.first_metrics):
        if name not in compared.second_metrics:
            continue
        values = [metrics[name] for metrics in both]
        each = compared.differences.get(name)

        def signed(number: float, name: str = name, like: float = values[0]) -> str:
            return f"{'-' if number < 0 else '+'}{tables.metric(name, abs(number), like)}"

        made.add_row(
            name,
            *(tables.metric(name, value) for value in values),
            signed(values[1] - values[0]),
            f"{signed(each.low)} to {signed(each.high)}" if each else "",
        )
    console.print(made)
    console.print(f"\n{_told(compared, first, second)}")
    if compared.is_noise:
        console.print("[yellow]Noise:[/] chance alone explains a difference like this.")
    else:
        better = second if compared.second_wins > compared.first_wins else first
        console.print(f"[green]{better} is better:[/] chance hardly explains a difference like this.")


def _told(compared: "Comparison", first: str, second: str) -> str:
    what, test = (
        ("Rows on which one alone is right", "McNemar's exact test")
        if compared.test_name == "mcnemar"
        else ("Rows on which one is nearer to the truth", "Wilcoxon's signed-rank test")
    )
    p_value = compared.test.p_value
    return (
        f"{what}: {first} {compared.first_wins}, {second} {compared.second_wins} "
        f"({test}: p {f'= {p_value:.3f}' if p_value >= 0.0005 else '< 0.001'})."
    )
