"""Starts, finds and stops the embedded AWS emulator."""

import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlctl.errors import ExitCode, MlctlError
from mlctl.files import write_atomic
from mlctl.progress import Event, Report, silent
from mlctl.stages import probe, process, record
from mlctl.stages.environment import python_for_emulator
from mlctl.stages.environment_variables import search_path
from mlctl.stages.locking import held, is_stopped
from mlctl.stages.record import HOST, Emulator
from mlctl.user_folders import private_folder, project_state, state_folder

if TYPE_CHECKING:
    import subprocess

__all__ = ["Emulator", "LocalEmulator", "Stopped", "abandoned", "secret_of"]

FOLDER = "local"
# Where the releases before this one kept the state: in the project's folder, which may come from anywhere.
OLD_FOLDER = Path(".mlctl") / "local"
PREFERRED_PORT = 4566
_RECORD = "emulator.json"
_PROJECT = "project"
_START_SECONDS = 30.0
# How long an emulator that is to end may do nothing, and how long it may work: many log streams take minutes to save.
_IDLE_SECONDS = 15.0
_STOP_SECONDS = 600.0
_TELL_SECONDS = 2.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Stopped:
    """What a stop did: whether an emulator was running, and whether it kept its state."""

    was_running: bool
    kept_state: bool = True


class LocalEmulator:
    """The emulator of one project, with its state in ``folder``, in the user's own state folder."""

    def __init__(self, project_folder: Path) -> None:
        self.project_folder = project_folder
        self.folder = project_state(project_folder) / FOLDER
        self._record = self.folder / _RECORD
        self._port = self.folder / "port"
        self._lost = self.folder / "lost"
        self._state = self.folder / process.STATE
        self._saved = self.folder / "saved"
        self._temporary = self.folder / process.TEMPORARY
        self._log = self.folder / process.LOG

    @property
    def ignored(self) -> str | None:
        """A sentence about the state that an older release left in the project's folder; None without one."""
        if not os.path.lexists(self.project_folder / OLD_FOLDER):
            return None
        return (
            f"Ignoring {OLD_FOLDER} in this project: the emulator's state is kept in {self.folder}, "
            "out of reach of the project's author. You can delete it."
        )

    def running(self) -> Emulator | None:
        """The emulator, if its process is alive."""
        return _running(self.folder)

    def answering(self) -> Emulator | None:
        """The same; raises MlctlError (exit 1) when the process is alive but does not answer."""
        emulator = self.running()
        if emulator and (is_stopped(emulator.pid) or not probe.answers(emulator)):
            # It may just have ended.
            if self.running() is None:
                return None
            raise _stuck(emulator)
        return emulator

    @property
    def used(self) -> bool:
        """Whether an emulator was ever started here."""
        return self._port.exists()

    @property
    def lost_state(self) -> bool:
        """Whether an emulator was killed and what was deployed to it went with it."""
        killed = os.path.lexists(self._record) and self.running() is None and not self._saved.exists()
        return killed or self._lost.exists()

    def forget_loss(self) -> None:
        """Called when the stage has been rebuilt."""
        self._lost.unlink(missing_ok=True)

    def start(self, wanted_port: int | None = None, report: Report = silent) -> Emulator:
        """The running emulator, started first where it is not; on ``wanted_port`` if given.

        Raises MlctlError: exit 2 when that port is taken, exit 1 when the emulator does not come up or does not
        answer.
        """
        with self._locked():
            found = self.answering()
            if found and wanted_port in (None, found.port):
                return found
            with self._bound(wanted_port) as listening:
                if found:
                    self._end(found, report)
                self._clear_after_end()
                if self.ignored:
                    report(Event("note", "emulator", self.ignored))
                python = python_for_emulator(report)
                port = listening.getsockname()[1]
                report(Event("start", "emulator", f"Starting the local AWS emulator on port {port}"))
                started = self._spawn(python, listening, port)
            report(Event("finish", "emulator", "ready"))
            return started

    def stop(self, report: Report = silent) -> Stopped:
        """End the emulator, in order where that is possible, so that it keeps its state.

        One that is stopped by a signal goes on first. It may take up to ten minutes as long as it works; one that does
        nothing for 15 seconds is killed. Raises MlctlError (exit 1) when it does not end even then.
        """
        if not self.folder.exists():
            return Stopped(was_running=False)
        with self._locked():
            found = self.running()
            if found:
                self._end(found, report)
            kept = self._saved.exists() or not found
            self._clear_after_end()
            return Stopped(was_running=found is not None, kept_state=kept)

    def _locked(self) -> AbstractContextManager[None]:
        private_folder(self.folder.parent)
        return held(private_folder(self.folder) / "lock")

    def _clear_after_end(self) -> None:
        """What an emulator that has ended leaves: its temporary files, and its state where that is not whole."""
        shutil.rmtree(self._temporary, ignore_errors=True)
        for half_written in self.folder.glob(f".{_RECORD}.*"):
            half_written.unlink()
        if not os.path.lexists(self._record):
            return
        if not self._saved.exists():
            # Killed, or the disk was full: what it saved at its last orderly end is older than what was deployed since.
            shutil.rmtree(self._state, ignore_errors=True)
            self._lost.touch(mode=0o600)
        self._record.unlink()

    def _end(self, emulator: Emulator, report: Report) -> None:
        running = process.of(self.folder, emulator)
        if running is None:
            return
        if not process.end(running, idle=_IDLE_SECONDS, longest=_STOP_SECONDS, tell=_TELL_SECONDS, report=report):
            raise _stuck(emulator)

    def _bound(self, wanted: int | None) -> socket.socket:
        """A listening socket: nobody else can take the port between now and the start of the emulator."""
        if wanted is not None:
            listening = process.listen(wanted)
            if listening is None:
                by = "the emulator of another project" if probe.is_emulator(wanted) else "another program"
                raise MlctlError(
                    f"Port {wanted} is already in use by {by}.",
                    code="port_taken",
                    exit_code=ExitCode.USAGE,
                    hint="Set MLCTL_LOCAL_PORT to a free port, or unset it and mlctl finds one.",
                )
            return listening
        remembered = record.whole_number(record.read_private(self._port), 1, 65535) or PREFERRED_PORT
        listening = process.listen(remembered) or process.listen(0)
        if listening is None:
            raise MlctlError(
                f"No port of {HOST} is free.",
                code="port_taken",
                exit_code=ExitCode.USAGE,
                hint="Set MLCTL_LOCAL_PORT to a port that can be used.",
            )
        return listening

    def _spawn(self, python: Path, listening: socket.socket, port: int) -> Emulator:
        for folder in (self._temporary, self._state):
            private_folder(folder)
        secret = f"mlctl{secrets.token_hex(24)}"
        child = process.start(python, listening, self.folder, search_path(self.project_folder))
        emulator = Emulator(pid=child.pid, port=port, secret=secret)
        try:
            record.write(self._record, emulator)
            process.tell(child, secret)
            self._wait_until_ready(child, emulator)
            write_atomic(self.folder / _PROJECT, os.fsencode(self.project_folder.resolve()), mode=0o600)
            write_atomic(self._port, f"{port}\n".encode(), mode=0o600)
        except BaseException:
            child.kill()
            child.wait()
            self._record.unlink(missing_ok=True)
            raise
        return emulator

    def _wait_until_ready(self, child: "subprocess.Popen[bytes]", emulator: Emulator) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and child.poll() is None:
            if probe.answers(emulator, seconds=1):
                return
            time.sleep(_POLL_SECONDS)
        lines = self._log.read_text(errors="replace").strip().splitlines()
        raise MlctlError(
            f"The local AWS emulator did not start: {lines[-1] if lines else 'it said nothing'}",
            code="emulator_not_started",
            exit_code=ExitCode.UNEXPECTED,
            hint=f"Its log is {self._log}.",
        )


def secret_of(endpoint: str) -> str | None:
    """The secret of the emulator at ``endpoint``, if it is one of this user's that mlctl started for any project."""
    try:
        url = urlsplit(endpoint)
        place = (url.scheme, url.hostname in (HOST, "localhost"), url.port)
    except ValueError:
        return None
    for folder in _folders():
        emulator = _running(folder)
        if emulator and place == ("http", True, emulator.port):
            return emulator.secret
    return None


def abandoned() -> Iterator[LocalEmulator]:
    """The running emulators of projects whose folder is gone: the state of a project does not move with it."""
    for folder in _folders():
        name = record.read_private(folder / _PROJECT)
        if name and not os.path.lexists(name) and _running(folder):
            local = LocalEmulator(Path(os.fsdecode(name)))
            if local.folder == folder:
                yield local


def _folders() -> Iterator[Path]:
    with suppress(OSError):
        yield from (path.parent for path in sorted((state_folder() / "projects").glob(f"*/{FOLDER}/{_RECORD}")))


def _running(folder: Path) -> Emulator | None:
    emulator = record.read(folder / _RECORD)
    return emulator if emulator and process.of(folder, emulator) else None


def _stuck(emulator: Emulator) -> MlctlError:
    if is_stopped(emulator.pid):
        why, hint = "is stopped", f"Resume it (`kill -CONT {emulator.pid}`), or end it (`mlctl local stop`)."
    else:
        why, hint = (
            "does not answer",
            "`mlctl local stop` ends it; `mlctl deploy` then rebuilds what it could not keep.",
        )
    return MlctlError(
        f"The local emulator (process {emulator.pid}) {why}.",
        code="emulator_stuck",
        exit_code=ExitCode.UNEXPECTED,
        hint=hint,
    )
