"""Temporary folders of a run. What a killed run left is removed by the next one."""

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
    """An empty folder of this user's (mode 0700) under TMPDIR, which is removed at the end of the block.

    A lock on it, which the kernel releases when the process ends, tells other runs that it is in use.
    """
    _sweep(Path(tempfile.gettempdir()))
    path, handle = _locked()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def _locked() -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        # Some network file systems have no locks; then nothing is swept there either.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        if path.is_dir():
            return path, handle
        # Another run took it for a leftover, between its creation and the lock.
        os.close(handle)


def _sweep(parent: Path) -> None:
    """Remove the folders under ``parent`` whose run has ended without doing so."""
    for path in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(handle).st_uid == os.geteuid() and stat.S_IMODE(os.fstat(handle).st_mode) == 0o700:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)
