"""What the operating system refuses, as an error that says what to do about it."""

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
# A path holds another kind of thing than a command needs there: a folder for a file, a pipe, links in a circle.
_OF_ANOTHER_KIND = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENXIO, errno.ENODEV)
_TOO_LONG = errno.ENAMETOOLONG
_NO_MEMORY = "There is not enough memory"
_NO_TEMPORARY = "temporary directory"


def to_mlctl_error(error: OSError) -> MlctlError:
    """The error for an OSError, with the path that it names: exit 3 where the path itself is the problem, else 1."""
    if error.filename and error.errno in (*_OF_ANOTHER_KIND, _TOO_LONG):
        return MlctlError(
            f"{_path(error)} cannot be used: {error.strerror}.",
            code="path_unusable",
            exit_code=ExitCode.BAD_INPUT,
            hint="Use a shorter name or path."
            if error.errno == _TOO_LONG
            else "Remove what is at that path or above it, or name another path.",
        )
    where = f": {_path(error)}" if error.filename else ""
    return MlctlError(
        f"The operating system refused: {error.strerror or error}{where}.",
        code="os_error",
        exit_code=ExitCode.UNEXPECTED,
        hint=_hint(error),
    )


def links_in_a_circle(error: RuntimeError) -> MlctlError | None:
    """The error for what pathlib raises of symbolic links in a circle before Python 3.13; None for another error."""
    path = re.fullmatch(r"Symlink loop from '(.*)'", str(error), re.DOTALL)
    return to_mlctl_error(OSError(errno.ELOOP, os.strerror(errno.ELOOP), path[1])) if path else None


def not_encodable(error: UnicodeEncodeError) -> MlctlError:
    """The error for a name that this environment has no bytes for, or for bytes that are no text (exit 2)."""
    encoding = sys.getfilesystemencoding()
    return MlctlError(
        f"The name {str(error.object)!a} cannot be used: this system reads and writes names as {encoding}.",
        code="not_text",
        exit_code=ExitCode.USAGE,
        hint="Give it a name that is valid UTF-8."
        if encoding == "utf-8"
        else "Unset PYTHONUTF8, or set LC_ALL=C.UTF-8.",
    )


def out_of_memory() -> MlctlError:
    """The error for a MemoryError."""
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
        variable = _moved_by(Path(_path(error)))
        if variable:
            return f"Set {variable} to another folder that you can write to, or free some space there."
    if error.errno in _FULL:
        disk = "the disk" if error.filename else "the disk of the temporary folder (or set TMPDIR to another folder)"
        return f"Free some space on {disk} and run the command again. No partly written file is left."
    if error.errno == errno.EFBIG or (_NO_TEMPORARY in str(error) and _no_file_may_be_written()):
        return "Raise the limit on the file size (`ulimit -f`) and run the command again."
    if error.errno in _FORBIDDEN and error.filename:
        return _permission(error, Path(_path(error)))
    if error.errno in _TOO_MANY:
        return "Raise the limit on open files (`ulimit -n`) and run the command again."
    if error.errno == errno.ENOMEM:
        return f"{_NO_MEMORY}: close other programs and run the command again."
    if _NO_TEMPORARY in str(error):
        return "Set TMPDIR to a folder that you can write to."
    return "Check the path, its permissions and the space on the disk."


def _no_file_may_be_written() -> bool:
    """Whether the limit on the file size is 0: tempfile then finds no usable folder, and does not say why."""
    return resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 0


def _moved_by(path: Path) -> str:
    """The variable that moves the user folder which ``path`` belongs to; empty for any other path."""
    folders = {
        user_folders.STATE_VARIABLE: user_folders.state_folder,
        user_folders.CACHE_VARIABLE: user_folders.cache_folder,
    }
    for variable, folder in folders.items():
        with suppress(MlctlError):
            # A folder above it may be what is refused: that of a home, say.
            if path.is_relative_to(folder()) or folder().is_relative_to(path):
                return variable
    return ""


def _permission(error: OSError, path: Path) -> str:
    # Not Path.is_file and is_dir: before Python 3.14 they raise the very error that is being explained.
    if error.errno != errno.EROFS and os.path.isfile(path) and not os.access(path, os.R_OK):  # noqa: PTH113
        return "Give yourself read permission for that file."
    folder = next((each for each in path.parents if os.path.isdir(each)), path.parent)  # noqa: PTH112
    if error.errno == errno.EROFS:
        return f"{folder} is on a read-only file system; copy the project to one that you can write to."
    return f"Give yourself write permission for {folder}, or work in a copy of the project."
