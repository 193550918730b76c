"""``mlctl models export`` and ``import``: a version as one file, and back, every digest checked."""

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from mlctl.errors import ExitCode, MlctlError
from mlctl.files import sha256, write_atomic
from mlctl.model import manifest as manifests
from mlctl.model.manifest import Manifest
from mlctl.model.registry import LATEST, Registry
from mlctl.packaging import archive
from mlctl.settings import Settings

# A zip may claim to unpack to anything; a version of more than this is not read.
MAX_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class Transferred:
    """A version and the file that it went to or came from; ``created`` is false when it was here already."""

    version: str
    path: Path
    created: bool = True


def export(
    project_folder: Path, settings: Settings, *, version: str = LATEST, output: Path | None = None
) -> Transferred:
    """Write a version, after every byte of it was checked, to one zip: the same version gives the same bytes."""
    found = Registry(project_folder, settings.project).get(version)
    found.check()
    files = {name: found.read(name) for name in found.manifest.files}
    files[manifests.FILE_NAME] = found.manifest.to_bytes()
    path = output or project_folder / f"{settings.project}-{found.id[:12]}.mlctl.zip"
    write_atomic(path, archive.write(files))
    return Transferred(version=found.id, path=path)


def import_(project_folder: Path, settings: Settings, path: Path) -> Transferred:
    """Add the version in an exported file. Nothing in it is executed: the pickle is kept, not opened.

    Raises MlctlError: exit 3 for a file that is no export, was changed, or is of another project, exit 6 for none.
    """
    if not path.is_file():
        raise MlctlError(
            f"There is no file {path}.",
            code="export_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint="Give what `mlctl models export` wrote.",
        )
    try:
        files = _read(path)
        manifest = Manifest.from_document(json.loads(files.pop(manifests.FILE_NAME)))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise _refused(path, f"is not an exported model version: {error}") from None
    wrong = sorted({*files} ^ {*manifest.files})
    wrong += [name for name in sorted({*files} & {*manifest.files}) if sha256(files[name]) != manifest.files[name]]
    if wrong:
        raise _refused(path, f"was changed since it was exported: {wrong[0]} is not what its manifest says")
    if manifest.project != settings.project:
        raise _refused(
            path,
            f"is of project '{manifest.project}', not '{settings.project}'",
            f'Set project = "{manifest.project}" in mlctl.toml, if it is the same project; nothing was added.',
        )
    version, created = Registry(project_folder, settings.project).write(manifest, files)
    return Transferred(version=version.id, path=path, created=created)


def _read(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as opened:
        if sum(entry.file_size for entry in opened.infolist()) > MAX_BYTES:
            raise ValueError("it is too large")
        return {entry.filename: opened.read(entry) for entry in opened.infolist()}


def _refused(
    path: Path, why: str, hint: str = "Export it again with `mlctl models export`; nothing was added."
) -> MlctlError:
    return MlctlError(
        f"{path} {why}.",
        code="import_refused",
        exit_code=ExitCode.BAD_INPUT,
        hint=hint,
    )
