"""Environment variables of the processes that a stage starts, without any that a project can set."""

import os
from pathlib import Path

# Made for mlctl's processes alone: nobody else reads what they write.
PRIVATE_UMASK = 0o077
# The interpreter ignores PYTHON*, does not look into the current folder, and knows no packages of the user's.
ISOLATED = "-I"
_INDEX_OPTIONS = frozenset(
    f"PIP_{name}"
    for name in (
        "CACHE_DIR",
        "CERT",
        "CLIENT_CERT",
        "CONFIG_FILE",
        "DEFAULT_TIMEOUT",
        "EXTRA_INDEX_URL",
        "FIND_LINKS",
        "INDEX_URL",
        "KEYRING_PROVIDER",
        "NO_CACHE_DIR",
        "NO_INDEX",
        "PROXY",
        "RETRIES",
        "TIMEOUT",
        "TRUSTED_HOST",
        "USE_DEPRECATED",
        "USE_FEATURE",
    )
)
# What makes a loader or an interpreter execute something, pip's options but those for its index, and credentials.
_KEPT_FROM_PIP = ("PYTHON", "LD_", "DYLD_", "PIP_", "VIRTUAL_ENV", "AWS_", "MLCTL_")


def search_path(project_folder: Path | None = None) -> str:
    """PATH without relative folders and without those of the project."""
    project = project_folder.resolve() if project_folder else None
    folders = [
        folder
        for folder in os.environ.get("PATH", "").split(os.pathsep)
        if Path(folder).is_absolute() and not (project and Path(folder).resolve().is_relative_to(project))
    ]
    return os.pathsep.join(folders) or os.defpath


def installing_environment() -> dict[str, str]:
    """The environment of pip: the user's, with what tells where packages come from."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _INDEX_OPTIONS or not name.startswith(_KEPT_FROM_PIP)
    }
    return kept | {"PATH": search_path()}
