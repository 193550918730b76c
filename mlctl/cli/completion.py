"""What a shell completes: ids of model versions, and stages of the project."""

from pathlib import Path


def versions(incomplete: str) -> list[tuple[str, str]]:
    """Ids of model versions (their first twelve digits, with the estimator), ``latest`` and ``previous``."""
    from mlctl.errors import MlctlError
    from mlctl.model.registry import LATEST, PREVIOUS, Registry
    from mlctl.settings import find_project, load

    folder = find_project(Path.cwd())
    found = [(LATEST, "the one trained last")]
    try:
        there = Registry(folder, load(folder).project).versions()
        if len(there) > 1:
            found.append((PREVIOUS, "the one before it"))
        for version in there:
            name = version.manifest.estimator.rpartition(".")[2]
            # zsh evaluates what it is given: nothing but the name of a class goes there.
            found.append((version.id[:12], name if name.isascii() and name.isidentifier() else ""))
    except MlctlError:
        pass  # a shell that completes is no place for errors; the command itself will tell
    return [each for each in found if each[0].startswith(incomplete)]


def stages(incomplete: str) -> list[str]:
    """``local``, and every ``[stage.X]`` of the project."""
    from mlctl.errors import MlctlError
    from mlctl.settings import find_project, load
    from mlctl.stages import LOCAL

    try:
        names = [LOCAL, *load(find_project(Path.cwd())).stage]
    except MlctlError:
        names = [LOCAL]
    return [name for name in names if name.startswith(incomplete)]
