"""The registry: the only reader and writer of ``artifacts/<project>/``.

A version is a folder named by its id. It is written under a temporary name and renamed, so it is
whole or absent; every byte that is read from it has matched its SHA-256 first. What is not part of
the identity (times) stands beside it in ``<id>.info.json``.
"""

import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock

from mlctl.disk import errors_named
from mlctl.errors import ExitCode, MlctlError
from mlctl.files import canonical_json, sha256, write_atomic
from mlctl.model import manifest as manifests
from mlctl.model.manifest import Manifest

FOLDER = "artifacts"
LATEST = "latest"
PREVIOUS = "previous"
_TEMPORARY = ".new-"
_ID = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Origin:
    """Where a version came from, as far as is known; no part of its identity.

    ``source``: where its data lay; ``base``: the settings it was last trained with, less what flags had
    changed; ``files``: SHA-256 by path of the files that it was made of.
    """

    source: str | None = None
    base: dict[str, Any] | None = None
    files: dict[str, str] | None = None


@dataclass(frozen=True)
class ModelVersion:
    """One version on disk. ``created_at`` and ``trained_at`` are RFC 3339 times in UTC."""

    id: str
    path: Path
    created_at: str
    trained_at: str
    origin: Origin = Origin()

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest, after its digest matched the id. Raises MlctlError (exit 4)."""
        data = self._bytes(manifests.FILE_NAME)
        if sha256(data) != self.id:
            raise self._changed(manifests.FILE_NAME)
        try:
            return Manifest.from_document(json.loads(data))
        except (KeyError, ValueError) as error:
            raise MlctlError(
                f"Model version {self.id[:12]} cannot be read: {error}.",
                code="version_unreadable",
                exit_code=ExitCode.VERIFICATION,
                hint="It was written by another release of mlctl; train again.",
            ) from None

    def read(self, name: str) -> bytes:
        """The bytes of one file, after their SHA-256 matched the manifest. Raises MlctlError (exit 4)."""
        data = self._bytes(name)
        if sha256(data) != self.manifest.files.get(name):
            raise self._changed(name)
        return data

    def read_json(self, name: str) -> Any:
        """The content of one JSON file, verified like ``read``."""
        return json.loads(self.read(name))

    def load_pipeline(self) -> Any:
        """The fitted scikit-learn pipeline.

        The pickle is opened only after every byte of the version matched and the library versions
        agree: a pickle is a program, and scikit-learn promises nothing across versions. Raises
        MlctlError (exit 4).
        """
        self.check()
        data = self.read("model.joblib")
        here, there = manifests.library_versions(), self.manifest.libraries
        for name in there:
            if _series(name, here.get(name, "")) != _series(name, there[name]):
                raise MlctlError(
                    f"Model version {self.id[:12]} was trained with {name} {there[name]}; "
                    f"installed here is {here.get(name, 'none')}.",
                    code="library_mismatch",
                    exit_code=ExitCode.VERIFICATION,
                    hint=f"Install {name}=={there[name]}, or run `mlctl train` to make a version with what is here.",
                )
        import joblib

        from mlctl.model.pipeline import project_modules

        # A pipeline of the user's own may name functions of the project's modules.
        with project_modules(self.path.parents[2]):
            return self._unpickled(joblib, data)

    def _unpickled(self, joblib: Any, data: bytes) -> Any:
        try:
            return joblib.load(io.BytesIO(data))
        except Exception as error:
            # The project's own module runs now, and may raise anything.
            raise MlctlError(
                f"Model version {self.id[:12]} needs code that is not here, or fails: {type(error).__name__}: {error}.",
                code="code_missing",
                exit_code=ExitCode.VERIFICATION,
                hint="It was made with a pipeline of the project's own; restore that module in the project's folder.",
            ) from error

    def problems(self) -> list[str]:
        """Every way in which the folder differs from the manifest; empty when it is intact."""
        try:
            expected = self.manifest.files
        except MlctlError as error:
            return [error.message]
        found = []
        for name in sorted(expected):
            try:
                self.read(name)
            except MlctlError as error:
                found.append(error.message)
        strangers = sorted({each.name for each in self.path.iterdir()} - {*expected, manifests.FILE_NAME})
        return found + [f"{name} does not belong to model version {self.id[:12]}." for name in strangers]

    def check(self) -> None:
        """Raise MlctlError (exit 4) with all that differs from the manifest, if anything does."""
        problems = self.problems()
        if problems:
            raise MlctlError(
                "\n".join(problems),
                code="version_corrupt",
                exit_code=ExitCode.VERIFICATION,
                hint=f"Delete {self.path} and run `mlctl train`: the same settings give the same version.",
            )

    def _bytes(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError:
            raise self._changed(name, "is missing from") from None

    def _changed(self, name: str, what: str = "was changed in") -> MlctlError:
        return MlctlError(
            f"{name} {what} model version {self.id[:12]} since it was written; nothing of it was opened.",
            code="version_corrupt",
            exit_code=ExitCode.VERIFICATION,
            hint=f"Delete {self.path} and run `mlctl train`: the same settings give the same version.",
        )


class Registry:
    """The versions of one project."""

    def __init__(self, project_folder: Path, project: str) -> None:
        self.folder = project_folder / FOLDER / project
        self._project = project

    def versions(self) -> list[ModelVersion]:
        """All versions, the newest first; one that was trained again counts as new."""
        if not self.folder.is_dir():
            return []
        found = [
            self._version(entry.name) for entry in self.folder.iterdir() if _ID.fullmatch(entry.name) and entry.is_dir()
        ]
        return sorted(found, key=lambda version: (version.trained_at, version.id), reverse=True)

    def get(self, reference: str = LATEST) -> ModelVersion:
        """The version that an id, the beginning of one, ``latest`` or ``previous`` names.

        ``previous`` is the one before the latest. Raises MlctlError (exit 6).
        """
        versions = self.versions()
        if not versions:
            raise MlctlError(
                f"Project '{self._project}' has no model version yet.",
                code="no_version",
                exit_code=ExitCode.NOT_FOUND,
                hint="Run `mlctl train` to make one.",
            )
        if reference == LATEST:
            return versions[0]
        if reference == PREVIOUS:
            if len(versions) > 1:
                return versions[1]
            raise MlctlError(
                f"There is one model version only, {versions[0].id[:12]}: none is before it.",
                code="version_not_found",
                exit_code=ExitCode.NOT_FOUND,
                hint="Train another, such as `mlctl train -p n_estimators=300`.",
            )
        matching = [version for version in versions if reference and version.id.startswith(reference.lower())]
        if len(matching) == 1:
            return matching[0]
        what = f"{len(matching)} model versions begin" if matching else "No model version begins"
        raise MlctlError(
            f"{what} with '{reference}'.",
            code="version_ambiguous" if matching else "version_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint="Give more characters of the id." if matching else "`mlctl models` lists what there is.",
        )

    def write(
        self,
        manifest: Manifest,
        files: Mapping[str, bytes],
        origin: Origin = Origin(),
    ) -> tuple[ModelVersion, bool]:
        """Add a version; ``(version, False)`` when it was there already.

        ``files`` are its files without the manifest. Raises OSError when the disk refuses; then nothing is left of it.
        """
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".lock"):
            for leftover in self.folder.glob(f"{_TEMPORARY}*"):
                shutil.rmtree(leftover, ignore_errors=True)
            target = self.folder / manifest.id
            is_new = not target.is_dir()
            if is_new:
                with errors_named(self.folder):
                    self._write_folder(target, {**files, manifests.FILE_NAME: manifest.to_bytes()})
            created_at = now if is_new else self._version(manifest.id).created_at
            info = {"created_at": created_at, "trained_at": now, **asdict(origin)}
            write_atomic(self._info_path(manifest.id), canonical_json(info))
        return self._version(manifest.id), is_new

    def delete(self, version: ModelVersion) -> None:
        """Remove a version: it is renamed away first, so that at no moment half of it is there."""
        with FileLock(self.folder / ".lock"):
            doomed = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self.folder))
            version.path.rename(doomed / version.id)
            self._info_path(version.id).unlink(missing_ok=True)
            shutil.rmtree(doomed, ignore_errors=True)

    def _write_folder(self, target: Path, files: Mapping[str, bytes]) -> None:
        temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self.folder))
        try:
            for name, data in files.items():
                with (temporary / name).open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            temporary.chmod(0o755)
            temporary.rename(target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _info_path(self, version_id: str) -> Path:
        return self.folder / f"{version_id}.info.json"

    def _version(self, version_id: str) -> ModelVersion:
        path = self.folder / version_id
        try:
            info = json.loads(self._info_path(version_id).read_bytes())
            created_at, trained_at = str(info["created_at"]), str(info["trained_at"])
            origin = Origin(**{name: info.get(name) for name in Origin.__dataclass_fields__})
        except (OSError, ValueError, KeyError):
            # Killed between the two writes, or copied without it: the folder's own time will do.
            stamp = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            created_at = trained_at = stamp.isoformat(timespec="microseconds")
            origin = Origin()
        return ModelVersion(id=version_id, path=path, created_at=created_at, trained_at=trained_at, origin=origin)


def _series(name: str, version: str) -> str:
    """The part of a version that must agree: all of it, but for Python, whose patch releases do not matter."""
    return ".".join(version.split(".")[:2]) if name == "python" else version
