"""Combines commands: ``mlctl up`` and ``mlctl promote``."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlctl.aws.client.errors import translate_errors
from mlctl.core import deploy, invoke
from mlctl.core.deploy import DEFAULT_OPTIONS, Deployed, Options
from mlctl.core.shared import api_client, release_package
from mlctl.core.shared.api_response import Invoked
from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event, Report, silent
from mlctl.registry.sources import fingerprints
from mlctl.registry.store import ModelVersion, Registry
from mlctl.settings import DataSettings, Settings
from mlctl.settings.sources import FILE_NAME
from mlctl.stages import open_stage


@dataclass(frozen=True)
class Up:
    """A stage that answers. ``trained``: whether a new model version was trained."""

    trained: bool
    estimator: str
    deployed: Deployed
    invoked: Invoked


def up(
    project_folder: Path,
    settings: Settings,
    stage_name: str,
    *,
    base: dict[str, Any] | None = None,
    options: Options = DEFAULT_OPTIONS,
    token: str | None = None,
    report: Report = silent,
) -> Up:
    """Do the missing steps in order: train, package, deploy. Then request one golden example over HTTP.

    Uses the newest version that was made from the current data with the current settings, including versions of
    ``train -p …``. Trains a new version if there is none. ``base``: the settings without the changes of flags.
    Raises the errors of the commands, and MlctlError if the API rejects the golden example.
    """
    if settings.deploy.auth == "jwt" and api_client.find_token(project_folder, token) is None:
        raise api_client.token_needed(settings, stage_name)
    # First, so that an unreachable stage fails before any training.
    open_stage(project_folder, settings, stage_name, report)
    version = _current(project_folder, settings, base, report)
    if version is None:
        _check_default_data(project_folder, settings)
        # Imported only here, because only training needs scikit-learn.
        from mlctl.core import train

        version_id, trained = train.run(project_folder, settings, report, base=base).version, True
    else:
        flags = "" if version.manifest.settings == settings.identity() else " and additional flags"
        report(Event("note", "train", f"Model version {version.id[:12]} was made with these settings{flags}."))
        version_id, trained = version.id, False
    deployed = deploy.run(project_folder, settings, stage_name, version=version_id, options=options, report=report)
    request = {"features": list(deployed.example)}
    invoked = invoke.run(project_folder, settings, stage_name, lambda schema: request, report, token=token)
    if invoked.error:
        raise invoked.error
    estimator = Registry(project_folder, settings.project).get(version_id).manifest.estimator
    return Up(trained=trained, estimator=estimator, deployed=deployed, invoked=invoked)


def promote(
    project_folder: Path,
    source: Settings,
    source_stage: str,
    target: Settings,
    target_stage: str,
    *,
    options: Options = DEFAULT_OPTIONS,
    report: Report = silent,
) -> Deployed:
    """Deploy the live release of one stage to another: the same package, verified again there.

    ``source`` and ``target`` are the settings of the two stages. The golden examples and metrics come from the model
    version on this machine. Raises the errors of ``deploy``, and MlctlError: exit 6 if nothing is live on the source or
    its model version is not on this machine; exit 2 if both stages are the same.
    """
    if source_stage == target_stage:
        raise MlctlError(
            f"Stage '{target_stage}' cannot be promoted to itself.",
            code="same_stage",
            exit_code=ExitCode.USAGE,
            hint="Give two stages: `mlctl promote --from dev --to prod`.",
        )
    report(Event("start", "fetch", f"Downloading the live release of stage {source_stage}"))
    with translate_errors():
        package = release_package.download_live_package(open_stage(project_folder, source, source_stage, report))
    model = package.code.model
    report(Event("finish", "fetch", f"model {model[:12]}, {package.code.size / 1000:.0f} kB, digest verified"))
    _check_version_exists(project_folder, target, model)
    return deploy.run(
        project_folder,
        target,
        target_stage,
        version=model,
        options=replace(options, package=package),
        report=report,
    )


def _check_version_exists(project_folder: Path, settings: Settings, model: str) -> None:
    try:
        Registry(project_folder, settings.project).get(model)
    except MlctlError as error:
        if error.exit_code is not ExitCode.NOT_FOUND:
            raise
        raise MlctlError(
            f"Model version {model[:12]} is live there, but not on this machine, which needs its golden examples.",
            code="version_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint="Run `mlctl models export` where it was trained, and `mlctl models import FILE` here.",
        ) from None


def _check_default_data(project_folder: Path, settings: Settings) -> None:
    """Raise MlctlError (exit 2) if default settings would replace a model of the user's own data.

    Without a settings file, the project uses the Iris dataset.
    """
    versions = Registry(project_folder, settings.project).versions()
    # A source from a flag or a variable is intentional.
    is_default = settings.data == DataSettings()
    if not versions or not is_default or (project_folder / FILE_NAME).exists():
        return
    try:
        trained_on = str(versions[0].manifest.settings["data"]["source"])
    except MlctlError:
        return  # ignore a version that was changed on disk, as `_current` does
    if trained_on != settings.identity()["data"]["source"]:
        raise MlctlError(
            f"The latest model version was trained on {trained_on}, but there is no {FILE_NAME}, and the default "
            f"data is {settings.data.source}.",
            code="settings_missing",
            exit_code=ExitCode.USAGE,
            hint=f"Write {FILE_NAME} with `mlctl init {trained_on}`, or deploy the latest version with `mlctl deploy`.",
        )


def _current(
    project_folder: Path, settings: Settings, base: dict[str, Any] | None, report: Report = silent
) -> ModelVersion | None:
    """Return the newest version of the current data and settings, or None."""
    identity = settings.identity()
    has_flags = base not in (None, identity)
    files = fingerprints(settings, project_folder)
    if files is None:
        return None
    for version in Registry(project_folder, settings.project).versions():
        problem = version.unreadable
        if problem is not None:
            report(Event("warning", "models", f"up skips a version: {problem}"))
            continue
        matches = version.manifest.settings == identity or (not has_flags and version.origin.base == identity)
        # An imported version does not record the files that it was made from.
        if matches and version.origin.files in (None, files):
            return version
    return None
