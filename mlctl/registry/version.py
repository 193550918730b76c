"""One model version on disk. Every file is compared with its SHA-256 before it is used."""

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

# The size limit of a manifest. Manifests of mlctl have a few thousand bytes.
MAX_MANIFEST_BYTES = 4_000_000
# The size limit of a file. A folder from elsewhere can have sparse files of terabytes.
MAX_FILE_BYTES = 16 * 1024**3
# The size limit of the other documents; `strict_json` limits their number of values.
MAX_DOCUMENT_BYTES = 256 * 1024**2
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class ModelVersion:
    """One version on disk. ``created_at`` and ``trained_at`` are RFC 3339 times in UTC.

    ``sequence``: its position in the training order, if it is recorded. ``info_problem``: why its info file, which has
    these values, cannot be read.
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
        """The folder of the project that contains the version."""
        return self.path.parents[2]

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest. Raises MlctlError (exit 4) if its digest is not the id, or it is invalid."""
        with self._read_errors(manifests.FILE_NAME):
            data = read_regular(self.path / manifests.FILE_NAME, limit=MAX_MANIFEST_BYTES)
        if sha256(data) != self.id:
            raise self._changed(manifests.FILE_NAME)
        try:
            return Manifest.from_bytes(data)
        except ValueError as error:
            raise self._unreadable(str(error)) from None

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises MlctlError (exit 4) if their SHA-256 is not the one in the manifest."""
        # Read twice: a file is only loaded into memory after its digest has matched.
        data = self._bytes(name, limit=self._check(name))
        if sha256(data) != self.manifest.files.get(name):
            raise self._changed(name)
        return data

    def read_json(self, name: str) -> Any:
        """The content of one JSON file, verified like ``read`` and validated against docs/FORMAT.md."""
        data = self.read(name)
        try:
            document = strict_json.parsed(data)
            validation.check_document(name, document, lambda: self.read_json("schema.json"))
        except ValueError as error:
            raise self._unreadable(f"{name}: {error}") from None
        return document

    @property
    def unreadable(self) -> str | None:
        """Why the manifest is unreadable or a file is missing; None if neither. Does not check the digests of files."""
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
        """Whether this user made or trusted the version on this machine. Never raises."""
        try:
            trust.check(self.id, self.project_folder)
        except MlctlError:
            return False
        return True

    def load_pipeline(self) -> Any:
        """The fitted scikit-learn pipeline.

        A pickle is a program, and scikit-learn does not support pickles of other versions
        (https://scikit-learn.org/stable/model_persistence.html). The pickle is therefore opened only if this user made
        or trusted the version on this machine, all digests match, and the library versions agree. Raises MlctlError
        (exit 4).
        """
        self.check()
        pickled = self.read("model.joblib")
        installed, required = manifests.library_versions(), self.manifest.libraries
        for name in required:
            if _compatible_part(name, installed.get(name, "")) != _compatible_part(name, required[name]):
                raise MlctlError(
                    f"Model version {self.id[:12]} was trained with {name} {required[name]}; "
                    f"the installed version is {installed.get(name, 'none')}.",
                    code="library_mismatch",
                    exit_code=ExitCode.VERIFICATION,
                    hint=f"Install {name}=={required[name]}, or run `mlctl train` again with the installed versions.",
                )
        return trust.load_pickle(self.id, pickled, self.project_folder)

    def problems(self) -> list[str]:
        """All differences between the folder and the manifest, and all invalid documents; empty if there are none."""
        try:
            expected = self.manifest.files
        except MlctlError as error:
            return [error.message]
        problems = []
        for name in sorted(expected):
            try:
                self.read_json(name) if name in validation.DOCUMENTS else self._check(name)
            except MlctlError as error:
                problems.append(error.message)
        unexpected = sorted({path.name for path in self.path.iterdir()} - {*expected, manifests.FILE_NAME})
        problems += [f"{name} does not belong to model version {self.id[:12]}." for name in unexpected]
        return list(dict.fromkeys(problems))

    def check(self) -> None:
        """Raise MlctlError (exit 4) with all ``problems``, if there are any."""
        problems = self.problems()
        if problems:
            raise self._corrupt(*problems)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep `mlctl models prune` from deleting the version. Raises MlctlError (exit 6) if it no longer exists."""
        handle = self._locked(fcntl.LOCK_SH)
        try:
            yield
        finally:
            os.close(handle)

    @contextmanager
    def claimed(self) -> Iterator[bool]:
        """Lock the version exclusively. Yields False if another command uses it."""
        if self.path.is_symlink() or not self.path.is_dir():
            # No command can use such a version.
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
                # Some network file systems have no locks.
                if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL):
                    raise
            if not self.path.is_dir() or os.fstat(handle).st_ino != self.path.lstat().st_ino:
                raise self._gone()
        except BaseException:
            os.close(handle)
            raise
        return handle

    def _check(self, name: str) -> int:
        """The size of one file. Raises MlctlError (exit 4) if its SHA-256 is not the one in the manifest."""
        expected = self.manifest.files.get(name)
        limit = MAX_DOCUMENT_BYTES if name in validation.DOCUMENTS else MAX_FILE_BYTES
        with self._read_errors(name):
            digest, size = sha256_of_regular(self.path / name, limit=limit)
        if digest != expected:
            raise self._changed(name)
        return size

    def _bytes(self, name: str, limit: int) -> bytes:
        with self._read_errors(name):
            return read_regular(self.path / name, limit=limit)

    @contextmanager
    def _read_errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise self._unusable(name, "is missing from") from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EINVAL, errno.ENXIO):
                raise self._unusable(name, "is not a regular file directly in") from None
            raise self._unusable(name, f"cannot be read ({error.strerror}) in") from None

    def _changed(self, name: str) -> MlctlError:
        return self._corrupt(
            f"{name} in model version {self.id[:12]} has changed since it was written; mlctl did not open it."
        )

    def _unusable(self, name: str, problem: str) -> MlctlError:
        return self._corrupt(f"{name} {problem} model version {self.id[:12]}; mlctl did not open it.")

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


def _compatible_part(name: str, version: str) -> str:
    """The part of a version that must be equal: major and minor for Python, else the whole version."""
    return ".".join(version.split(".")[:2]) if name == "python" else version
