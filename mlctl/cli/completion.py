"""Shell completion of model versions and stages.

Completion runs on a key press, in any folder. It reads ``mlctl.toml``, ``.env`` and manifests, but executes nothing
in them. It ignores files that are invalid, too large or owned by someone else.
"""

import os
from contextlib import suppress
from pathlib import Path


def versions(incomplete: str) -> list[tuple[str, str]]:
    """Return the ids of model versions (the first 12 digits, with the estimator), ``latest`` and ``previous``."""
    from mlctl.registry.store import LATEST, PREVIOUS, Registry
    from mlctl.settings import load

    candidates = [(LATEST, "the version trained last")]
    # The command itself reports errors; completion must not.
    with suppress(Exception):
        folder = _folder()
        stored = Registry(folder, load(folder).project).versions()
        if len(stored) > 1:
            candidates.append((PREVIOUS, "the version before it"))
        for version in stored:
            name = version.manifest.estimator.rpartition(".")[2]
            # zsh evaluates the description, so it must be a class name.
            candidates.append((version.id[:12], name if name.isascii() and name.isidentifier() else ""))
    return [candidate for candidate in candidates if candidate[0].startswith(incomplete)]


def stages(incomplete: str) -> list[str]:
    """Return ``local`` and each ``[stage.X]`` of the project."""
    from mlctl.settings import load
    from mlctl.stages import LOCAL

    names = [LOCAL]
    with suppress(Exception):  # as above
        names += load(_folder()).stage
    return [name for name in names if name.startswith(incomplete)]


def _folder() -> Path:
    from mlctl.settings import find_project
    from mlctl.settings.project_folder import VARIABLE

    folder = os.environ.get(VARIABLE)
    return Path(folder) if folder else find_project(Path.cwd())
