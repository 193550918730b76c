"""Writes a model version to one file and reads it back, for ``mlctl models export`` and ``import``."""

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

# The maximum unpacked size of a version.
MAX_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class Transferred:
    """A version and its file. ``created``: false if an imported version already exists."""

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
    """Check every byte of a version and write it to one zip file. The same version gives the same bytes.

    Raises the errors of ``check_output`` for the path.
    """
    model = Registry(project_folder, settings.project, report).get(version)
    path = output or project_folder / f"{settings.project}-{model.id[:12]}.mlctl.zip"
    check_output(project_folder, path, FOLDER)
    model.check()
    files = {name: model.read(name) for name in model.manifest.files}
    files[manifests.FILE_NAME] = model.manifest.to_bytes()
    data = archive.write(files)
    if sum(map(len, files.values())) > unzip.unpacks_to(len(data)):
        # A model with many zeros compresses so well that `models import` would reject the file.
        data = archive.write(files, method=zipfile.ZIP_STORED)
    write_atomic(path, data)
    return Transferred(version=model.id, path=path)


def import_(project_folder: Path, settings: Settings, path: Path, *, trusted: bool = False) -> Transferred:
    """Add the version in an exported file. Runs no code from it: the pickle is stored, not opened.

    ``trusted``: record that mlctl may open its pickle later. mlctl generates the code again from the portable model,
    and the code in the file must be the same. Raises MlctlError: exit 3 for a file that is not an export, was changed,
    or belongs to another project; exit 6 if there is no such file.
    """
    if not _may_exist(path):
        raise MlctlError(
            f"There is no file {path}.",
            code="export_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint="Give a file that `mlctl models export` wrote.",
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
        return True  # opening the file raises the error


def _files(path: Path, opened: Archive, manifest: Manifest) -> dict[str, bytes]:
    """Return the files in the manifest. Raises MlctlError or ValueError for a file that does not match it."""
    different = sorted(opened.names - {manifests.FILE_NAME} ^ {*manifest.files})
    if different:
        raise _changed(path, different[0])
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
        code = build.generated(files[build.PORTABLE_FILE], manifest.portable["parity"])
    except ValueError as error:
        raise ValueError(f"{build.PORTABLE_FILE}: {error}") from None
    if files.get(build.GENERATED_FILE, code) != code:
        # mlctl never runs this code, but a file with one change may have others.
        raise _refused(
            path,
            f"has a {build.GENERATED_FILE} that this mlctl does not generate from {build.PORTABLE_FILE}: "
            "it was changed, or written by another release of mlctl",
            "Train and export the version with this release of mlctl; nothing was added.",
        )


def _changed(path: Path, name: str) -> MlctlError:
    return _refused(path, f"was changed since it was exported: {name} does not match its manifest")


def _refused(
    path: Path, reason: str, hint: str = "Export it again with `mlctl models export`; nothing was added."
) -> MlctlError:
    return MlctlError(
        f"{path} {reason}.",
        code="import_refused",
        exit_code=ExitCode.BAD_INPUT,
        hint=hint,
    )
