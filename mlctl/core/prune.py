"""Deletes old model versions that no stage has a release of, for ``mlctl models prune``."""

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
    """The ids of deleted versions, of older versions that were kept, and the number of versions left.

    ``deployed``: kept because a stage has a release of them. ``in_use``: kept because another command uses them, such
    as a deploy before the release is live.
    """

    deleted: tuple[str, ...]
    deployed: tuple[str, ...]
    left: int
    in_use: tuple[str, ...] = ()


def run(project_folder: Path, settings: Settings, *, keep: int, report: Report = silent) -> Pruned:
    """Delete all versions except the ``keep`` newest and those that ``local`` or a ``[stage.X]`` has a release of.

    Raises MlctlError, and deletes nothing, if the releases of a stage cannot be read.
    """
    registry = Registry(project_folder, settings.project)
    versions = registry.versions()
    old = versions[keep:]
    if not old:
        return Pruned(deleted=(), deployed=(), left=len(versions))
    with ExitStack() as claims:
        # Claim the versions before reading the stages, because a running deploy may make one live after that.
        claimed = [version for version in old if claims.enter_context(version.claimed())]
        released = _released_versions(project_folder, settings, report)
        unused = [version for version in claimed if version.id not in released]
        for version in unused:
            registry.delete(version)
    return Pruned(
        deleted=tuple(version.id for version in unused),
        deployed=tuple(version.id for version in old if version.id in released),
        left=len(versions) - len(unused),
        in_use=tuple(version.id for version in old if version not in claimed and version.id not in released),
    )


def _released_versions(project_folder: Path, settings: Settings, report: Report) -> set[str]:
    """Return the model versions of all releases on all stages of the project."""
    names = set(settings.stage)
    if settings.local_endpoint is not None or LocalEmulator(project_folder).used:
        names.add(LOCAL)
    versions: set[str] = set()
    for name in sorted(names):
        stage = open_stage(project_folder, settings_module.load(project_folder, stage=name), name, report)
        with translate_errors():
            versions |= {release.text.model for release in resources.releases(stage.aws, stage.names) if release.text}
    return versions
