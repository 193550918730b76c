"""Reads text files in a project folder safely: no pipes, devices or links out of the folder."""

import os
import stat
from pathlib import Path

from mlctl.errors import ExitCode, MlctlError


def read_text(folder: Path, name: str, limit: int) -> str | None:
    """The text of the file ``name`` in ``folder``, without a byte order mark; None if the file does not exist.

    Raises MlctlError (exit 2) if it is not a regular file of UTF-8 text in ``folder``, or larger than ``limit`` bytes.
    """
    path = folder / name
    if not path.is_symlink() and not _exists(path):
        return None
    try:
        data = _read(path, folder, limit)
    except FileNotFoundError:
        raise unusable(f"{name} is a link to a file that does not exist.") from None
    except (OSError, RuntimeError) as error:
        # Python before 3.13 raises RuntimeError for a loop of links.
        reason = error.strerror if isinstance(error, OSError) else "its links form a loop"
        raise unusable(f"{path} cannot be read: {reason}.") from None
    if len(data) > limit:
        raise unusable(f"{name} is larger than {limit // 1000} kB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise unusable(f"{name} is not UTF-8 text: byte {error.start} is {data[error.start]:#04x}.") from None
    if "\0" in text:
        raise unusable(f"{name} is not text: it holds a NUL character.")
    return text


def unusable(message: str) -> MlctlError:
    """The error for a project file that cannot be read (exit 2)."""
    return MlctlError(
        message,
        code="settings_invalid",
        exit_code=ExitCode.USAGE,
        hint="Replace it with a regular file of UTF-8 text in the project folder, or remove it.",
    )


def _exists(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # reading the file reports the error
    return True


def _read(path: Path, folder: Path, limit: int) -> bytes:
    real = path.resolve(strict=True)
    if not real.is_relative_to(folder.resolve()):
        raise unusable(f"{path.name} is a link that leads out of the project folder.")
    # Checked before opening too, because opening a device can have side effects.
    if not stat.S_ISREG(real.stat().st_mode):
        raise unusable(f"{path.name} is not a regular file.")
    # O_NONBLOCK: if the file has become a pipe since, open() would wait for a writer.
    descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise unusable(f"{path.name} is not a regular file.")
        return file.read(limit + 1)
