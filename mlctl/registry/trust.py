"""Records which versions this user made or trusted on this machine; mlctl opens no other pickle.

A pickle is a program, and matching digests do not show who made a version. The records are in the state folder of the
user, never in the project. Their key is the version id, which fixes every byte of the version. The pickle of a custom
pipeline also runs modules of the project folder, which the id does not cover, so the record has their digests.
"""

import io
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from mlctl.errors import ExitCode, MlctlError, first_line
from mlctl.files import canonical_json, read_regular, write_atomic
from mlctl.progress import Event, Report
from mlctl.project_modules import module_digests
from mlctl.project_modules.importer import project_modules, stdout_apart
from mlctl.registry import strict_json
from mlctl.scratch import scratch_folder
from mlctl.user_folders import STATE_VARIABLE, private_folder, state_folder

if TYPE_CHECKING:
    from mlctl.pickle_audit import Audit

FOLDER = "trusted"
FORMAT = 1
_MAX_BYTES = 16_000_000


@dataclass(frozen=True)
class Trusted:
    """A record: the dotted ``names`` that a pickle imports, and SHA-256 by path of its project ``modules``."""

    names: tuple[str, ...]
    modules: Mapping[str, str]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True)

    format: int
    names: list[str]
    modules: dict[str, str]


def record(version_id: str, pickled: bytes, project_folder: Path) -> Trusted:
    """Record that the user trusts a version with its ``model.joblib`` (``pickled``) and the current project modules.

    Raises MlctlError (exit 1) if the state folder is not writable, or a module is not readable.
    """
    try:
        # Only now are the modules known that training imported dynamically.
        names = (*_imported_names(pickled, project_folder), *module_digests.imported(project_folder))
        trusted = Trusted(names, module_digests.fingerprints(names, project_folder))
        folder = private_folder(state_folder() / FOLDER)
        document = {"format": FORMAT, "names": list(trusted.names), "modules": dict(trusted.modules)}
        write_atomic(folder / f"{version_id}.json", canonical_json(document), mode=0o600)
    except OSError as error:
        raise MlctlError(
            f"mlctl cannot record that you trust model version {version_id[:12]}: {error.filename or 'disk'}: "
            f"{error.strerror}.",
            code="trust_not_recorded",
            exit_code=ExitCode.UNEXPECTED,
            hint=f"Set {STATE_VARIABLE} to a folder that only you can write to.",
        ) from error
    if _read(version_id) != trusted:
        raise MlctlError(
            f"mlctl cannot record that you trust model version {version_id[:12]}: the record in {folder} is "
            "invalid, because it is too large, or a symbolic link leads to it.",
            code="trust_not_recorded",
            exit_code=ExitCode.UNEXPECTED,
            hint=f"Remove the link, or set {STATE_VARIABLE} to a folder that only you can write to.",
        )
    return trusted


def remember(version_id: str, pickled: bytes, project_folder: Path, report: Report) -> None:
    """Record trust in a version that was just trained. Reports a warning instead of raising an error."""
    try:
        record(version_id, pickled, project_folder)
    except MlctlError as error:
        text = f"{error.message} Before `mlctl evaluate` can open it, run `mlctl models trust {version_id[:12]}`."
        report(Event("warning", "models", text))


def check(version_id: str, project_folder: Path) -> Trusted:
    """The record of a version whose pickle mlctl may open.

    Raises MlctlError (exit 4): ``version_not_trusted`` if there is no record, ``code_changed`` if a project module that
    the pickle imports has changed.
    """
    trusted = _read(version_id)
    if trusted is None:
        raise MlctlError(
            f"Model version {version_id[:12]} was neither trained nor trusted by you on this machine, and its "
            "model.joblib is a pickle: opening it runs the code in it.",
            code="version_not_trusted",
            exit_code=ExitCode.VERIFICATION,
            hint=f"If you trust its source, run `mlctl models trust {version_id[:12]}`. Otherwise train it again here.",
        )
    try:
        now = module_digests.fingerprints(trusted.names, project_folder)
    except OSError as error:
        raise MlctlError(
            f"{error.filename}, which model version {version_id[:12]} runs, cannot be read: {error.strerror}.",
            code="code_changed",
            exit_code=ExitCode.VERIFICATION,
            hint="Restore the file, or its permissions.",
        ) from None
    # A missing module runs nothing: opening the pickle reports it.
    changed = sorted(path for path, digest in now.items() if trusted.modules.get(path) != digest)
    if changed:
        raise MlctlError(
            f"{changed[0]}, which model version {version_id[:12]} runs when it is opened, has changed since "
            "you trained or trusted the version.",
            code="code_changed",
            exit_code=ExitCode.VERIFICATION,
            hint=f"Run `mlctl train` again, or `mlctl models trust {version_id[:12]}` if you accept the change.",
        )
    return trusted


def load_pickle(version_id: str, pickled: bytes, project_folder: Path) -> Any:
    """Load the pickle of a trusted version.

    Raises the errors of ``check``, and MlctlError (exit 4, ``code_missing``) if the pickle cannot be loaded.
    """
    trusted = check(version_id, project_folder)
    import joblib

    with _modules(trusted.modules, project_folder):
        try:
            return joblib.load(io.BytesIO(pickled))
        except (Exception, SystemExit) as error:
            # The code of the project runs here, and can raise any exception.
            raise MlctlError(
                f"Model version {version_id[:12]} cannot be opened, because its code is missing or fails: "
                f"{type(error).__name__}: {first_line(error)}.",
                code="code_missing",
                exit_code=ExitCode.VERIFICATION,
                hint="Its pipeline uses a module of the project. Restore that module in the project folder.",
            ) from error


def unrecognised(pickled: bytes) -> tuple[str, ...] | None:
    """The names in a pickle that are no part of a scikit-learn model; None if the pickle cannot be audited."""
    audit = _audit(pickled)
    return None if audit is None else (*audit.dangerous, *audit.unknown)


def _read(version_id: str) -> Trusted | None:
    """The record of a version; None if there is none, or others than this user can write to it."""
    folder = state_folder() / FOLDER
    path = folder / f"{version_id}.json"
    try:
        for location in (folder, path):
            status = location.lstat()
            if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
                return None
        document = _Shape.model_validate(strict_json.parsed(read_regular(path, limit=_MAX_BYTES)))
    except (OSError, ValueError):
        return None
    return Trusted(tuple(document.names), document.modules) if document.format == FORMAT else None


def _imported_names(pickled: bytes, project_folder: Path) -> tuple[str, ...]:
    """The dotted names that a pickle imports; if it cannot be audited, all modules of the project."""
    audit = _audit(pickled)
    return tuple(module_digests.importable(project_folder)) if audit is None else audit.types


def _audit(pickled: bytes) -> "Audit | None":
    from mlctl import pickle_audit

    with scratch_folder() as folder:
        path = folder / "model.joblib"
        path.write_bytes(pickled)
        try:
            return pickle_audit.audit(path)
        except MlctlError:
            return None


def recorded_modules(version_id: str) -> Mapping[str, str]:
    """SHA-256 by path of the project modules that a version may import; empty without a record."""
    trusted = _read(version_id)
    return trusted.modules if trusted else {}


@contextmanager
def modules_of(version_id: str, project_folder: Path) -> Iterator[None]:
    """Make the project modules in the record of a version importable within the block.

    Most versions need none. A version without a record gets none.
    """
    with _modules(recorded_modules(version_id), project_folder):
        yield


@contextmanager
def _modules(digests: Mapping[str, str], project_folder: Path) -> Iterator[None]:
    if not digests:
        with stdout_apart():
            yield
        return
    with project_modules(project_folder), module_digests.only(digests, project_folder):
        yield
