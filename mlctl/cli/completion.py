"""What a shell completes: ids of model versions, and stages of the project.

Completion runs on a key press, in any folder. It reads ``mlctl.toml``, ``.env`` and manifests, executes
nothing of them, and says nothing when they are broken, too large or somebody else's.
"""

import os
from contextlib import suppress
from pathlib import Path


def versions(incomplete: str) -> list[tuple[str, str]]:
    """Ids of model versions (their first twelve digits, with the estimator), ``latest`` and ``previous``."""
    from mlctl.registry.store import LATEST, PREVIOUS, Registry
    from mlctl.settings import load

    candidates = [(LATEST, "the one trained last")]
    # A shell that completes is no place for errors; the command itself tells them.
    with suppress(Exception):
        folder = _folder()
        stored = Registry(folder, load(folder).project).versions()
        if len(stored) > 1:
            candidates.append((PREVIOUS, "the one before it"))
        for version in stored:
            name = version.manifest.estimator.rpartition(".")[2]
            # zsh evaluates what it is given: nothing but the name of a class goes there.
            candidates.append((version.id[:12], name if name.isascii() and name.isidentifier() else ""))
    return [candidate for candidate in candidates if candidate[0].startswith(incomplete)]


def stages(incomplete: str) -> list[str]:
    """``local``, and every ``[stage.X]`` of the project."""
    from mlctl.settings import load
    from mlctl.stages import LOCAL

    names = [LOCAL]
    with suppress(Exception):  # as above
        names += load(_folder()).stage
    return [name for name in names if name.startswith(incomplete)]


def _folder() -> Path:
    from mlctl.settings import find_project
    from mlctl.settings.project_folder import VARIABLE

    named = os.environ.get(VARIABLE)
    return Path(named) if named else find_project(Path.cwd())
