"""Renders a model version that a command has just made."""

from typing import TYPE_CHECKING, Any

from mlctl.cli.output.terminal import escape
from mlctl.cli.views import tables

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.shared.model_version import TrainedVersion

_ENGINES = {"portable": "portable", "sklearn": "sklearn, which this release cannot deploy"}


def version_document(trained: "TrainedVersion") -> dict[str, Any]:
    """Return the ``--json`` form."""
    return {
        "version": trained.version,
        "created": trained.created,
        "estimator": trained.estimator,
        "task": trained.task,
        "metrics": trained.metrics,
        "cv": trained.cv,
        "engine": trained.engine,
        "engine_reason": trained.engine_reason,
        "gates": [gate.to_document() for gate in trained.gates],
        "path": str(trained.path),
    }


def render_version(console: "Console", trained: "TrainedVersion") -> None:
    """Print a version with its metrics."""
    from mlctl.registry import gates

    state = "" if trained.created else " [dim](identical to an existing version)[/]"
    console.print(f"\n[bold]Model version {tables.short(trained.version)}[/]{state}")
    console.print(
        tables.facts(
            [
                ("estimator", escape(trained.estimator)),
                ("engine", f"{_ENGINES[trained.engine]}: {escape(trained.engine_reason)}"),
                ("folder", tables.path(trained.path)),
            ]
        )
    )
    console.print()
    columns = ("cross-validation", "held-out rows") if trained.cv else ("held-out rows",)
    overview = tables.table("", *columns, right=columns)
    for name in gates.measured(trained.metrics):
        folds = (trained.cv or {}).get(name)
        mean = folds["mean"] if folds else 0.0
        spread = f"{tables.metric(name, mean)} ± {tables.metric(name, folds['std'], like=mean)}" if folds else ""
        held_out = f"[bold]{tables.metric(name, trained.metrics[name])}[/]"
        overview.add_row(name, *((spread, held_out) if trained.cv else (held_out,)))
    console.print(overview)
    if "outputs" in trained.metrics:
        console.print()
        console.print(tables.per_output(trained.metrics))
    if trained.class_names:
        console.print()
        console.print(tables.per_class(trained.metrics))
        console.print()
        console.print(tables.confusion(trained.metrics["confusion_matrix"], trained.class_names))
    missed = gates.missed(trained.version, trained.gates)
    if missed:
        console.print(f"\n[yellow]![/] {escape(missed.message)} It cannot be deployed.")
    elif trained.engine == "portable":
        tables.next_steps(console, ("mlctl deploy", "put it behind an API on this machine"))
