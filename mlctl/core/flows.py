"""The only place that composes verbs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlctl.aws.plan import Plan
from mlctl.core import deploy, invoke
from mlctl.core.deploy import Deployed
from mlctl.core.invoke import Invoked
from mlctl.errors import MlctlError
from mlctl.model.registry import ModelVersion, Registry
from mlctl.progress import Event, Report, silent
from mlctl.settings import Settings
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
    on_plan: Callable[[Plan], None] = lambda plan: None,
    report: Report = silent,
) -> Up:
    """Whatever is still missing, in order: train, package, deploy; then one golden example by HTTP.

    The newest version made with the present settings is taken, ``train -p …`` on top of them included;
    without one, a new one is trained. ``base``: the settings less what flags have changed, where they have.
    Raises what the verbs raise, and MlctlError when the API refuses the golden example.
    """
    # First, so that a stage that cannot be reached is known before anything is trained.
    open_stage(project_folder, settings, stage_name, report)
    version = _current(project_folder, settings, base)
    if version is None:
        # Imported late: it brings scikit-learn, which only training needs.
        from mlctl.core import train

        version_id, trained = train.run(project_folder, settings, report, base=base).version, True
    else:
        report(Event("note", "train", f"Model version {version.id[:12]} is made with these settings already."))
        version_id, trained = version.id, False
    deployed = deploy.run(project_folder, settings, stage_name, version=version_id, on_plan=on_plan, report=report)
    invoked = invoke.run(project_folder, settings, stage_name, {"features": list(deployed.example)}, report)
    if invoked.refused:
        raise invoked.refused
    return Up(trained=trained, estimator=settings.model.estimator, deployed=deployed, invoked=invoked)


def _current(project_folder: Path, settings: Settings, base: dict[str, Any] | None) -> ModelVersion | None:
    wanted = settings.identity()
    flagged = base not in (None, wanted)
    for version in Registry(project_folder, settings.project).versions():
        try:
            if version.manifest.settings == wanted or (not flagged and version.base == wanted):
                return version
        except MlctlError:
            continue  # `mlctl models` tells of versions that were changed on disk
    return None
