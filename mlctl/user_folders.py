"""The cache and state folders of the user, outside of any project.

A project folder can come from anywhere, so mlctl stores nothing there that it executes, unpickles or trusts.
"""

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import platformdirs

from mlctl.errors import ExitCode, MlctlError

CACHE_VARIABLE = "MLCTL_CACHE_DIR"
STATE_VARIABLE = "MLCTL_STATE_DIR"


def cache_folder() -> Path:
    """The folder for files that can be recreated: ``MLCTL_CACHE_DIR``, or the user's cache folder.

    Raises MlctlError: exit 2 if the variable holds a relative path, exit 1 if the user has no home folder.
    """
    return _from_environment(CACHE_VARIABLE) or _default_folder(platformdirs.user_cache_path)


def state_folder() -> Path:
    """The folder for state: ``MLCTL_STATE_DIR``, or the user's state folder.

    Raises MlctlError: exit 2 if the variable holds a relative path, exit 1 if the user has no home folder.
    """
    return _from_environment(STATE_VARIABLE) or _default_folder(platformdirs.user_state_path)


def project_state(project_folder: Path) -> Path:
    """The folder for the state of one project, keyed by the project's real path. It may not exist yet."""
    real = os.fsencode(project_folder.resolve())
    return state_folder() / "projects" / hashlib.sha256(real).hexdigest()[:32]


def private_folder(path: Path) -> Path:
    """Create ``path`` with mode 0700 if it is missing, and check that no other user can change its content.

    Raises MlctlError (exit 1) if it cannot be created, is not a folder, belongs to another user, or if other
    users may write to it.
    """
    try:
        # `parents=True` would make the folders above with the mode that the umask leaves: others could move this one.
        for folder in (*reversed(path.parents), path):
            folder.mkdir(exist_ok=True, mode=0o700)
        # The umask or an older release may have left another mode.
        status = path.stat()
        if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) != 0o700:
            path.chmod(0o700)
    except OSError as error:
        raise _unusable(path, f"cannot be used: {error.strerror or error}") from error
    if status.st_uid != os.geteuid():
        raise _unusable(path, "belongs to another user")
    return path


def _from_environment(variable: str) -> Path | None:
    text = os.environ.get(variable)
    if not text:
        return None
    path = Path(text)
    if not path.is_absolute():
        # A relative path depends on the current folder: in a foreign one, mlctl would execute its files.
        raise MlctlError(
            f"{variable} is the relative path '{text}'.",
            code="settings_invalid",
            exit_code=ExitCode.USAGE,
            hint="Set it to an absolute path.",
        )
    return path


def _default_folder(folder: Callable[[str], Path]) -> Path:
    """The folder by the conventions of the operating system."""
    try:
        path = folder("mlctl")
    except RuntimeError:
        path = Path()
    # Older releases of platformdirs keep "~", which would be relative to the current folder.
    if not path.is_absolute():
        raise MlctlError(
            "Your home folder is unknown: HOME is not an absolute path, and the system does not know this user.",
            code="user_folder_unusable",
            exit_code=ExitCode.UNEXPECTED,
            hint=f"Set HOME, or set {STATE_VARIABLE} and {CACHE_VARIABLE} to absolute paths.",
        )
    return path


def _unusable(path: Path, why: str) -> MlctlError:
    return MlctlError(
        f"The folder {path} {why}.",
        code="user_folder_unusable",
        exit_code=ExitCode.UNEXPECTED,
        hint=f"Set {STATE_VARIABLE} and {CACHE_VARIABLE} to folders that only you can write to.",
    )
