"""Locks between the processes of one user, which say who holds them."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from mlctl.errors import ExitCode, MlctlError
from mlctl.files import write_atomic
from mlctl.stages.record import process_id, read_private

# Long enough to install the emulator over a slow network.
_WAIT_SECONDS = 600.0
_LOOK_SECONDS = 1.0


@contextmanager
def held(path: Path, seconds: float = _WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock at ``path``, waiting at most ``seconds`` for it, and not at all for a process that is stopped.

    Raises MlctlError (exit 1) with the id of the process that holds it.
    """
    lock = FileLock(path, mode=0o600)
    holder = path.with_name(f"{path.name}.holder")
    deadline = time.monotonic() + seconds
    while True:
        try:
            lock.acquire(timeout=min(_LOOK_SECONDS, seconds))
            break
        except Timeout:
            pid = process_id(read_private(holder))
            if time.monotonic() >= deadline or (pid and is_stopped(pid)):
                raise _not_released(path, pid) from None
    try:
        # For the message of whoever waits: a full disk must not keep anybody from stopping an emulator.
        with suppress(OSError):
            write_atomic(holder, b"%d\n" % os.getpid(), mode=0o600)
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal (SIGSTOP, Ctrl-Z) and so will not go on by itself."""
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.Error:
        return False


def _not_released(path: Path, pid: int | None) -> MlctlError:
    if pid is None:
        who, hint = "another process", "Wait for the other mlctl command to end, and run this one again."
    elif is_stopped(pid):
        who, hint = (
            f"process {pid}, which is stopped",
            f"Let it go on (`kill -CONT {pid}`) or end it (`kill -9 {pid}`).",
        )
    else:
        who, hint = f"process {pid}", f"Wait for process {pid} to end, or end it, and run this command again."
    return MlctlError(
        f"The lock {path} is held by {who}.", code="lock_timeout", exit_code=ExitCode.UNEXPECTED, hint=hint
    )
