"""Digests of the input files of a model version, which show a change without training again."""

from collections.abc import Mapping
from pathlib import Path

from mlctl.files import sha256_of_file
from mlctl.settings import Settings

_NOT_LOCAL = ("-", "s3://")


def fingerprints(settings: Settings, folder: Path) -> dict[str, str] | None:
    """The current SHA-256 by path of the data file and of the user's pipeline module.

    None if the data is neither a local file nor a built-in dataset: only reading it can show a change.
    """
    if settings.data.source.startswith(_NOT_LOCAL):
        return None
    candidates = [settings.data.source]
    if settings.model.pipeline:
        candidates.append(settings.model.pipeline.partition(":")[0].replace(".", "/") + ".py")
    return {name: sha256_of_file(folder / name) for name in candidates if (folder / name).is_file()}


def changed_code(recorded: Mapping[str, str] | None, folder: Path) -> list[str]:
    """The recorded modules of the project that have changed since; a version runs their current code."""
    return [
        name
        for name, digest in (recorded or {}).items()
        if name.endswith(".py") and (folder / name).is_file() and sha256_of_file(folder / name) != digest
    ]
