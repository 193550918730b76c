"""Disk errors: checks that a folder is writable, and adds the path to an OSError."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


def refuse_unwritable(folder: Path) -> None:
    """Raise OSError if ``folder``, which may not exist yet, is not writable. Call this before long work."""
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(nearest))
    if not os.access(nearest, os.W_OK | os.X_OK):
        number = errno.EROFS if os.statvfs(nearest).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(number, os.strerror(number), str(folder))


@contextmanager
def errors_named(path: Path) -> Iterator[None]:
    """Set ``path`` in every OSError of the block. A write to a full disk has no path, others have a temporary file."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def names_its_path(write: Callable[Concatenate[Path, _P], _R]) -> Callable[Concatenate[Path, _P], _R]:
    """Decorate a function that writes to the path in its first argument with ``errors_named``."""

    @wraps(write)
    def named(path: Path, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with errors_named(path):
            return write(path, *args, **kwargs)

    return named
