"""Finds the project folder, and refuses a project of another user.

The rule is that of git's ``safe.directory`` (https://git-scm.com/docs/git-config#Documentation/git-config.txt-safedirectory):
mlctl uses a folder that it finds only if nobody but the user, or root, can have created it. A folder that the user
names with ``-C FOLDER`` or ``MLCTL_PROJECT_DIR`` is used whoever owns it.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from mlctl.errors import ExitCode, MlctlError

VARIABLE = "MLCTL_PROJECT_DIR"


def find(start: Path, name: str, others: Iterable[str] = ()) -> Path:
    """The nearest folder at or above ``start`` with a regular file ``name``, else ``start``.

    The search ends at the home folder of the user and, like git's, at the boundary of the file system.

    The file and its folder must belong to the user, to root, or to the user that ran ``sudo``. A folder of another user
    that everybody can write to, such as ``/tmp``, is refused. Without such a file, the same rule applies to ``others``
    in ``start``, which mlctl reads too. Raises MlctlError (``project_not_owned``, exit 2).
    """
    for folder in _upwards(start):
        if _is_file(folder / name):
            _check_owner(folder)
            if _is_writable_by_all(folder):
                raise _not_owned(folder, f"{folder} is not yours, and everybody can write to it")
            _check_owner(folder / name)
            for other in others:
                _check_owner(folder / other)
            return folder
    for other in (name, *others):
        _check_owner(start / other)
    return start


def _upwards(start: Path) -> Iterable[Path]:
    """Yield ``start`` and the folders above it up to the end of the search."""
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
        return None  # no home folder: the search ends at the root


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


def _trusted_users() -> set[int]:
    """The ids of the users whose files mlctl uses."""
    ids = {os.geteuid(), 0}
    by_sudo = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and by_sudo.isascii() and by_sudo.isdecimal():
        ids.add(int(by_sudo))
    return ids


def _check_owner(path: Path) -> None:
    """Check the owner of a path; for a link, of the link and of its target."""
    try:
        owners = {path.lstat().st_uid, path.stat().st_uid}
    except OSError:
        return  # the path does not exist, or reading it reports the error
    if owners - _trusted_users():
        raise _not_owned(path if path.is_dir() else path.parent, f"{path} belongs to another user")


def _is_writable_by_all(folder: Path) -> bool:
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
