"""Locks between the processes of one user, which say who holds them."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from mlctl.errors import ExitCode, MlctlError
from mlctl.files import write_atomic
from mlctl.stages.record import process_id, read_private

# Long enough to install the emulator over a slow network.
_WAIT_SECONDS = 600.0
_LOOK_SECONDS = 1.0
# Shorter waits need no explanation.
_TELL_SECONDS = 2.0


def held(path: Path, seconds: float = _WAIT_SECONDS) -> AbstractContextManager[None]:
    """Hold the lock at ``path`` as ``holding`` does."""
    return holding(FileLock(path, mode=0o600), seconds)


@contextmanager
def holding(
    lock: FileLock,
    seconds: float = _WAIT_SECONDS,
    *,
    busy: Callable[[], None] = lambda: None,
    waiting: Callable[[str], None] = lambda holder: None,
) -> Iterator[None]:
    """Hold ``lock``, waiting at most ``seconds`` for it, and not at all for a process that is stopped.

    ``busy`` is called before the wait begins, where there is one; ``waiting`` gets the holder in words when the wait
    takes longer than two seconds. Raises MlctlError (exit 1) with the id of the process that holds the lock.
    """
    path = Path(lock.lock_file)
    holder = path.with_name(f"{path.name}.holder")
    _acquire(lock, path, holder, seconds, busy, waiting)
    try:
        # For the message of whoever waits: a full disk must not keep anybody from stopping an emulator.
        with suppress(OSError):
            write_atomic(holder, b"%d\n" % os.getpid(), mode=0o600)
        yield
    finally:
        with suppress(OSError):
            holder.unlink()
        lock.release()


def _acquire(
    lock: FileLock,
    path: Path,
    holder: Path,
    seconds: float,
    busy: Callable[[], None],
    waiting: Callable[[str], None],
) -> None:
    with suppress(Timeout):
        lock.acquire(timeout=0)
        return
    busy()
    began = time.monotonic()
    is_told = False
    while True:
        with suppress(Timeout):
            lock.acquire(timeout=min(_LOOK_SECONDS, seconds))
            return
        waited = time.monotonic() - began
        pid = process_id(read_private(holder))
        if waited >= seconds or (pid and is_stopped(pid)):
            raise _not_released(path, pid)
        if waited >= _TELL_SECONDS and not is_told:
            is_told = True
            waiting(f"process {pid}" if pid else "another process")


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
            f"Resume it (`kill -CONT {pid}`) or end it (`kill -9 {pid}`).",
        )
    else:
        who, hint = f"process {pid}", f"Wait for process {pid} to end, or end it, and run this command again."
    return MlctlError(
        f"The lock {path} is held by {who}.", code="lock_timeout", exit_code=ExitCode.UNEXPECTED, hint=hint
    )
