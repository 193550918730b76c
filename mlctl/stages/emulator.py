"""The embedded AWS emulator: start, find, stop. Nothing outside this package knows that it exists."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from filelock import FileLock

from mlctl.errors import ExitCode, MlctlError
from mlctl.files import canonical_json, write_atomic
from mlctl.progress import Event, Report, silent
from mlctl.stages.environment import python_for_emulator

FOLDER = Path(".mlctl") / "local"
PREFERRED_PORT = 4566
HOST = "127.0.0.1"
_SERVICES = "acm,apigateway,cloudwatch,iam,lambda,logs,s3,sts"
_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Emulator:
    """A running emulator: its process, and the port that it listens on."""

    pid: int
    port: int

    @property
    def endpoint(self) -> str:
        """The URL that AWS clients are pointed at."""
        return f"http://{HOST}:{self.port}"


class LocalEmulator:
    """The emulator of one project, with its state under ``.mlctl/local``."""

    def __init__(self, project_folder: Path) -> None:
        self._folder = project_folder / FOLDER
        self._record = self._folder / "emulator.json"
        self._port = self._folder / "port"
        self._lost = self._folder / "lost"
        self._state = self._folder / "state"
        self._log = self._folder / "emulator.log"

    def running(self) -> Emulator | None:
        """The emulator, if its process is alive."""
        recorded = self._recorded()
        return recorded if recorded and self._process(recorded) else None

    @property
    def used(self) -> bool:
        """Whether an emulator was ever started here."""
        return self._port.exists()

    @property
    def lost_state(self) -> bool:
        """Whether an emulator was killed and what was deployed to it went with it."""
        killed = self._recorded() is not None and self.running() is None and not self._saved_in_order()
        return killed or self._lost.exists()

    def forget_loss(self) -> None:
        """Called when the stage has been rebuilt."""
        self._lost.unlink(missing_ok=True)

    def start(self, wanted_port: int | None = None, report: Report = silent) -> Emulator:
        """The running emulator, started first where it is not; on ``wanted_port`` if given.

        Raises MlctlError: exit 2 when that port is taken, exit 1 when the emulator does not come up.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / ".lock"):
            found = self.running()
            if found and wanted_port in (None, found.port):
                return found
            port = self._choose_port(wanted_port)
            if found:
                self._end(found)
            elif self._recorded() is not None:
                self._clear_after_death()
            python = python_for_emulator(report)
            report(Event("start", "emulator", f"Starting the local AWS emulator on port {port}"))
            started = self._spawn(python, port)
            report(Event("finish", "emulator", "ready"))
            return started

    def stop(self) -> bool:
        """End the emulator in order, so that it keeps its state; False when none was running."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / ".lock"):
            found = self.running()
            if found:
                self._end(found)
            return found is not None

    def _recorded(self) -> Emulator | None:
        try:
            return Emulator(**json.loads(self._record.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def _process(self, emulator: Emulator) -> psutil.Process | None:
        """The emulator's process; None when it is gone, or when its pid belongs to another by now."""
        try:
            process = psutil.Process(emulator.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            try:
                ours = process.environ().get("STATE_DIR") == str(self._state.resolve())
            except psutil.AccessDenied:
                ours = "ministack" in process.cmdline()
        except psutil.Error:
            return None
        return process if ours else None

    def _saved_in_order(self) -> bool:
        """Whether the emulator wrote its state after it was started: it does so only when it ends in order."""
        files = list(self._state.glob("*.json"))
        return bool(files) and all(file.stat().st_mtime >= self._record.stat().st_mtime for file in files)

    def _clear_after_death(self) -> None:
        if not self._saved_in_order():
            # Killed: what it saved at its last orderly end is older than what was deployed since.
            shutil.rmtree(self._state, ignore_errors=True)
            self._lost.touch()
        self._record.unlink()

    def _end(self, emulator: Emulator) -> None:
        process = self._process(emulator)
        if process:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except psutil.TimeoutExpired:
                raise MlctlError(
                    f"The local emulator (process {emulator.pid}) does not end.",
                    code="emulator_stuck",
                    exit_code=ExitCode.UNEXPECTED,
                    hint=f"End process {emulator.pid} yourself; `mlctl deploy` then rebuilds the stage.",
                ) from None
        self._record.unlink(missing_ok=True)

    def _choose_port(self, wanted: int | None) -> int:
        if wanted is not None:
            if not _is_free(wanted):
                by = "the emulator of another project" if _answers(wanted) else "another program"
                raise MlctlError(
                    f"Port {wanted} is already in use by {by}.",
                    code="port_taken",
                    exit_code=ExitCode.USAGE,
                    hint="Set MLCTL_LOCAL_PORT to a free port, or unset it and mlctl finds one.",
                )
            return wanted
        try:
            remembered = int(self._port.read_text())
        except (OSError, ValueError):
            remembered = PREFERRED_PORT
        return remembered if _is_free(remembered) else _any_free_port()

    def _spawn(self, python: Path, port: int) -> Emulator:
        temporary = self._folder / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        for folder in (temporary, self._state):
            folder.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            child = subprocess.Popen(
                [python, "-m", "ministack"],
                env=self._environment(port, temporary),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is for mlctl alone
            )
        emulator = Emulator(pid=child.pid, port=port)
        try:
            write_atomic(self._record, canonical_json(asdict(emulator)))
            self._wait_until_ready(child, emulator)
        except BaseException:
            child.kill()
            child.wait()
            self._record.unlink(missing_ok=True)
            raise
        write_atomic(self._port, f"{port}\n".encode())
        return emulator

    def _environment(self, port: int, temporary: Path) -> dict[str, str]:
        """Nothing of the caller's environment but the way to programs: functions inherit it."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "TMPDIR": str(temporary.resolve()),
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(port),
            "SERVICES": _SERVICES,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self._state.resolve()),
            "S3_DATA_DIR": str((self._state / "s3").resolve()),
            "S3_PERSIST": "1",
        }

    def _wait_until_ready(self, child: "subprocess.Popen[bytes]", emulator: Emulator) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and child.poll() is None:
            if _answers(emulator.port):
                return
            time.sleep(_POLL_SECONDS)
        lines = self._log.read_text(errors="replace").strip().splitlines()
        raise MlctlError(
            f"The local AWS emulator did not start: {lines[-1] if lines else 'it said nothing'}",
            code="emulator_not_started",
            exit_code=ExitCode.UNEXPECTED,
            hint=f"Its log is {self._log}.",
        )


def _answers(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{HOST}:{port}/_ministack/health", timeout=1) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
