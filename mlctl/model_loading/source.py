"""Makes a private copy of a model file, so that the audit and the load use the same bytes."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlctl.errors import ExitCode, MlctlError
from mlctl.model_loading.process import Kind
from mlctl.scratch import scratch_folder

MAX_BYTES = 16 * 2**30
_CHUNK = 2**20
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_HINT = "Give a file that joblib.dump, pickle.dump or skops.io.dump wrote."


@dataclass(frozen=True)
class Copy:
    """A copy that no other user can change: its ``size`` in bytes, its digest, and what kind of file it is."""

    path: Path
    size: int
    sha256: str
    kind: Kind


@contextmanager
def copied(path: Path) -> Iterator[Copy]:
    """Copy a regular file to a temporary folder, which is removed at the end of the block.

    Raises MlctlError: exit 6 if there is no regular file, exit 3 if it cannot be read, changes while it is read, or is
    larger than MAX_BYTES.
    """
    source = _opened(path)
    try:
        with scratch_folder() as private:
            yield _copy(source, path, private / "model")
    finally:
        os.close(source)


def _copy(source: int, path: Path, copy: Path) -> Copy:
    before = os.fstat(source)
    digest, size, head = hashlib.sha256(), 0, b""
    with copy.open("xb") as file:
        # No more than it held at first: a file may grow faster than it is read.
        while size < before.st_size and (piece := _read(source, path, min(_CHUNK, before.st_size - size))):
            head = head or piece[:4]
            digest.update(piece)
            file.write(piece)
            size += len(piece)
    after = os.fstat(source)
    if (size, after.st_size, after.st_mtime_ns) != (before.st_size, before.st_size, before.st_mtime_ns):
        raise _refused(
            path, "changes while it is read", "Wait until it is completely written, then run the command again."
        )
    return Copy(copy, size, digest.hexdigest(), "skops" if head in _ZIP else "pickle")


def _opened(path: Path) -> int:
    """A descriptor to read from. A pipe or a device is not even opened, or opened without waiting."""
    try:
        _check(path, path.stat())
        source = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise _not_found(f"There is no file {path}.") from None
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        # The path may lead elsewhere by now.
        _check(path, os.fstat(source))
    except MlctlError:
        os.close(source)
        raise
    return source


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, a socket or a device"
        raise _not_found(f"{path} is {kind}, not a file.")
    if status.st_size > MAX_BYTES:
        raise _refused(path, f"is larger than {MAX_BYTES // 2**30} GiB", "Save a smaller model.")


def _read(source: int, path: Path, size: int) -> bytes:
    try:
        return os.read(source, size)
    except OSError as error:
        raise _unreadable(path, error) from error


def _not_found(message: str) -> MlctlError:
    return MlctlError(message, code="model_not_found", exit_code=ExitCode.NOT_FOUND, hint=_HINT)


def _unreadable(path: Path, error: OSError) -> MlctlError:
    why = error.strerror or str(error)
    hint = "Give yourself read permission for it." if error.errno in (errno.EACCES, errno.EPERM) else _HINT
    return _refused(path, f"cannot be read: {why}", hint)


def _refused(path: Path, what: str, hint: str) -> MlctlError:
    return MlctlError(f"{path.name} {what}.", code="model_unusable", exit_code=ExitCode.BAD_INPUT, hint=hint)
