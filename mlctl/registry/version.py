"""One model version on disk: every byte that is read from it has matched its SHA-256 first."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mlctl.errors import ExitCode, MlctlError
from mlctl.files import read_regular, sha256, sha256_of_regular
from mlctl.registry import manifest as manifests
from mlctl.registry import strict_json, trust, validation
from mlctl.registry.info import UNKNOWN, Origin
from mlctl.registry.manifest import Manifest

# The largest that a manifest can be; those of mlctl have a few thousand bytes.
MAX_MANIFEST_BYTES = 4_000_000
# A larger file is no part of a version: a folder from elsewhere may hold terabytes that take no place on disk.
MAX_FILE_BYTES = 16 * 1024**3
# The other documents: `strict_json` bounds how many values they hold.
MAX_DOCUMENT_BYTES = 256 * 1024**2
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class ModelVersion:
    """One version on disk. ``created_at`` and ``trained_at`` are RFC 3339 times in UTC.

    ``sequence``: its place in the order of training, where one is recorded. ``info_problem``: why its info file, which
    tells these, cannot be read.
    """

    id: str
    path: Path
    created_at: str
    trained_at: str
    origin: Origin = UNKNOWN
    sequence: int | None = None
    info_problem: str | None = None

    @property
    def project_folder(self) -> Path:
        """The folder of the project that the version lies in."""
        return self.path.parents[2]

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest, after its digest matched the id. Raises MlctlError (exit 4)."""
        with self._refusals(manifests.FILE_NAME):
            data = read_regular(self.path / manifests.FILE_NAME, limit=MAX_MANIFEST_BYTES)
        if sha256(data) != self.id:
            raise self._changed(manifests.FILE_NAME)
        try:
            return Manifest.from_bytes(data)
        except ValueError as error:
            raise self._unreadable(str(error)) from None

    def read(self, name: str) -> bytes:
        """The bytes of one file, after their SHA-256 matched the manifest. Raises MlctlError (exit 4)."""
        # Twice, since a file is held in memory only if it is the one of the version.
        data = self._bytes(name, limit=self._check(name))
        if sha256(data) != self.manifest.files.get(name):
            raise self._changed(name)
        return data

    def read_json(self, name: str) -> Any:
        """The content of one JSON file, verified like ``read``, and in the shape that FORMAT.md gives it."""
        data = self.read(name)
        try:
            document = strict_json.parsed(data)
            validation.check_document(name, document, lambda: self.read_json("schema.json"))
        except ValueError as error:
            raise self._unreadable(f"{name}: {error}") from None
        return document

    @property
    def unreadable(self) -> str | None:
        """Why the version is none: its manifest, or a file that is not there. Digests of large files are not taken."""
        try:
            names = [*self.manifest.files]
        except MlctlError as error:
            return error.message
        for name in names:
            try:
                if not stat.S_ISREG((self.path / name).lstat().st_mode):
                    return self._unusable(name, "is not a regular file in").message
            except OSError:
                return self._unusable(name, "is missing from").message
        return None

    @property
    def trusted(self) -> bool:
        """Whether ``load_pipeline`` would open the pickle as far as trust goes; never raises."""
        try:
            trust.check(self.id, self.project_folder)
        except MlctlError:
            return False
        return True

    def load_pipeline(self) -> Any:
        """The fitted scikit-learn pipeline.

        The pickle is opened only if this user made or trusted the version on this machine, every byte of it matched and
        the library versions agree: a pickle is a program, and scikit-learn promises nothing across versions. Raises
        MlctlError (exit 4).
        """
        self.check()
        pickled = self.read("model.joblib")
        here, there = manifests.library_versions(), self.manifest.libraries
        for name in there:
            if _series(name, here.get(name, "")) != _series(name, there[name]):
                raise MlctlError(
                    f"Model version {self.id[:12]} was trained with {name} {there[name]}; "
                    f"installed here is {here.get(name, 'none')}.",
                    code="library_mismatch",
                    exit_code=ExitCode.VERIFICATION,
                    hint=f"Install {name}=={there[name]}, or run `mlctl train` to make a version with those installed.",
                )
        return trust.opened(self.id, pickled, self.project_folder)

    def problems(self) -> list[str]:
        """Every way in which the folder differs from the manifest, or its documents from their shape; else empty."""
        try:
            expected = self.manifest.files
        except MlctlError as error:
            return [error.message]
        found = []
        for name in sorted(expected):
            try:
                self.read_json(name) if name in validation.DOCUMENTS else self._check(name)
            except MlctlError as error:
                found.append(error.message)
        strangers = sorted({each.name for each in self.path.iterdir()} - {*expected, manifests.FILE_NAME})
        found += [f"{name} does not belong to model version {self.id[:12]}." for name in strangers]
        return list(dict.fromkeys(found))

    def check(self) -> None:
        """Raise MlctlError (exit 4) with all that differs from the manifest, if anything does."""
        problems = self.problems()
        if problems:
            raise self._corrupt(*problems)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within it, no `mlctl models prune` deletes the version. Raises MlctlError (exit 6) if it is gone already."""
        handle = self._locked(fcntl.LOCK_SH)
        try:
            yield
        finally:
            os.close(handle)

    @contextmanager
    def claimed(self) -> Iterator[bool]:
        """Within it, no other command holds the version; False where one does now."""
        if self.path.is_symlink() or not self.path.is_dir():
            # Nothing that a command could work with.
            yield True
            return
        try:
            handle = self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            os.close(handle)

    def _locked(self, operation: int) -> int:
        try:
            handle = os.open(self.path, _OPEN_FOLDER)
        except OSError:
            raise self._gone() from None
        try:
            try:
                fcntl.flock(handle, operation)
            except BlockingIOError:
                raise
            except OSError as error:
                # Some file systems of networks know no locks.
                if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL):
                    raise
            if not self.path.is_dir() or os.fstat(handle).st_ino != self.path.lstat().st_ino:
                raise self._gone()
        except BaseException:
            os.close(handle)
            raise
        return handle

    def _check(self, name: str) -> int:
        """The size of one file, after its SHA-256 matched the manifest."""
        expected = self.manifest.files.get(name)
        limit = MAX_DOCUMENT_BYTES if name in validation.DOCUMENTS else MAX_FILE_BYTES
        with self._refusals(name):
            digest, size = sha256_of_regular(self.path / name, limit=limit)
        if digest != expected:
            raise self._changed(name)
        return size

    def _bytes(self, name: str, limit: int) -> bytes:
        with self._refusals(name):
            return read_regular(self.path / name, limit=limit)

    @contextmanager
    def _refusals(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise self._unusable(name, "is missing from") from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EINVAL, errno.ENXIO):
                raise self._unusable(name, "is not a regular file in a folder of its own in") from None
            raise self._unusable(name, f"cannot be read ({error.strerror}) in") from None

    def _changed(self, name: str) -> MlctlError:
        return self._corrupt(
            f"{name} was changed in model version {self.id[:12]} since it was written; nothing of it was opened."
        )

    def _unusable(self, name: str, what: str) -> MlctlError:
        return self._corrupt(f"{name} {what} model version {self.id[:12]}; nothing of it was opened.")

    def _corrupt(self, message: str, *details: str) -> MlctlError:
        return MlctlError(
            message,
            details=details,
            code="version_corrupt",
            exit_code=ExitCode.VERIFICATION,
            hint=f"Delete {self.path} and run `mlctl train`: the same settings give the same version.",
        )

    def _unreadable(self, why: str) -> MlctlError:
        return MlctlError(
            f"Model version {self.id[:12]} cannot be read: {why}.",
            code="version_unreadable",
            exit_code=ExitCode.VERIFICATION,
            hint="Another release of mlctl or another program wrote it. Train again.",
        )

    def _gone(self) -> MlctlError:
        return MlctlError(
            f"Model version {self.id[:12]} was deleted while the command ran.",
            code="version_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint="`mlctl models` lists the versions.",
        )


def _series(name: str, version: str) -> str:
    """The part of a version that must agree: all of it, but for Python, whose patch releases do not matter."""
    return ".".join(version.split(".")[:2]) if name == "python" else version
