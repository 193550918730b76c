"""The only place that composes verbs."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlctl.aws.client.errors import translate_errors
from mlctl.core import deploy, invoke
from mlctl.core.deploy import PLAINLY, Deployed, Options
from mlctl.core.shared import api_client
from mlctl.core.shared import release_package as shipments
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
    """A stage that answers. ``trained`` tells whether a model version had to be made."""

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
    options: Options = PLAINLY,
    token: str | None = None,
    report: Report = silent,
) -> Up:
    """Whatever is still missing, in order: train, package, deploy; then one golden example by HTTP.

    The newest version made of the present data with the present settings is taken, ``train -p …`` on top of them
    included; without one, a new one is trained. ``base``: the settings less what flags have changed, where they have.
    Raises what the verbs raise, and MlctlError when the API refuses the golden example.
    """
    if settings.deploy.auth == "jwt" and api_client.find_token(project_folder, token) is None:
        raise api_client.token_needed(settings, stage_name)
    # First, so that a stage that cannot be reached is known before anything is trained.
    open_stage(project_folder, settings, stage_name, report)
    version = _current(project_folder, settings, base, report)
    if version is None:
        _refuse_other_data(project_folder, settings)
        # Imported late: it brings scikit-learn, which only training needs.
        from mlctl.core import train

        version_id, trained = train.run(project_folder, settings, report, base=base).version, True
    else:
        flagged = "" if version.manifest.settings == settings.identity() else ", and with flags on top of them"
        report(Event("note", "train", f"Model version {version.id[:12]} is made with these settings already{flagged}."))
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
    options: Options = PLAINLY,
    report: Report = silent,
) -> Deployed:
    """Bring what is live on one stage live on another: the same package bytes, verified there again.

    ``source`` and ``target`` are the settings of the two stages. The golden examples and metrics are those of the
    model version on this disk. Raises what ``deploy`` raises, and MlctlError: exit 6 when nothing is live on the
    source or its model version is not on this disk, exit 2 for one stage twice.
    """
    if source_stage == target_stage:
        raise MlctlError(
            f"Stage '{target_stage}' cannot be promoted to itself.",
            code="same_stage",
            exit_code=ExitCode.USAGE,
            hint="Give two stages: `mlctl promote --from dev --to prod`.",
        )
    report(Event("start", "fetch", f"Fetching what is live on stage {source_stage}"))
    with translate_errors():
        shipment = shipments.live_on(open_stage(project_folder, source, source_stage, report))
    model = shipment.code.model
    report(Event("finish", "fetch", f"model {model[:12]}, {shipment.code.size / 1000:.0f} kB, its digest checked"))
    _check_at_hand(project_folder, target, model)
    return deploy.run(
        project_folder,
        target,
        target_stage,
        version=model,
        options=replace(options, shipment=shipment),
        report=report,
    )


def _check_at_hand(project_folder: Path, settings: Settings, model: str) -> None:
    try:
        Registry(project_folder, settings.project).get(model)
    except MlctlError as error:
        if error.exit_code is not ExitCode.NOT_FOUND:
            raise
        raise MlctlError(
            f"Model version {model[:12]} is live there but not on this disk, where its golden examples are looked for.",
            code="version_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint="Bring it here: `mlctl models export` where it was trained, `mlctl models import FILE` here.",
        ) from None


def _refuse_other_data(project_folder: Path, settings: Settings) -> None:
    """Without a settings file the project is Iris: that must not push aside a model of the user's own data."""
    versions = Registry(project_folder, settings.project).versions()
    # What a flag or a variable names is meant.
    is_default = settings.data == DataSettings()
    if not versions or not is_default or (project_folder / FILE_NAME).exists():
        return
    try:
        made_of = str(versions[0].manifest.settings["data"]["source"])
    except MlctlError:
        return  # as for `_current`: one that was changed on disk counts for nothing
    if made_of != settings.identity()["data"]["source"]:
        raise MlctlError(
            f"The latest model version was made of {made_of}, but no {FILE_NAME} says so: the settings name "
            f"{settings.data.source}.",
            code="settings_missing",
            exit_code=ExitCode.USAGE,
            hint=f"Write one with `mlctl init {made_of}`; or `mlctl deploy` puts the latest version live as it is.",
        )


def _current(
    project_folder: Path, settings: Settings, base: dict[str, Any] | None, report: Report = silent
) -> ModelVersion | None:
    wanted = settings.identity()
    flagged = base not in (None, wanted)
    files = fingerprints(settings, project_folder)
    if files is None:
        return None
    for version in Registry(project_folder, settings.project).versions():
        problem = version.unreadable
        if problem is not None:
            report(Event("warning", "models", f"up skips a version: {problem}"))
            continue
        matches = version.manifest.settings == wanted or (not flagged and version.origin.base == wanted)
        # A version that was brought here as a file does not tell what it was made of.
        if matches and version.origin.files in (None, files):
            return version
    return None
