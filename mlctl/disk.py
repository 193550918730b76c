"""What a disk refuses: known before long work, and told with the path that was to be written."""

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
    """Raise OSError if nothing can be written to ``folder``, which need not exist yet: before long work, not after."""
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(nearest))
    if not os.access(nearest, os.W_OK | os.X_OK):
        number = errno.EROFS if os.statvfs(nearest).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(number, os.strerror(number), str(folder))


@contextmanager
def errors_named(path: Path) -> Iterator[None]:
    """Every OSError of the block names ``path``: a write to a full disk names nothing, others a temporary file."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def names_its_path(write: Callable[Concatenate[Path, _P], _R]) -> Callable[Concatenate[Path, _P], _R]:
    """The same for every OSError of a function whose first argument is the path that it writes."""

    @wraps(write)
    def named(path: Path, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with errors_named(path):
            return write(path, *args, **kwargs)

    return named
