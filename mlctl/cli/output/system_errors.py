"""Converts errors of the operating system to errors with a hint."""

import errno
import os
import re
import resource
import sys
from contextlib import suppress
from pathlib import Path

from mlctl import user_folders
from mlctl.errors import ExitCode, MlctlError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_TOO_MANY = (errno.EMFILE, errno.ENFILE)
# The path has the wrong type, such as a folder instead of a file, a pipe, or a symbolic link loop.
_WRONG_TYPE = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENXIO, errno.ENODEV)
_TOO_LONG = errno.ENAMETOOLONG
_NO_MEMORY = "There is not enough memory"
# Part of the message of tempfile when it finds no usable folder.
_NO_TEMPORARY = "temporary directory"


def to_mlctl_error(error: OSError) -> MlctlError:
    """Return the error for an OSError, with its path: exit 3 if the path itself is the problem, otherwise exit 1."""
    if error.filename and error.errno in (*_WRONG_TYPE, _TOO_LONG):
        return MlctlError(
            f"{_path(error)} cannot be used: {error.strerror}.",
            code="path_unusable",
            exit_code=ExitCode.BAD_INPUT,
            hint="Use a shorter name or path."
            if error.errno == _TOO_LONG
            else "Remove the file or link at that path or at a parent of it, or use another path.",
        )
    path = f": {_path(error)}" if error.filename else ""
    return MlctlError(
        f"The operating system returned an error: {error.strerror or error}{path}.",
        code="os_error",
        exit_code=ExitCode.UNEXPECTED,
        hint=_hint(error),
    )


def symlink_loop(error: RuntimeError) -> MlctlError | None:
    """Return the error for the RuntimeError of pathlib for a symbolic link loop (before Python 3.13), or None."""
    match = re.fullmatch(r"Symlink loop from '(.*)'", str(error), re.DOTALL)
    return to_mlctl_error(OSError(errno.ELOOP, os.strerror(errno.ELOOP), match[1])) if match else None


def not_encodable(error: UnicodeEncodeError) -> MlctlError:
    """Return the error for a name that the encoding of file names cannot represent (exit 2)."""
    encoding = sys.getfilesystemencoding()
    return MlctlError(
        f"The name {str(error.object)!a} cannot be used: this system reads and writes names as {encoding}.",
        code="not_text",
        exit_code=ExitCode.USAGE,
        hint="Use a name that is valid UTF-8." if encoding == "utf-8" else "Unset PYTHONUTF8, or set LC_ALL=C.UTF-8.",
    )


def out_of_memory() -> MlctlError:
    """Return the error for a MemoryError."""
    return MlctlError(
        f"{_NO_MEMORY} for this command.",
        code="out_of_memory",
        exit_code=ExitCode.UNEXPECTED,
        hint="Close other programs or use a machine with more memory. For training, use fewer rows or a smaller model.",
    )


def _path(error: OSError) -> str:
    name = error.filename
    return os.fsdecode(name) if isinstance(name, str | bytes) else str(name)


def _hint(error: OSError) -> str:
    if error.filename:
        variable = _variable_of(Path(_path(error)))
        if variable:
            return f"Set {variable} to another folder that you can write to, or free some space there."
    if error.errno in _FULL:
        disk = "the disk" if error.filename else "the disk of the temporary folder (or set TMPDIR to another folder)"
        return f"Free some space on {disk} and run the command again. No partly written file is left."
    if error.errno == errno.EFBIG or (_NO_TEMPORARY in str(error) and _file_size_limit_is_zero()):
        return "Raise the limit on the file size (`ulimit -f`) and run the command again."
    if error.errno in _FORBIDDEN and error.filename:
        return _permission_hint(error, Path(_path(error)))
    if error.errno in _TOO_MANY:
        return "Raise the limit on open files (`ulimit -n`) and run the command again."
    if error.errno == errno.ENOMEM:
        return f"{_NO_MEMORY}: close other programs and run the command again."
    if _NO_TEMPORARY in str(error):
        return "Set TMPDIR to a folder that you can write to."
    return "Check the path, its permissions and the free disk space."


def _file_size_limit_is_zero() -> bool:
    """Return whether the file size limit is 0. tempfile then finds no usable folder, and does not say why."""
    return resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 0


def _variable_of(path: Path) -> str:
    """Return the variable that sets the user folder of ``path``, or an empty text for any other path."""
    folders = {
        user_folders.STATE_VARIABLE: user_folders.state_folder,
        user_folders.CACHE_VARIABLE: user_folders.cache_folder,
    }
    for variable, folder in folders.items():
        with suppress(MlctlError):
            # The error may also name a parent of the user folder, such as the home folder.
            if path.is_relative_to(folder()) or folder().is_relative_to(path):
                return variable
    return ""


def _permission_hint(error: OSError, path: Path) -> str:
    # Path.is_file and is_dir raise PermissionError before Python 3.14; os.path does not.
    if error.errno != errno.EROFS and os.path.isfile(path) and not os.access(path, os.R_OK):  # noqa: PTH113
        return "Give yourself read permission for that file."
    folder = next((parent for parent in path.parents if os.path.isdir(parent)), path.parent)  # noqa: PTH112
    if error.errno == errno.EROFS:
        return f"{folder} is on a read-only file system; copy the project to one that you can write to."
    return f"Give yourself write permission for {folder}, or work in a copy of the project."
