"""File operations: canonical JSON, digests, atomic writes, and safe reads of regular files."""

import errno
import fcntl
import hashlib
import json
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from mlctl.disk import names_its_path
from mlctl.errors import ExitCode, MlctlError

# The beginning of the names of files that are being written, in whatever folder.
TEMPORARY = ".mlctl-new-"
_CHUNK = 1024**2


def canonical_json(value: Any) -> bytes:
    """Canonical JSON of ``value``: sorted keys, two-space indent, a final newline.

    Floats are written by ``repr`` and so read back to the same bits. Raises ValueError for NaN.
    """
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def sha256(data: bytes) -> str:
    """The SHA-256 of ``data`` in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file of any size in lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_regular(path: Path, *, limit: int | None = None) -> bytes:
    """The bytes of a regular file; neither ``path`` nor its folder may be a symbolic link.

    Raises OSError for a link, a folder, a pipe, a device, and a file of more than ``limit`` bytes.
    """
    with _regular(path, limit) as file:
        data = file.read() if limit is None else file.read(limit + 1)
    if limit is not None and len(data) > limit:
        raise _larger(path, limit)
    return data


def sha256_of_regular(path: Path, *, limit: int) -> tuple[str, int]:
    """The SHA-256 and the size of a regular file, without loading it; raises like ``read_regular``."""
    digest, size = hashlib.sha256(), 0
    with _regular(path, limit) as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise _larger(path, limit)
            digest.update(chunk)
    return digest.hexdigest(), size


def _regular(path: Path, limit: int | None) -> BinaryIO:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # O_NONBLOCK, because open() on a pipe would wait for a writer.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        handle = os.open(path.name, flags, dir_fd=folder)
    finally:
        os.close(folder)
    status = os.fstat(handle)
    refused = None
    if not stat.S_ISREG(status.st_mode):
        refused = OSError(errno.EINVAL, "Not a regular file", str(path))
    elif limit is not None and status.st_size > limit:
        refused = _larger(path, limit)
    if refused is not None:
        os.close(handle)
        raise refused
    return os.fdopen(handle, "rb")


def no_file(path: Path, name: str) -> str:
    """The sentence that says why ``path``, called ``name``, is not a regular file."""
    if path.is_dir():
        return f"{name} is a folder, not a file."
    return f"{name} is a pipe, a socket or a device, not a file." if path.exists() else f"There is no file {name}."


def _larger(path: Path, limit: int) -> OSError:
    return OSError(errno.EFBIG, f"Larger than {limit:,} bytes", str(path))


@names_its_path
def write_atomic(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write ``data`` to ``path`` through a temporary file beside it, which is flushed to disk and renamed.

    ``mode`` is the mode of the file whatever the umask; by default the umask decides. A symbolic link at ``path`` is
    replaced, not followed. Temporary files of killed writers are removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    handle, temporary = _temporary(path.parent)
    try:
        # The lock shows `sweep` that the writer is running. It is held until the file has its final name.
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o666 & ~_umask() if mode is None else mode)
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sweep(folder: Path) -> None:
    """Remove the temporary files of killed writers in ``folder``. A running writer holds a lock on its file."""
    for leftover in folder.glob(f"{TEMPORARY}*"):
        with suppress(OSError):
            handle = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if stat.S_ISREG(os.fstat(handle).st_mode):
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    leftover.unlink()
            finally:
                os.close(handle)


def refuse_links_out(
    folder: Path, path: Path, hint: str = "Remove the link, or use --output with the real path."
) -> None:
    """Raise MlctlError (exit 3) if ``path`` is in ``folder`` by name, but a symbolic link leads out of it.

    A folder from elsewhere can have such links, and a write would replace files in other folders.
    """
    # Not `resolve`, which would follow the links.
    if not Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder)):  # noqa: PTH100  # it removes ..
        return
    real = path.parent.resolve()
    if not real.is_relative_to(folder.resolve()):
        raise MlctlError(
            f"A symbolic link leads {path.parent} out of the project, to {real}; nothing was written.",
            code="link_refused",
            exit_code=ExitCode.BAD_INPUT,
            hint=hint,
        )


def check_output(folder: Path, path: Path, reserved: str) -> None:
    """Raise MlctlError if mlctl must not write an output file to ``path``.

    Exit 2: ``path`` is a folder, a device or a pipe, is below a file, or is in the folder ``reserved`` of the project
    in ``folder``, which only mlctl writes to. Exit 3: as ``refuse_links_out``.
    """
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        why = error.strerror if error.errno in (errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP) else None
    else:
        # A link is replaced, not followed. Renaming a file over a device or a pipe would remove it.
        why = None if stat.S_ISREG(mode) or stat.S_ISLNK(mode) else "it is not a regular file"
        why = "it is a folder" if stat.S_ISDIR(mode) else why
    if why is None and path.parent.resolve().is_relative_to((folder / reserved).resolve()):
        why = f"only mlctl itself writes to {folder / reserved}"
    if why is not None:
        raise MlctlError(
            f"{path} cannot be written: {why}.",
            code="output_refused",
            exit_code=ExitCode.USAGE,
            hint="Use another path for --output.",
        )
    refuse_links_out(folder, path)


def _temporary(folder: Path) -> tuple[int, Path]:
    """A new file, locked by this process."""
    while True:
        handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=folder)
        # Some network file systems have no locks; `sweep` removes nothing there.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, Path(name)
        # Another process removed it as a leftover before it was locked.
        os.close(handle)


def _umask() -> int:
    # The umask can only be read by setting it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
