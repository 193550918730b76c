"""The only place that composes verbs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlctl.aws.plan import Plan
from mlctl.core import deploy, invoke
from mlctl.core.deploy import Deployed
from mlctl.core.invoke import Invoked
from mlctl.errors import MlctlError
from mlctl.model.registry import ModelVersion, Registry
from mlctl.progress import Event, Report, silent
from mlctl.settings import Settings


@dataclass(frozen=True)
class Up:
    """A stage that answers. ``trained`` tells whether a model version had to be made."""

    trained: bool
    deployed: Deployed
    invoked: Invoked


def up(
    project_folder: Path,
    settings: Settings,
    stage_name: str,
    *,
    on_plan: Callable[[Plan], None] = lambda plan: None,
    report: Report = silent,
) -> Up:
    """Whatever is still missing, in order: train, package, deploy; then one golden example by HTTP.

    The newest version made with the present settings is taken; without one, a new one is trained.
    Raises what the verbs raise, and MlctlError when the API refuses the golden example.
    """
    # Imported late: it brings scikit-learn, which only training needs.
    version = _current(project_folder, settings)
    if version is None:
        from mlctl.core import train

        version_id, trained = train.run(project_folder, settings, report).version, True
    else:
        report(Event("note", "train", f"Model version {version.id[:12]} is made with these settings already."))
        version_id, trained = version.id, False
    deployed = deploy.run(project_folder, settings, stage_name, version=version_id, on_plan=on_plan, report=report)
    invoked = invoke.run(project_folder, settings, stage_name, {"features": list(deployed.example)}, report)
    if invoked.refused:
        raise invoked.refused
    return Up(trained=trained, deployed=deployed, invoked=invoked)


def _current(project_folder: Path, settings: Settings) -> ModelVersion | None:
    wanted = settings.identity()
    for version in Registry(project_folder, settings.project).versions():
        try:
            if version.manifest.settings == wanted:
                return version
        except MlctlError:
            continue  # `mlctl models` tells of versions that were changed on disk
    return None
