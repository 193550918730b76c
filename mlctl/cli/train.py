"""``mlctl train``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.session import JsonFlag, Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.train import Trained

ParamFlags = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter of the estimator; may be given again."),
]

_ENGINES = {"portable": "portable", "sklearn": "sklearn, which this release cannot deploy"}


def train(ctx: typer.Context, param: ParamFlags = None, as_json: JsonFlag = False) -> None:
    """Cross-validate, fit, measure, and keep a model version.

    The data is split into a training and a test part; the folds and the fit use the training part
    alone, and the metrics come from the rows held out. For another estimator see [model] in
    mlctl.toml.
    """
    session = Session(ctx, as_json)
    flags = {"model": {"params": parse_params(param)}} if param else None
    settings = session.settings(flags=flags)
    with session.progress() as report:
        from mlctl.core import train as core

        trained = core.run(session.folder, settings, report, base=session.settings().identity())
    session.emit(to_document(trained), lambda console: _render(console, trained))


def parse_params(words: list[str]) -> dict[str, Any]:
    """``["n_estimators=200"]`` as parameters; values are JSON, None, True, False, or else text."""
    from mlctl.settings_sources import plain_value

    params: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"'{word}' is not NAME=VALUE.", param_hint="--param")
        params[name] = plain_value(text)
    return params


def to_document(trained: "Trained") -> dict[str, Any]:
    """The ``--json`` form."""
    return {
        "version": trained.version,
        "created": trained.created,
        "estimator": trained.estimator,
        "metrics": trained.metrics,
        "cv": trained.cv,
        "engine": trained.engine,
        "engine_reason": trained.engine_reason,
        "gates": [gate.to_document() for gate in trained.gates],
        "path": str(trained.path),
    }


def _render(console: "Console", trained: "Trained") -> None:
    from rich.markup import escape

    from mlctl.cli import render
    from mlctl.model import gates

    state = "" if trained.created else " [dim](the same as before, byte for byte)[/]"
    console.print(f"\n[bold]Model version {render.short(trained.version)}[/]{state}")
    console.print(
        render.facts(
            [
                ("estimator", escape(trained.estimator)),
                ("engine", f"{_ENGINES[trained.engine]}: {escape(trained.engine_reason)}"),
                ("folder", render.path(trained.path)),
            ]
        )
    )
    console.print()
    overview = render.table("", "cross-validation", "held-out rows", right=("cross-validation", "held-out rows"))
    for name in gates.METRICS:
        folds = trained.cv[name]
        overview.add_row(name, f"{folds['mean']:.3f} ± {folds['std']:.3f}", f"[bold]{trained.metrics[name]:.3f}[/]")
    console.print(overview)
    console.print()
    console.print(render.per_class(trained.metrics))
    console.print()
    console.print(render.confusion(trained.metrics["confusion_matrix"], trained.class_names))
    missed = gates.missed(trained.version, trained.gates)
    if missed:
        console.print(f"\n[yellow]![/] {missed.message} It cannot be deployed.")
    elif trained.engine == "portable":
        render.next_steps(console, ("mlctl deploy", "put it behind an API on this machine"))
