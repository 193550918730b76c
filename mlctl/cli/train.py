"""``mlctl train``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.output.terminal import escape
from mlctl.cli.session import JsonFlag, Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.shared.model_version import TrainedVersion

ParamFlags = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "-p",
        metavar="NAME=VALUE",
        help="A parameter of the estimator, or of any step (STEP__NAME=VALUE); may be given again.",
    ),
]
SourceFlag = Annotated[
    str | None,
    typer.Option("--source", help="The data, instead of [data] source: a path, s3://…, - (stdin), or a built-in set."),
]
TargetFlag = Annotated[
    str | None,
    typer.Option("--target", help="The column to predict, instead of [data] target; several numbers: A,B."),
]

_ENGINES = {"portable": "portable", "sklearn": "sklearn, which this release cannot deploy"}


def train(
    ctx: typer.Context,
    param: ParamFlags = None,
    source: SourceFlag = None,
    target: TargetFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Cross-validate, fit, measure, and keep a model version.

    The data is split into a training and a test part; the folds and the fit use the training part
    alone, and the metrics come from the rows held out. For another estimator see [model] in
    mlctl.toml.

    With [model] pipeline, this command and `up` import that module of the project's folder and run its code
    as you. Read it first in a folder that comes from somebody else.
    """
    session = Session(ctx, as_json)
    data = data_flags(session, source, target)
    settings = session.settings(flags=data | ({"model": {"params": parse_params(param)}} if param else {}))
    with session.progress() as report:
        from mlctl.core import train as core

        trained = core.run(session.folder, settings, report, base=session.settings(flags=data).identity())
    session.emit(to_document(trained), lambda console: render_version(console, trained))


def data_flags(session: Session, source: str | None, target: str | None) -> dict[str, Any]:
    """What ``--source`` and ``--target`` set, nested like the file."""
    given = {"source": from_here(session.folder, source) if source else source, "target": target}
    return {"data": {name: value for name, value in given.items() if value is not None}} if source or target else {}


def from_here(folder: Path, file: str) -> str:
    """A path that was typed is meant from the current folder where there is such a file; settings mean ``folder``."""
    absolute = Path.cwd() / file
    if not absolute.is_file():
        return file
    return str(absolute.relative_to(folder) if absolute.is_relative_to(folder) else absolute)


def parse_params(words: list[str]) -> dict[str, Any]:
    """``["n_estimators=200"]`` as parameters; values are JSON, None, True, False, or else text."""
    from mlctl.settings.sources import plain_value

    params: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"'{word}' is not NAME=VALUE.", param_hint="--param")
        params[name] = plain_value(text)
    return params


def to_document(trained: "TrainedVersion") -> dict[str, Any]:
    """The ``--json`` form."""
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
    """A version that was just made, and how it did."""
    from mlctl.cli.views import tables
    from mlctl.registry import gates

    state = "" if trained.created else " [dim](the same as before, byte for byte)[/]"
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
