"""Options and arguments that several commands share, and their conversion to settings."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli import completion

if TYPE_CHECKING:
    from mlctl.aws.stack.state import Canary

_DEFAULT_BAKE = "5m"


class EngineName(StrEnum):
    """The values of ``--engine``."""

    auto = "auto"
    portable = "portable"
    sklearn = "sklearn"


JsonFlag = Annotated[bool, typer.Option("--json", help="Write one JSON document to stdout.")]
StageFlag = Annotated[
    str,
    typer.Option(
        "--stage", "-s", help="The stage: local, or the name of a stage on AWS.", autocompletion=completion.stages
    ),
]
TokenFlag = Annotated[
    str | None,
    typer.Option("--token", envvar="MLCTL_TOKEN", show_envvar=True, help='The token for [deploy] auth = "jwt".'),
]
VersionArgument = Annotated[
    str,
    typer.Argument(
        metavar="[VERSION]",
        help="A model version: an id, the beginning of an id, latest or previous.",
        autocompletion=completion.versions,
    ),
]
ParamFlags = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "-p",
        metavar="NAME=VALUE",
        help="A parameter of the estimator, or of any step (STEP__NAME=VALUE). Repeatable.",
    ),
]
SourceFlag = Annotated[
    str | None,
    typer.Option(
        "--source", help="The data, instead of [data] source: a path, s3://…, - (stdin), or a built-in dataset."
    ),
]
TargetFlag = Annotated[
    str | None,
    typer.Option("--target", help="The column to predict, instead of [data] target. For several numbers: A,B."),
]
EngineFlag = Annotated[
    EngineName | None, typer.Option("--engine", help="The engine that runs the model; see docs/CONCEPTS.md.")
]
DryRunFlag = Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")]
CanaryFlag = Annotated[
    int | None,
    typer.Option("--canary", min=1, max=99, help="Percent of the traffic that the new release gets first."),
]
BakeFlag = Annotated[
    str | None,
    typer.Option("--bake", help=f"How long to watch the canary, such as 90s, 5m or 1h. Default: {_DEFAULT_BAKE}."),
]


def data_settings(project_folder: Path, source: str | None, target: str | None) -> dict[str, Any]:
    """Return ``--source`` and ``--target`` as settings, nested as in ``mlctl.toml``."""
    values = {"source": project_path(project_folder, source) if source else source, "target": target}
    return {"data": {name: value for name, value in values.items() if value is not None}} if source or target else {}


def engine_settings(engine: EngineName | None) -> dict[str, Any] | None:
    """Return ``--engine`` as settings."""
    return {"deploy": {"engine": engine.value}} if engine else None


def param_settings(params: list[str] | None) -> dict[str, Any]:
    """Return ``--param`` as settings, such as ``["n_estimators=200"]``.

    Values are JSON, None, True, False, or text. Raises typer.BadParameter for anything but NAME=VALUE.
    """
    from mlctl.settings.sources import plain_value

    parsed: dict[str, Any] = {}
    for param in params or ():
        name, equals, text = param.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"'{param}' is not NAME=VALUE.", param_hint="--param")
        parsed[name] = plain_value(text)
    return {"model": {"params": parsed}} if parsed else {}


def project_path(project_folder: Path, path: str) -> str:
    """Return a path from the command line as settings need it: relative to the project.

    The command line means the current folder. If the current folder has no such file, ``path`` is returned unchanged.
    """
    absolute = Path.cwd() / path
    if not absolute.is_file():
        return path
    return str(absolute.relative_to(project_folder) if absolute.is_relative_to(project_folder) else absolute)


def canary_options(percent: int | None, bake: str | None) -> "Canary | None":
    """Return ``--canary`` and ``--bake`` as a Canary.

    Raises typer.BadParameter for ``--bake`` without ``--canary``, or for less than a second. Raises MlctlError for an
    invalid duration.
    """
    from mlctl.aws.stack.state import Canary
    from mlctl.durations import parse_seconds

    if percent is None:
        if bake is not None:
            raise typer.BadParameter("--bake needs --canary PERCENT.")
        return None
    seconds = int(parse_seconds(bake or _DEFAULT_BAKE))
    if seconds < 1:
        raise typer.BadParameter(f"'{bake}' is too short: the minimum is 1s.", param_hint="--bake")
    return Canary(percent=percent, bake=seconds)
