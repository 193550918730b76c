"""Starts, stops and checks the emulator behind stage ``local``, for ``mlctl local``."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlctl.aws.client.session import EMULATED_REGION
from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event, Report, silent
from mlctl.settings import Settings
from mlctl.stages.emulator import Emulator, LocalEmulator, abandoned


@dataclass(frozen=True)
class Credentials:
    """Credentials that other tools need to use the emulator."""

    access_key_id: str
    secret_access_key: str
    region: str


@dataclass(frozen=True)
class LocalStatus:
    """Whether the emulator runs, and where. ``changed``: whether this call started or stopped it."""

    running: bool
    changed: bool = False
    endpoint: str | None = None
    pid: int | None = None
    lost_state: bool = False
    credentials: Credentials | None = None


def start(project_folder: Path, settings: Settings, report: Report = silent) -> LocalStatus:
    """Start the emulator if it is not running. Raises the errors of ``LocalEmulator.start``."""
    local = LocalEmulator(project_folder)
    before = local.running()
    emulator = local.start(settings.local_port, report)
    return _status(local, emulator, changed=before != emulator)


def stop(project_folder: Path, report: Report = silent) -> LocalStatus:
    """Stop the emulator, which keeps its deployments. Also stop emulators of projects whose folder was deleted.

    Raises MlctlError (exit 1) if the emulator does not stop, or could not save its state.
    """
    local = LocalEmulator(project_folder)
    for other in abandoned():
        with suppress(MlctlError):
            other.stop(report)
            text = f"Also stopped the emulator of {other.project_folder}: that folder no longer exists."
            report(Event("note", "emulator", text))
    stopped = local.stop(report)
    if not stopped.kept_state:
        raise MlctlError(
            "The local emulator stopped, but could not save its state: its deployments are lost.",
            code="emulator_state_lost",
            exit_code=ExitCode.UNEXPECTED,
            hint=f"Check the free disk space of {local.folder}, then run `mlctl deploy` to rebuild the stage.",
        )
    return LocalStatus(running=False, changed=stopped.was_running, lost_state=local.lost_state)


def status(project_folder: Path, settings: Settings, report: Report = silent) -> LocalStatus:
    """Return whether the emulator is running, and its credentials. Starts nothing.

    Raises MlctlError (exit 1) if its process is alive but does not answer.
    """
    local = LocalEmulator(project_folder)
    if local.ignored:
        report(Event("warning", "emulator", local.ignored))
    emulator = local.answering()
    if emulator is None:
        return LocalStatus(running=False, lost_state=local.lost_state)
    region = settings.deploy.region or EMULATED_REGION
    return _status(local, emulator, credentials=Credentials(emulator.secret, emulator.secret, region))


def _status(
    local: LocalEmulator, emulator: Emulator, *, changed: bool = False, credentials: Credentials | None = None
) -> LocalStatus:
    return LocalStatus(
        running=True,
        changed=changed,
        endpoint=emulator.endpoint,
        pid=emulator.pid,
        lost_state=local.lost_state,
        credentials=credentials,
    )
