"""Starts, identifies and ends the emulator's process."""

import os
import socket
import subprocess
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import psutil

from mlctl.progress import Event, Report
from mlctl.stages.environment_variables import ISOLATED, PRIVATE_UMASK
from mlctl.stages.record import HOST, Emulator

STATE = "state"
TEMPORARY = "tmp"
LOG = "emulator.log"
_PROGRAM = Path(__file__).with_name("guarded_emulator.py")
_WATCH_SECONDS = 0.5
_KILL_SECONDS = 10.0
# An event loop that only waits computes less than this in the time that counts as idle.
_COMPUTING_SECONDS = 0.05
_SERVICES = "acm,apigateway,cloudwatch,iam,lambda,logs,s3,sts"


def listen(port: int) -> socket.socket | None:
    """A socket that listens on ``port``, 0 for any that is free; None when the port is taken."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()
    except OSError:
        listening.close()
        return None
    return listening


def start(python: Path, listening: socket.socket, folder: Path, path: str) -> "subprocess.Popen[bytes]":
    """Start the emulator on that socket, with its files in ``folder``; it waits for ``tell``."""
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        return subprocess.Popen(
            [python, ISOLATED, _PROGRAM, str(listening.fileno())],
            env=_environment(folder, listening.getsockname()[1], path),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(listening.fileno(),),
            umask=PRIVATE_UMASK,
            start_new_session=True,  # Ctrl-C in the terminal is for mlctl alone
        )
    finally:
        os.close(log)


def _environment(folder: Path, port: int, path: str) -> dict[str, str]:
    """Nothing of the caller's environment but the way to programs: functions inherit it."""
    return {
        "PATH": path,
        "LANG": "C.UTF-8",
        "TMPDIR": str(folder / TEMPORARY),
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "SERVICES": _SERVICES,
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / STATE),
        "S3_DATA_DIR": str(folder / STATE / "s3"),
        "S3_PERSIST": "1",
    }


def tell(child: "subprocess.Popen[bytes]", secret: str) -> None:
    """Give the emulator its secret where nobody else sees it: through its standard input."""
    # A child that has ended before it reads is noticed when it does not answer.
    with suppress(BrokenPipeError), child.stdin or nullcontext() as pipe:
        if pipe:
            pipe.write(f"{secret}\n".encode())


def end(running: psutil.Process, *, idle: float, longest: float, tell: float, report: Report) -> bool:
    """End the emulator and return whether it is gone: with SIGTERM, on which it saves its state, else with SIGKILL.

    It may take ``longest`` seconds, but no more than ``idle`` in which it neither computes nor writes. After ``tell``
    seconds ``report`` says what is waited for.
    """
    began = active = time.monotonic()
    done, is_told = _work(running), False
    with suppress(psutil.NoSuchProcess):
        running.terminate()
        # A process that is stopped by a signal gets SIGTERM when it goes on.
        running.resume()
    while (now := time.monotonic()) - active < idle and now - began < longest:
        with suppress(psutil.TimeoutExpired):
            running.wait(_WATCH_SECONDS)
            return True
        now_done = _work(running)
        if now_done[0] - done[0] > _COMPUTING_SECONDS or now_done[1] != done[1]:
            active, done = time.monotonic(), now_done
        if time.monotonic() - began >= tell and not is_told:
            is_told = True
            report(Event("note", "emulator", f"Waiting for the emulator (process {running.pid}) to save its state."))
    report(Event("warning", "emulator", f"The emulator (process {running.pid}) does not end by itself: killing it."))
    return _killed(running)


def _work(running: psutil.Process) -> tuple[float, int]:
    """The seconds that a process has computed, and the bytes that it has written, where the system tells."""
    try:
        times = running.cpu_times()
        written = running.io_counters().write_bytes if hasattr(running, "io_counters") else 0
        return times.user + times.system, written
    except psutil.Error:
        return 0.0, 0


def _killed(running: psutil.Process) -> bool:
    with suppress(psutil.Error):
        # Functions that hang would outlive it.
        family = [running, *running.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=_KILL_SECONDS)
    return not running.is_running() or running.status() == psutil.STATUS_ZOMBIE


def of(folder: Path, emulator: Emulator) -> psutil.Process | None:
    """The process of the emulator with its files in ``folder``.

    None when it is gone, or when its pid belongs to another process by now, or to another user.
    """
    try:
        process = psutil.Process(emulator.pid)
        if process.status() == psutil.STATUS_ZOMBIE or process.uids().effective != os.geteuid():
            return None
        # Its functions inherit the environment, but execute other files.
        executes = {Path(word).name for word in process.cmdline()}
        ours = process.environ().get("STATE_DIR") == str(folder / STATE) and _PROGRAM.name in executes
    except (psutil.Error, OSError):
        return None
    return process if ours else None
