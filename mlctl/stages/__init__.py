"""Opens a stage: its settings, AWS clients and API URL.

Stage ``local`` is the AWS code path pointed at an embedded emulator; only this package knows it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from filelock import FileLock

from mlctl.aws.client.errors import translate_errors
from mlctl.aws.client.session import Aws
from mlctl.aws.live import api_resources
from mlctl.aws.stack.names import LOCAL_STAGE, Names
from mlctl.errors import ExitCode, MlctlError, did_you_mean
from mlctl.progress import Event, Report, silent
from mlctl.settings import Settings
from mlctl.stages.emulator import LocalEmulator, secret_of
from mlctl.stages.locking import holding
from mlctl.user_folders import private_folder, project_state

LOCAL = LOCAL_STAGE


@dataclass(frozen=True)
class Stage:
    """An open stage. ``settings`` are those of this stage; ``endpoint`` is None on AWS itself."""

    name: str
    project_folder: Path
    settings: Settings
    aws: Aws
    endpoint: str | None

    @property
    def names(self) -> Names:
        """The names of the project's resources on this stage."""
        return Names(self.settings.project, self.name)

    def live_url(self) -> str:
        """The base URL of the deployed API. Raises MlctlError (exit 6) when nothing is deployed here."""
        with translate_errors():
            address = api_resources.address(self.aws, self.names)
        if address is None:
            raise self.not_deployed()
        return self.api_url(*address)

    def api_url(self, api_id: str, api_endpoint: str) -> str:
        """The base URL of an HTTP API: what ``/predict`` is added to."""
        if self.endpoint is None:
            return api_endpoint
        # The emulator's own *.execute-api.localhost names do not resolve everywhere.
        return f"{self.endpoint}/_aws/execute-api/{api_id}/$default"

    def not_deployed(self) -> MlctlError:
        """The error of a command that needs a deployment when there is none (exit 6)."""
        lost = self.name == LOCAL and LocalEmulator(self.project_folder).lost_state
        why = (
            "Stage 'local' has lost its deployment: its emulator was killed."
            if lost
            else f"Nothing is deployed to stage '{self.name}' yet."
        )
        return MlctlError(
            why,
            code="not_deployed",
            exit_code=ExitCode.NOT_FOUND,
            hint=f"Run `mlctl deploy{self.flag()}`"
            + (" to rebuild it from the model versions on disk." if lost else "."),
        )

    def flag(self) -> str:
        """The option that selects this stage in a command: empty, or ``" --stage prod"``."""
        return self.names.stage_option

    def lock(self) -> FileLock:
        """A lock between this user's processes on this machine that change this stage."""
        return FileLock(private_folder(project_state(self.project_folder)) / f"{self.name}.lock", mode=0o600)

    def turn(self, report: Report = silent, *, busy: Callable[[], None] = lambda: None) -> AbstractContextManager[None]:
        """Hold ``lock`` for a command that changes this stage; ``busy`` is called where it has to wait.

        Raises MlctlError (exit 1, ``lock_timeout``) after ten minutes, and at once where the holder is stopped.
        """

        def waiting(holder: str) -> None:
            text = f"Stage '{self.name}' is being changed by {holder}: waiting for it to end, at most 10 minutes."
            report(Event("note", "lock", text))

        return holding(self.lock(), busy=busy, waiting=waiting)

    def settled(self) -> None:
        """Clear the record of lost emulator state, after a deploy or a destroy."""
        if self.name == LOCAL:
            LocalEmulator(self.project_folder).forget_loss()


def open_stage(project_folder: Path, settings: Settings, name: str, report: Report = silent) -> Stage:
    """Open stage ``name``; ``local`` starts its emulator where it is not running.

    ``settings`` must have been resolved for this stage. Raises MlctlError when the emulator does
    not start, or when AWS has no region or credentials to use.
    """
    check_name(settings.project, name)
    if name != LOCAL:
        try:
            aws = Aws.connect(region=settings.deploy.region, profile=settings.deploy.profile)
        except MlctlError as error:
            if name not in settings.stage:
                error.message += did_you_mean(name, (LOCAL, *settings.stage))
            raise
        return Stage(name=name, project_folder=project_folder, settings=settings, aws=aws, endpoint=None)
    if settings.local_endpoint is not None:
        return _others(project_folder, settings, settings.local_endpoint)
    emulator = LocalEmulator(project_folder).start(settings.local_port, report)
    return _local(project_folder, settings, emulator.endpoint, emulator.secret)


def open_if_running(project_folder: Path, settings: Settings) -> Stage | None:
    """Stage ``local`` if it is running, for commands that do not require it."""
    if settings.local_endpoint is not None:
        return _others(project_folder, settings, settings.local_endpoint)
    try:
        running = LocalEmulator(project_folder).answering()
    except MlctlError as error:
        if error.code != "user_folder_unusable":
            raise
        # Without a folder for its state no emulator has been started.
        return None
    return _local(project_folder, settings, running.endpoint, running.secret) if running else None


def _others(project_folder: Path, settings: Settings, endpoint: str) -> Stage:
    """An emulator that the settings name: the user's own, or that of another project of this user."""
    endpoint = endpoint.rstrip("/")
    return _local(project_folder, settings, endpoint, secret_of(endpoint))


def _local(project_folder: Path, settings: Settings, endpoint: str, secret: str | None) -> Stage:
    aws = Aws.emulated(endpoint, region=settings.deploy.region, secret=secret)
    aws.silence.unanswered = partial(_unanswered, project_folder, endpoint)
    return Stage(name=LOCAL, project_folder=project_folder, settings=settings, aws=aws, endpoint=endpoint)


def _unanswered(project_folder: Path, endpoint: str) -> MlctlError:
    """The error of an emulator that accepts requests and does not answer them (exit 5)."""
    running = LocalEmulator(project_folder).running()
    if running is None or running.endpoint != endpoint:
        return MlctlError(
            f"The emulator at {endpoint} does not answer.",
            code="emulator_unanswered",
            exit_code=ExitCode.AWS,
            hint="Restart it, or unset local_endpoint (MLCTL_LOCAL_ENDPOINT) to let mlctl start its own.",
        )
    return MlctlError(
        f"The local emulator (process {running.pid}) does not answer.",
        code="emulator_unanswered",
        exit_code=ExitCode.AWS,
        hint=f"End it with `mlctl local stop` or `kill -9 {running.pid}`, then run `mlctl deploy` again.",
    )


def check_name(project: str, stage: str) -> None:
    """Raise MlctlError (exit 2) for a stage that AWS's names have no room for."""
    plain = stage.replace("-", "").replace("_", "")
    if not (plain.isascii() and plain.isalnum() and Names(project, stage).fit):
        raise MlctlError(
            f"'{stage}' cannot be a stage of project '{project}'.",
            code="stage_invalid",
            exit_code=ExitCode.USAGE,
            hint="Use letters, digits, - and _; project and stage together at most 56 characters.",
        )
