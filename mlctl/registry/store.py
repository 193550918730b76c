"""The registry: the only reader and writer of ``artifacts/<project>/``.

A version is a folder named after its id. It is written under a temporary name and then renamed, so it is either
complete or absent. ``<id>.info.json`` beside it holds what is not part of the identity: times and the training
order. The folder can come from elsewhere, so the registry follows no symbolic link below ``artifacts``, and none
that leads out of the project.
"""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from mlctl.disk import errors_named
from mlctl.errors import ExitCode, MlctlError
from mlctl.files import refuse_links_out, sweep, write_atomic
from mlctl.progress import Event, Report, silent
from mlctl.registry import info as infos
from mlctl.registry import manifest as manifests
from mlctl.registry.info import MAX_SEQUENCE, UNKNOWN, Info, Origin
from mlctl.registry.manifest import Manifest
from mlctl.registry.version import ModelVersion

__all__ = ["FOLDER", "LATEST", "PREVIOUS", "ModelVersion", "Origin", "Registry"]

FOLDER = "artifacts"
LATEST = "latest"
PREVIOUS = "previous"
_TEMPORARY = ".new-"
_LOCK = ".lock"
# Writing a version takes about a second.
_LOCK_SECONDS = 60.0
_INFO = ".info.json"
_ID = re.compile("[0-9a-f]{64}")


class Registry:
    """The versions of one project. ``report`` gets a warning if ``latest`` or ``previous`` skips a version."""

    def __init__(self, project_folder: Path, project: str, report: Report = silent) -> None:
        self.folder = project_folder / FOLDER / project
        self._project = project
        self._report = report

    def versions(self) -> list[ModelVersion]:
        """All versions, readable or not, the newest first. Training a version again makes it the newest.

        The order is the recorded training order. Versions without a record come last, ordered by time. Raises
        MlctlError (exit 3) if the folder is a symbolic link that mlctl does not follow.
        """
        self._refuse_links()
        try:
            names = [path.name for path in self.folder.iterdir() if _ID.fullmatch(path.name)]
        except FileNotFoundError:
            return []
        versions = [self._version(name) for name in names]
        return sorted(versions, key=lambda item: (item.sequence or 0, item.trained_at, item.id), reverse=True)

    def get(self, reference: str = LATEST) -> ModelVersion:
        """The version for an id, the beginning of an id, ``latest`` or ``previous``.

        ``latest`` is the newest readable version, ``previous`` the readable one before it. Raises MlctlError (exit 6).
        """
        versions = self.versions()
        if not versions:
            raise MlctlError(
                f"Project '{self._project}' has no model version yet.",
                code="no_version",
                exit_code=ExitCode.NOT_FOUND,
                hint="Run `mlctl train` to make one.",
            )
        if reference in (LATEST, PREVIOUS):
            return self._newest(versions, reference)
        matching = [version for version in versions if reference and version.id.startswith(reference.lower())]
        if len(matching) == 1:
            return matching[0]
        matches = f"{len(matching)} model versions begin" if matching else "No model version begins"
        raise MlctlError(
            f"{matches} with '{reference}'.",
            code="version_ambiguous" if matching else "version_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint="Use more characters of the id." if matching else "`mlctl models` lists the versions.",
        )

    def _newest(self, versions: list[ModelVersion], reference: str) -> ModelVersion:
        position = 1 if reference == LATEST else 2
        readable: list[ModelVersion] = []
        for version in versions:
            problem = version.unreadable
            if problem is None:
                readable.append(version)
                if len(readable) == position:
                    return version
            else:
                self._report(Event("warning", "models", f"{reference} skips a version: {problem}"))
        if not readable:
            # Reading this version raises the error that explains its problem.
            return versions[0]
        raise MlctlError(
            f"There is only one model version, {readable[0].id[:12]}, so there is no previous one.",
            code="version_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint="Train another, such as `mlctl train -p n_estimators=300`.",
        )

    def write(
        self,
        manifest: Manifest,
        files: Mapping[str, bytes],
        origin: Origin = UNKNOWN,
    ) -> tuple[ModelVersion, bool]:
        """Add a version as the latest one. Returns ``(version, False)`` if the same version already exists.

        A damaged version with the same id is replaced. ``files`` are the files without the manifest. Raises OSError if
        the disk write fails; the incomplete version is removed.
        """
        self._refuse_links()
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock():
            self._sweep()
            existing = self._version(manifest.id)
            sequence = min(1 + max((version.sequence or 0 for version in self.versions()), default=0), MAX_SEQUENCE)
            now = infos.now()
            intact = existing.path.is_dir() and not existing.problems()
            created_at = existing.created_at if intact else now
            path = self._info_path(manifest.id)
            if path.is_dir() and not path.is_symlink():
                self._move_away(path)
            # Written before the version: a writer killed in between leaves only an info file, which _sweep removes.
            write_atomic(path, Info(created_at, now, sequence, origin).to_bytes())
            if not intact:
                try:
                    with errors_named(self.folder):
                        self._write_folder(existing.path, {**files, manifests.FILE_NAME: manifest.to_bytes()})
                except BaseException:
                    if not os.path.lexists(existing.path):
                        path.unlink(missing_ok=True)
                    raise
        return self._version(manifest.id), not intact

    def delete(self, version: ModelVersion) -> None:
        """Delete a version. It is renamed first, so that no reader sees a part of it."""
        self._refuse_links()
        with self._lock():
            self._sweep()
            if os.path.lexists(version.path):
                self._move_away(version.path)
            self._remove(self._info_path(version.id))

    def _write_folder(self, target: Path, files: Mapping[str, bytes]) -> None:
        temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self.folder))
        try:
            for name, data in files.items():
                with (temporary / name).open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            temporary.chmod(0o755)
            if os.path.lexists(target):
                self._move_away(target)
            temporary.rename(target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _remove(self, path: Path) -> None:
        """Remove a file, link or folder, if it exists."""
        if path.is_dir() and not path.is_symlink():
            self._move_away(path)
        else:
            path.unlink(missing_ok=True)

    def _move_away(self, path: Path) -> None:
        trash = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self.folder))
        path.rename(trash / path.name)
        shutil.rmtree(trash, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove leftovers of killed writers. Every writer holds the lock, so no leftover belongs to a running one."""
        for leftover in self.folder.glob(f"{_TEMPORARY}*"):
            if leftover.is_symlink() or not leftover.is_dir():
                leftover.unlink(missing_ok=True)
            else:
                shutil.rmtree(leftover, ignore_errors=True)
        sweep(self.folder)
        for path in self.folder.glob(f"*{_INFO}"):
            version_id = path.name.removesuffix(_INFO)
            if _ID.fullmatch(version_id) and not os.path.lexists(self.folder / version_id):
                self._remove(path)

    def _lock(self) -> AbstractContextManager[None]:
        """The lock for writing and deleting. Raises MlctlError (exit 1, ``lock_timeout``) after a minute.

        If the process that holds the lock is stopped, it raises immediately.
        """
        # Imported here to keep readers, such as shell completion, fast.
        from mlctl.stages.locking import holding

        def waiting(holder: str) -> None:
            text = f"Waiting at most a minute for {holder}, which is changing the model versions."
            self._report(Event("note", "lock", text))

        path = self.folder / _LOCK
        if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
            raise _refused(path, "is not a regular file")
        return holding(FileLock(path), _LOCK_SECONDS, waiting=waiting)

    def _refuse_links(self) -> None:
        """Refuse links below ``artifacts``, and a link at ``artifacts`` that leads out of the project.

        In a folder from elsewhere, a link could lead to the versions of another project: `prune` would delete them,
        and `train` would add to them. The owner of a link proves nothing: whoever unpacks an archive owns its links.
        """
        refuse_links_out(self.folder.parents[1], self.folder, "Remove the link, or move the whole project.")
        if self.folder.is_symlink():
            raise _refused(self.folder, "is a symbolic link")

    def _info_path(self, version_id: str) -> Path:
        return self.folder / f"{version_id}{_INFO}"

    def _version(self, version_id: str) -> ModelVersion:
        path = self.folder / version_id
        info = infos.read(self._info_path(version_id), path)
        version = ModelVersion(version_id, path, info.created_at, info.trained_at)
        return replace(version, origin=info.origin, sequence=info.sequence, info_problem=info.problem)


def _refused(path: Path, why: str) -> MlctlError:
    return MlctlError(
        f"{path} {why}; mlctl does not follow it.",
        code="link_refused",
        exit_code=ExitCode.BAD_INPUT,
        hint="Remove it.",
    )
