"""``mlctl compare``."""

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
        str, typer.Argument(metavar="VERSION", help="The version to compare with.", autocompletion=completion.versions)
    ],
    second: Annotated[
        str, typer.Argument(metavar="[VERSION]", help="The other one.", autocompletion=completion.versions)
    ] = "latest",
    as_json: JsonFlag = False,
) -> None:
    """Compare two versions on the same held-out rows, and say whether chance explains the difference."""
    session = Session(ctx, as_json)
    settings = session.settings()
    from mlctl.core import compare as core

    compared = core.run(session.folder, settings, first, second)
    session.emit(_document(compared), lambda console: _render(console, compared))


def _document(compared: "Comparison") -> dict[str, Any]:
    test = compared.mcnemar
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
        "mcnemar": {"only_first": test.only_first, "only_second": test.only_second, "p_value": test.p_value},
        "noise": compared.is_noise,
    }


def _render(console: "Console", compared: "Comparison") -> None:
    from mlctl.cli import render

    first, second = render.short(compared.first), render.short(compared.second)
    console.print(f"{compared.rows} rows that both versions never saw in training\n")
    columns = (first, second, "difference", "95 % interval")
    made = render.table("metric", *columns, right=columns)
    for name, each in compared.differences.items():
        values = (f"{metrics[name]:.4f}" for metrics in (compared.first_metrics, compared.second_metrics))
        made.add_row(name, *values, f"{each.difference:+.4f}", f"{each.low:+.4f} to {each.high:+.4f}")
    console.print(made)
    test = compared.mcnemar
    console.print(
        f"\nRows on which one alone is right: {first} {test.only_first}, {second} {test.only_second} "
        f"(McNemar's exact test: p = {test.p_value:.3f})."
    )
    if compared.is_noise:
        console.print("[yellow]Noise:[/] chance alone explains a difference like this.")
    else:
        better = second if test.only_second > test.only_first else first
        console.print(f"[green]{better} is better:[/] chance hardly explains a difference like this.")
