"""The files that a model version was made of, so that a change in one is seen without training again."""

from collections.abc import Mapping
from pathlib import Path

from mlctl.files import sha256_of_file
from mlctl.settings import Settings

_ELSEWHERE = ("-", "s3://")


def fingerprints(settings: Settings, folder: Path) -> dict[str, str] | None:
    """SHA-256 by path of the data and of the user's own pipeline module, as they are now.

    None where the data is neither a file here nor a built-in set: then only reading it would tell.
    """
    if settings.data.source.startswith(_ELSEWHERE):
        return None
    candidates = [settings.data.source]
    if settings.model.pipeline:
        candidates.append(settings.model.pipeline.partition(":")[0].replace(".", "/") + ".py")
    return {name: sha256_of_file(folder / name) for name in candidates if (folder / name).is_file()}


def changed_code(recorded: Mapping[str, str] | None, folder: Path) -> list[str]:
    """The modules of the project among ``recorded`` that are not what they were: a version runs them as they are."""
    return [
        name
        for name, digest in (recorded or {}).items()
        if name.endswith(".py") and (folder / name).is_file() and sha256_of_file(folder / name) != digest
    ]
