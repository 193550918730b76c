"""Private temporary folders that do not outlive their process for long."""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "mlctl-opening-"


@contextmanager
def private() -> Iterator[Path]:
    """A new folder with mode 0700, removed at the end. Folders that a killed process left are removed first."""
    _sweep(Path(tempfile.gettempdir()))
    path, lock = _locked()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _locked() -> tuple[Path, int]:
    """A new folder and the descriptor that holds its lock, which tells others that it is in use."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Another process may sweep it away before it is locked.
        with contextlib.suppress(OSError):
            lock = _lock(path)
            if lock is not None and path.exists():
                return path.resolve(), lock


def _lock(path: Path) -> int | None:
    """The descriptor of a folder with its lock, or None where another process holds it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _sweep(parent: Path) -> None:
    for path in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                continue
            lock = _lock(path)
            if lock is None:
                continue
            try:
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)
