"""The registry: the only reader and writer of ``artifacts/<project>/``.

A version is a folder named by its id. It is written under a temporary name and renamed, so it is
whole or absent. What is not part of the identity (times, the order of training) stands beside it in
``<id>.info.json``. The folder may come from elsewhere: no symbolic link
below ``artifacts`` is followed, and none out of the project.
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
# A version is written in a second.
_LOCK_SECONDS = 60.0
_INFO = ".info.json"
_ID = re.compile("[0-9a-f]{64}")


class Registry:
    """The versions of one project. ``report`` gets a warning where ``latest`` or ``previous`` passes over a version."""

    def __init__(self, project_folder: Path, project: str, report: Report = silent) -> None:
        self.folder = project_folder / FOLDER / project
        self._project = project
        self._report = report

    def versions(self) -> list[ModelVersion]:
        """All versions, readable or not, the newest first; one that was trained again counts as new.

        The order is the recorded one; versions of releases that recorded none come last, by time. Raises MlctlError
        (exit 3) where the folder is a symbolic link that is not followed.
        """
        self._refuse_links()
        try:
            names = [each.name for each in self.folder.iterdir() if _ID.fullmatch(each.name)]
        except FileNotFoundError:
            return []
        found = [self._version(name) for name in names]
        return sorted(found, key=lambda each: (each.sequence or 0, each.trained_at, each.id), reverse=True)

    def get(self, reference: str = LATEST) -> ModelVersion:
        """The version that an id, the beginning of one, ``latest`` or ``previous`` names.

        ``latest`` is the newest that is readable, ``previous`` the one before it. Raises MlctlError (exit 6).
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
        what = f"{len(matching)} model versions begin" if matching else "No model version begins"
        raise MlctlError(
            f"{what} with '{reference}'.",
            code="version_ambiguous" if matching else "version_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint="Give more characters of the id." if matching else "`mlctl models` lists what there is.",
        )

    def _newest(self, versions: list[ModelVersion], reference: str) -> ModelVersion:
        wanted = 1 if reference == LATEST else 2
        readable: list[ModelVersion] = []
        for version in versions:
            problem = version.unreadable
            if problem is None:
                readable.append(version)
                if len(readable) == wanted:
                    return version
            else:
                self._report(Event("warning", "models", f"{reference} skips a version: {problem}"))
        if not readable:
            # What reads it tells what is wrong with it.
            return versions[0]
        raise MlctlError(
            f"There is only one model version, {readable[0].id[:12]}, and none before it.",
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
        """Add a version, which is the latest then; ``(version, False)`` when it was there already, byte for byte.

        One that is there but damaged is replaced. ``files`` are its files without the manifest. Raises OSError when
        the disk refuses; then nothing is left of it.
        """
        self._refuse_links()
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock():
            self._sweep()
            there = self._version(manifest.id)
            sequence = min(1 + max((each.sequence or 0 for each in self.versions()), default=0), MAX_SEQUENCE)
            now = infos.now()
            intact = there.path.is_dir() and not there.problems()
            created_at = there.created_at if intact else now
            path = self._info_path(manifest.id)
            if path.is_dir() and not path.is_symlink():
                self._move_away(path)
            # Before the version: of a writer that is killed between the two, a note without a version is left.
            write_atomic(path, Info(created_at, now, sequence, origin).to_bytes())
            if not intact:
                try:
                    with errors_named(self.folder):
                        self._write_folder(there.path, {**files, manifests.FILE_NAME: manifest.to_bytes()})
                except BaseException:
                    if not os.path.lexists(there.path):
                        path.unlink(missing_ok=True)
                    raise
        return self._version(manifest.id), not intact

    def delete(self, version: ModelVersion) -> None:
        """Remove a version: it is renamed away first, so that at no moment half of it is there."""
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
        """Remove what may be there, of whatever kind."""
        if path.is_dir() and not path.is_symlink():
            self._move_away(path)
        else:
            path.unlink(missing_ok=True)

    def _move_away(self, path: Path) -> None:
        doomed = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self.folder))
        path.rename(doomed / path.name)
        shutil.rmtree(doomed, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what killed writers left. Every writer holds the lock, so none of it belongs to a live one."""
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
        """The lock of whoever writes or deletes. Raises MlctlError (exit 1, ``lock_timeout``) after a minute.

        At once where the process that holds it is stopped.
        """
        # Only here: what reads versions, completion for one, is to be quick.
        from mlctl.stages.locking import holding

        def waiting(holder: str) -> None:
            text = f"The model versions are being changed by {holder}: waiting for it to end, at most a minute."
            self._report(Event("note", "lock", text))

        path = self.folder / _LOCK
        if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
            raise _refused(path, "is not a regular file")
        return holding(FileLock(path), _LOCK_SECONDS, waiting=waiting)

    def _refuse_links(self) -> None:
        """Below ``artifacts`` nothing may be a link, and no link at ``artifacts`` may lead out of the project.

        In a folder from elsewhere it could lead to the versions of another project: those would be pruned, and what is
        trained here would be the latest there. Who owns the link tells nothing: whoever unpacks an archive owns it.
        """
        refuse_links_out(self.folder.parents[1], self.folder, "Remove the link, or move the whole project.")
        if self.folder.is_symlink():
            raise _refused(self.folder, "is a symbolic link")

    def _info_path(self, version_id: str) -> Path:
        return self.folder / f"{version_id}{_INFO}"

    def _version(self, version_id: str) -> ModelVersion:
        path = self.folder / version_id
        found = infos.read(self._info_path(version_id), path)
        version = ModelVersion(version_id, path, found.created_at, found.trained_at)
        return replace(version, origin=found.origin, sequence=found.sequence, info_problem=found.problem)


def _refused(path: Path, why: str) -> MlctlError:
    return MlctlError(
        f"{path} {why}; it is not followed.",
        code="link_refused",
        exit_code=ExitCode.BAD_INPUT,
        hint="Remove it.",
    )
