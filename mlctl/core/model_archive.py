"""``mlctl models export`` and ``import``: a version as one file, and back, everything in it checked."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

from mlctl.errors import ExitCode, MlctlError
from mlctl.files import check_output, sha256, write_atomic
from mlctl.packaging import archive, build, unzip
from mlctl.packaging.unzip import Archive
from mlctl.progress import Report, silent
from mlctl.registry import manifest as manifests
from mlctl.registry import strict_json, trust, validation
from mlctl.registry.manifest import Manifest
from mlctl.registry.store import FOLDER, LATEST, Registry
from mlctl.registry.version import MAX_DOCUMENT_BYTES, MAX_MANIFEST_BYTES
from mlctl.settings import Settings

# A version of more than this is not read, however well it compresses.
MAX_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class Transferred:
    """A version and the file that it went to or came from; ``created`` is false when it was here already."""

    version: str
    path: Path
    created: bool = True


def export(
    project_folder: Path,
    settings: Settings,
    *,
    version: str = LATEST,
    output: Path | None = None,
    report: Report = silent,
) -> Transferred:
    """Write a version, after every byte of it was checked, to one zip: the same version gives the same bytes.

    Raises MlctlError as ``check_output`` does of the path.
    """
    found = Registry(project_folder, settings.project, report).get(version)
    path = output or project_folder / f"{settings.project}-{found.id[:12]}.mlctl.zip"
    check_output(project_folder, path, FOLDER)
    found.check()
    files = {name: found.read(name) for name in found.manifest.files}
    files[manifests.FILE_NAME] = found.manifest.to_bytes()
    data = archive.write(files)
    if sum(map(len, files.values())) > unzip.unpacks_to(len(data)):
        # A model of many zeros compresses as no import would believe.
        data = archive.write(files, method=zipfile.ZIP_STORED)
    write_atomic(path, data)
    return Transferred(version=found.id, path=path)


def import_(project_folder: Path, settings: Settings, path: Path, *, trusted: bool = False) -> Transferred:
    """Add the version in an exported file. Nothing in it is executed: the pickle is kept, not opened.

    ``trusted``: record that its pickle may be opened later. Generated code is made again from the portable model and
    must be what the file holds. Raises MlctlError: exit 3 for a file that is no export, was changed, or is of another
    project, exit 6 for none.
    """
    if not _may_exist(path):
        raise MlctlError(
            f"There is no file {path}.",
            code="export_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint="Give what `mlctl models export` wrote.",
        )
    try:
        with unzip.opened(path, MAX_BYTES) as opened:
            data = opened.read(manifests.FILE_NAME, limit=MAX_MANIFEST_BYTES)
            manifest = Manifest.from_document(strict_json.parsed(data))
            if manifest.project != settings.project:
                raise _refused(
                    path,
                    f"belongs to project '{manifest.project}', not '{settings.project}'",
                    f'If it is the same project, set project = "{manifest.project}" in mlctl.toml; nothing was added.',
                )
            manifest.check_canonical(data)
            files = _files(path, opened, manifest)
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}", "Nothing was added.") from None
    except ValueError as error:
        raise _refused(path, f"is not an exported model version: {error}") from None
    version, created = Registry(project_folder, settings.project).write(manifest, files)
    if trusted:
        trust.record(version.id, files["model.joblib"], project_folder)
    return Transferred(version=version.id, path=path, created=created)


def _may_exist(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return True  # opening it tells why it cannot be looked at


def _files(path: Path, opened: Archive, manifest: Manifest) -> dict[str, bytes]:
    """The files that the manifest lists. Raises MlctlError or ValueError where one is not what it should be."""
    wrong = sorted(opened.names - {manifests.FILE_NAME} ^ {*manifest.files})
    if wrong:
        raise _changed(path, wrong[0])
    files: dict[str, bytes] = {}
    for name in sorted(manifest.files):
        files[name] = opened.read(name, limit=MAX_DOCUMENT_BYTES if name in validation.DOCUMENTS else None)
        if sha256(files[name]) != manifest.files[name]:
            raise _changed(path, name)
    documents = {name: _document(name, files[name]) for name in validation.DOCUMENTS}
    for name, document in documents.items():
        try:
            validation.check_document(name, document, lambda: documents["schema.json"])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    _check_code(path, manifest, files)
    return files


def _document(name: str, data: bytes) -> object:
    try:
        return strict_json.parsed(data)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _check_code(path: Path, manifest: Manifest, files: dict[str, bytes]) -> None:
    if build.PORTABLE_FILE not in files:
        return
    try:
        made = build.generated(files[build.PORTABLE_FILE], manifest.portable["parity"])
    except ValueError as error:
        raise ValueError(f"{build.PORTABLE_FILE}: {error}") from None
    if files.get(build.GENERATED_FILE, made) != made:
        # It would never be executed. It is refused all the same: what was tampered with once may be so elsewhere.
        raise _refused(
            path,
            f"holds a {build.GENERATED_FILE} that this mlctl does not generate from {build.PORTABLE_FILE}: "
            "it was changed, or written by another release of mlctl",
            "Train and export the version with this release of mlctl; nothing was added.",
        )


def _changed(path: Path, name: str) -> MlctlError:
    return _refused(path, f"was changed since it was exported: {name} does not match its manifest")


def _refused(
    path: Path, why: str, hint: str = "Export it again with `mlctl models export`; nothing was added."
) -> MlctlError:
    return MlctlError(
        f"{path} {why}.",
        code="import_refused",
        exit_code=ExitCode.BAD_INPUT,
        hint=hint,
    )
