"""Which folder is the project, when the user does not name one, and whether its files may decide what mlctl does.

The rule is that of git's ``safe.directory`` (https://git-scm.com/docs/git-config#Documentation/git-config.txt-safedirectory):
a folder that mlctl comes upon counts only if nobody but the user, or root, could have put it there. ``-C FOLDER`` and
``MLCTL_PROJECT_DIR`` name a folder, which is then taken whoever owns it.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from mlctl.errors import ExitCode, MlctlError

VARIABLE = "MLCTL_PROJECT_DIR"


def find(start: Path, name: str, others: Iterable[str] = ()) -> Path:
    """The nearest folder at or above ``start`` that holds a regular file ``name``, else ``start``.

    The search ends at the user's home folder and, as git's does, where another file system begins.

    The file and its folder must belong to the user, to root, or to the user that ran ``sudo``; a folder that belongs
    to another and that everybody may write to, such as ``/tmp``, does not count. Without such a file, the same holds
    for ``others`` in ``start``, which are read there too. Raises MlctlError (``project_not_owned``, exit 2).
    """
    for folder in _upwards(start):
        if _is_file(folder / name):
            _check_owner(folder)
            if _writable_by_all(folder):
                raise _not_owned(folder, f"{folder} is not yours, and everybody can write to it")
            _check_owner(folder / name)
            for other in others:
                _check_owner(folder / other)
            return folder
    for other in (name, *others):
        _check_owner(start / other)
    return start


def _upwards(start: Path) -> Iterable[Path]:
    """``start`` and the folders above it in which a project is looked for."""
    home, device = _home(), _device(start)
    for folder in (start, *start.parents):
        if _device(folder) != device:
            return
        yield folder
        if folder == home:
            return


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):
        return None  # there is none: the search ends at the root


def _device(folder: Path) -> int | None:
    try:
        return folder.stat().st_dev
    except OSError:
        return None


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _trusted() -> set[int]:
    """The ids of the users whose files count."""
    ids = {os.geteuid(), 0}
    by_sudo = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and by_sudo.isascii() and by_sudo.isdecimal():
        ids.add(int(by_sudo))
    return ids


def _check_owner(path: Path) -> None:
    """Of a link, both it and what it leads to."""
    try:
        owners = {path.lstat().st_uid, path.stat().st_uid}
    except OSError:
        return  # it is not there; what cannot be read is told when it is read
    if owners - _trusted():
        raise _not_owned(path if path.is_dir() else path.parent, f"{path} belongs to another user")


def _writable_by_all(folder: Path) -> bool:
    try:
        status = folder.stat()
    except OSError:
        return False
    return status.st_uid != os.geteuid() and bool(status.st_mode & stat.S_IWOTH)


def _not_owned(folder: Path, why: str) -> MlctlError:
    return MlctlError(
        f"mlctl does not use the project in {folder}: {why}.",
        code="project_not_owned",
        exit_code=ExitCode.USAGE,
        hint=f"If you trust its files, name the folder: `mlctl -C {folder} …`, or set {VARIABLE}.",
    )
