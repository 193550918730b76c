"""Temporary folders. The next run removes the folders of a killed run."""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "mlctl-scratch-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Create an empty folder with mode 0700 under TMPDIR, and remove it at the end of the block.

    A lock on the folder shows other runs that it is in use. The kernel releases the lock when the process ends.
    """
    _sweep(Path(tempfile.gettempdir()))
    path, handle = _create_locked()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def _create_locked() -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        # Some network file systems have no locks; _sweep removes nothing there.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        if path.is_dir():
            return path, handle
        # Another run removed it as a leftover before it was locked.
        os.close(handle)


def _sweep(parent: Path) -> None:
    """Remove the folders under ``parent`` that killed runs left."""
    for path in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(handle).st_uid == os.geteuid() and stat.S_IMODE(os.fstat(handle).st_mode) == 0o700:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)
