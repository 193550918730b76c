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
        path = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        # Another process may sweep it away before it is locked.
        with contextlib.suppress(FileNotFoundError):
            lock = _descriptor(path)
            try:
                _take(lock)
            except BlockingIOError:
                os.close(lock)
                continue
            except OSError:
                # A file system without locks. There no folder is swept away either.
                return path, lock
            if path.exists():
                return path, lock
            os.close(lock)


def _sweep(parent: Path) -> None:
    """Remove the folders of this user whose process has ended."""
    for path in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                continue
            lock = _descriptor(path)
            try:
                _take(lock)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)


def _descriptor(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _take(lock: int) -> None:
    """Lock a folder. Raises BlockingIOError where a process holds it, OSError where there are no locks."""
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
