"""Model versions made up for tests: their digests all agree, whatever stands in them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlctl.files import canonical_json, sha256
from mlctl.registry.store import ModelVersion


def files_of(version: ModelVersion) -> dict[str, bytes]:
    """All files of a version."""
    return {path.name: path.read_bytes() for path in version.path.iterdir()}


def forged(
    version: ModelVersion, changed: Mapping[str, bytes | None] | None = None, **facts: Any
) -> tuple[str, dict[str, bytes]]:
    """The id and the files of a copy of ``version`` with other files (None: without) and facts in its manifest."""
    files = files_of(version)
    document: dict[str, Any] = json.loads(files.pop("manifest.json")) | facts
    for name, data in (changed or {}).items():
        if data is None:
            del files[name]
        else:
            files[name] = data
    document["files"] = facts.get("files", {name: sha256(data) for name, data in files.items()})
    manifest = canonical_json(document)
    return sha256(manifest), {**files, "manifest.json": manifest}


def planted(
    folder: Path, version: ModelVersion, changed: Mapping[str, bytes | None] | None = None, **facts: Any
) -> str:
    """The id of a forged version that lies in ``folder``, the registry's, as if it had come with the project."""
    version_id, files = forged(version, changed, **facts)
    (folder / version_id).mkdir()
    for name, data in files.items():
        (folder / version_id / name).write_bytes(data)
    return version_id


class Canary:
    """Its pickle writes the file ``path`` when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.path,)
