"""Lists, shows, verifies and trusts model versions, for ``mlctl models``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlctl.aws.client.errors import translate_errors
from mlctl.aws.live import resources
from mlctl.errors import MlctlError
from mlctl.progress import Event, Report, silent
from mlctl.registry import trust
from mlctl.registry.gates import measured
from mlctl.registry.manifest import Manifest
from mlctl.registry.store import LATEST, ModelVersion, Registry
from mlctl.settings import Settings
from mlctl.stages import LOCAL, open_if_running


@dataclass(frozen=True)
class VersionSummary:
    """One version. ``deployed``: ``("local",)`` if it is live on a running local stage; stages on AWS are not checked.

    ``portable``: whether the portable engine can run it. ``problem``: why the version cannot be read.
    """

    version: str
    created_at: str
    trained_at: str
    estimator: str
    metrics: dict[str, float]
    deployed: tuple[str, ...]
    portable: bool = False
    problem: str | None = None


@dataclass(frozen=True)
class VersionDetails:
    """Everything about one version except its rows."""

    version: ModelVersion
    manifest: Manifest
    metrics: dict[str, Any]
    schema: dict[str, Any]
    trusted: bool


@dataclass(frozen=True)
class TrustedVersion:
    """A version whose pickle mlctl may open from now on.

    ``modules``: SHA-256 by path of the modules of the project that it imports. ``unrecognised``: other names in the
    pickle that are not part of a fitted scikit-learn model; None if the pickle cannot be audited.
    """

    version: str
    modules: dict[str, str]
    unrecognised: tuple[str, ...] | None


def run(project_folder: Path, settings: Settings, report: Report = silent) -> tuple[VersionSummary, ...]:
    """Return all versions, newest first. A version that cannot be read has a ``problem``.

    Reports a warning if the emulator does not answer, because the versions are on disk.
    """
    try:
        live = _live_locally(project_folder, settings)
    except MlctlError as error:
        live = None
        report(Event("warning", "models", f"Which version is live on stage '{LOCAL}' is unknown. {error.message}"))
    return tuple(_summary(version, live) for version in Registry(project_folder, settings.project).versions())


def show(project_folder: Path, settings: Settings, reference: str = LATEST, report: Report = silent) -> VersionDetails:
    """Return one version. Raises MlctlError: exit 6 if there is none; exit 4 if it was changed."""
    version = Registry(project_folder, settings.project, report).get(reference)
    return VersionDetails(
        version=version,
        manifest=version.manifest,
        metrics=version.read_json("metrics.json"),
        schema=version.read_json("schema.json"),
        trusted=version.trusted,
    )


def verify(project_folder: Path, settings: Settings, reference: str = LATEST, report: Report = silent) -> ModelVersion:
    """Check every byte of a version against its manifest. Raises MlctlError (exit 4) with all differences."""
    version = Registry(project_folder, settings.project, report).get(reference)
    version.check()
    return version


def trust_version(project_folder: Path, settings: Settings, reference: str) -> TrustedVersion:
    """Record that the user trusts a version: mlctl may open its pickle and import the modules of the project for it.

    Opens nothing. Raises MlctlError: exit 6 if there is no such version; exit 4 if it was changed; exit 1 if the state
    folder of the user cannot be written.
    """
    version = Registry(project_folder, settings.project).get(reference)
    version.check()
    pickled = version.read("model.joblib")
    record = trust.record(version.id, pickled, project_folder)
    return TrustedVersion(version.id, dict(record.modules), trust.unrecognised(pickled))


def _summary(version: ModelVersion, live: str | None) -> VersionSummary:
    try:
        metrics = version.read_json("metrics.json")
        estimator, portable = version.manifest.estimator, bool(version.manifest.portable["compiled"])
        problem = version.unreadable or version.info_problem
    except MlctlError as error:
        metrics, estimator, portable, problem = {}, "", False, error.message
    return VersionSummary(
        version=version.id,
        created_at=version.created_at,
        trained_at=version.trained_at,
        estimator=estimator,
        metrics={name: metrics[name] for name in measured(metrics)},
        deployed=(LOCAL,) if version.id == live else (),
        portable=portable,
        problem=problem,
    )


def _live_locally(project_folder: Path, settings: Settings) -> str | None:
    stage = open_if_running(project_folder, settings)
    if stage is None:
        return None
    with translate_errors():
        release = resources.live_release(stage.aws, stage.names)
    return release.text.model if release and release.text else None
