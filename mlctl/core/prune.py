"""``mlctl models prune``: old versions, deleted; never one that a stage has a release of."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from mlctl import settings as settings_module
from mlctl.aws.client.errors import translate_errors
from mlctl.aws.live import resources
from mlctl.progress import Report, silent
from mlctl.registry.store import Registry
from mlctl.settings import Settings
from mlctl.stages import LOCAL, open_stage
from mlctl.stages.emulator import LocalEmulator


@dataclass(frozen=True)
class Pruned:
    """Ids of what was deleted, of what was kept because a stage has a release of it, and how many are left.

    ``in_use``: kept because another command works with it, such as a deploy that has not put it live yet.
    """

    deleted: tuple[str, ...]
    deployed: tuple[str, ...]
    left: int
    in_use: tuple[str, ...] = ()


def run(project_folder: Path, settings: Settings, *, keep: int, report: Report = silent) -> Pruned:
    """Delete all but the ``keep`` newest versions and those that ``local`` or a ``[stage.X]`` has a release of.

    Raises MlctlError when a stage cannot be asked: nothing is deleted on a guess.
    """
    registry = Registry(project_folder, settings.project)
    versions = registry.versions()
    old = versions[keep:]
    if not old:
        return Pruned(deleted=(), deployed=(), left=len(versions))
    with ExitStack() as claims:
        # Claimed before the stages are asked: what a deploy works with may go live after they have answered.
        claimed = [version for version in old if claims.enter_context(version.claimed())]
        released = _released(project_folder, settings, report)
        doomed = [version for version in claimed if version.id not in released]
        for version in doomed:
            registry.delete(version)
    return Pruned(
        deleted=tuple(version.id for version in doomed),
        deployed=tuple(version.id for version in old if version.id in released),
        left=len(versions) - len(doomed),
        in_use=tuple(version.id for version in old if version not in claimed and version.id not in released),
    )


def _released(project_folder: Path, settings: Settings, report: Report) -> set[str]:
    """The model versions of every release on every stage that the project knows."""
    names = set(settings.stage)
    if settings.local_endpoint is not None or LocalEmulator(project_folder).used:
        names.add(LOCAL)
    found: set[str] = set()
    for name in sorted(names):
        stage = open_stage(project_folder, settings_module.load(project_folder, stage=name), name, report)
        with translate_errors():
            found |= {release.text.model for release in resources.releases(stage.aws, stage.names) if release.text}
    return found
