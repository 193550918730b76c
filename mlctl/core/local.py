"""``mlctl local``: the emulator behind stage ``local``."""

from dataclasses import dataclass
from pathlib import Path

from mlctl.progress import Report, silent
from mlctl.settings import Settings
from mlctl.stages.emulator import LocalEmulator


@dataclass(frozen=True)
class LocalStatus:
    """Whether the emulator runs and where; ``changed`` tells whether this call started or stopped it."""

    running: bool
    changed: bool = False
    endpoint: str | None = None
    pid: int | None = None
    lost_state: bool = False


def start(project_folder: Path, settings: Settings, report: Report = silent) -> LocalStatus:
    """Start the emulator where it is not running. Raises MlctlError as ``LocalEmulator.start`` does."""
    local = LocalEmulator(project_folder)
    before = local.running()
    emulator = local.start(settings.local_port, report)
    return LocalStatus(
        running=True,
        changed=before != emulator,
        endpoint=emulator.endpoint,
        pid=emulator.pid,
        lost_state=local.lost_state,
    )


def stop(project_folder: Path) -> LocalStatus:
    """End the emulator; it keeps what is deployed."""
    local = LocalEmulator(project_folder)
    return LocalStatus(running=False, changed=local.stop(), lost_state=local.lost_state)


def status(project_folder: Path) -> LocalStatus:
    """Whether the emulator is running; starts nothing."""
    local = LocalEmulator(project_folder)
    emulator = local.running()
    return LocalStatus(
        running=emulator is not None,
        endpoint=emulator.endpoint if emulator else None,
        pid=emulator.pid if emulator else None,
        lost_state=local.lost_state,
    )
