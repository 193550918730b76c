"""Which pickles may be opened: those of versions that this user made or trusted on this machine.

A pickle is a program, and a version whose digests all agree may still come from anybody. The records are kept in the
user's own state folder, never in the project's, and keyed by the version's id, which pins every byte. A pickle made by
a pipeline of the user's own also runs modules of the project's folder, which the id does not pin: their digests stand
in the record.
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
    """A record: the dotted ``names`` that a pickle imports, SHA-256 by path of the project's ``modules`` for them."""

    names: tuple[str, ...]
    modules: Mapping[str, str]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True)

    format: int
    names: list[str]
    modules: dict[str, str]


def record(version_id: str, pickled: bytes, project_folder: Path) -> Trusted:
    """Record that the user trusts a version, whose ``model.joblib`` is ``pickled``, with the project's modules of now.

    Raises MlctlError (exit 1) where the user's state folder cannot be written, or a module cannot be read.
    """
    try:
        # A module that training imported by other means than a statement is known now, and never again.
        names = (*_imported_names(pickled, project_folder), *module_digests.imported(project_folder))
        made = Trusted(names, module_digests.fingerprints(names, project_folder))
        folder = private_folder(state_folder() / FOLDER)
        document = {"format": FORMAT, "names": list(made.names), "modules": dict(made.modules)}
        write_atomic(folder / f"{version_id}.json", canonical_json(document), mode=0o600)
    except OSError as error:
        raise MlctlError(
            f"mlctl cannot record that you trust model version {version_id[:12]}: {error.filename or 'disk'}: "
            f"{error.strerror}.",
            code="trust_not_recorded",
            exit_code=ExitCode.UNEXPECTED,
            hint=f"Set {STATE_VARIABLE} to a folder that only you can write to.",
        ) from error
    if _read(version_id) != made:
        raise MlctlError(
            f"mlctl cannot record that you trust model version {version_id[:12]}: the record in {folder} does not "
            "count, because it is too large, or a symbolic link leads to it.",
            code="trust_not_recorded",
            exit_code=ExitCode.UNEXPECTED,
            hint=f"Remove the link, or set {STATE_VARIABLE} to a folder that only you can write to.",
        )
    return made


def remember(version_id: str, pickled: bytes, project_folder: Path, report: Report) -> None:
    """The same of a version that was just made: where it cannot be recorded, there is a warning, and the version."""
    try:
        record(version_id, pickled, project_folder)
    except MlctlError as error:
        words = f"{error.message} Before `mlctl evaluate` can open it, run `mlctl models trust {version_id[:12]}`."
        report(Event("warning", "models", words))


def check(version_id: str, project_folder: Path) -> Trusted:
    """The record of a version whose pickle may be opened.

    Raises MlctlError (exit 4): ``version_not_trusted`` where there is none, ``code_changed`` where a module of the
    project that it would import is not what it was.
    """
    found = _read(version_id)
    if found is None:
        raise MlctlError(
            f"Model version {version_id[:12]} was neither trained nor trusted by you on this machine, and its "
            "model.joblib is a pickle: opening it runs the code in it.",
            code="version_not_trusted",
            exit_code=ExitCode.VERIFICATION,
            hint=f"If you trust its source, run `mlctl models trust {version_id[:12]}`. Otherwise train it again here.",
        )
    try:
        now = module_digests.fingerprints(found.names, project_folder)
    except OSError as error:
        raise MlctlError(
            f"{error.filename}, which model version {version_id[:12]} runs, cannot be read: {error.strerror}.",
            code="code_changed",
            exit_code=ExitCode.VERIFICATION,
            hint="Restore the file, or its permissions.",
        ) from None
    # One that is gone runs nothing: opening the pickle will tell that it is missing.
    changed = sorted(path for path, digest in now.items() if found.modules.get(path) != digest)
    if changed:
        raise MlctlError(
            f"{changed[0]}, which model version {version_id[:12]} runs when it is opened, has changed since "
            "you trained or trusted the version.",
            code="code_changed",
            exit_code=ExitCode.VERIFICATION,
            hint=f"Run `mlctl train` again, or `mlctl models trust {version_id[:12]}` if you accept the change.",
        )
    return found


def opened(version_id: str, pickled: bytes, project_folder: Path) -> Any:
    """What the pickle of a version holds, which must be trusted: see ``check``, whose errors it raises too.

    Raises MlctlError (exit 4), ``code_missing``, where it cannot be opened.
    """
    trusted = check(version_id, project_folder)
    import joblib

    with _modules(trusted.modules, project_folder):
        try:
            return joblib.load(io.BytesIO(pickled))
        except (Exception, SystemExit) as error:
            # The project's own module runs now, and may raise anything.
            raise MlctlError(
                f"Model version {version_id[:12]} cannot be opened, because its code is missing or fails: "
                f"{type(error).__name__}: {first_line(error)}.",
                code="code_missing",
                exit_code=ExitCode.VERIFICATION,
                hint="Its pipeline comes from a module of the project. Restore that module in the project folder.",
            ) from error


def unrecognised(pickled: bytes) -> tuple[str, ...] | None:
    """What a pickle names beyond what a fitted model of scikit-learn consists of; None where it cannot be audited."""
    found = _audited(pickled)
    return None if found is None else (*found.dangerous, *found.unknown)


def _read(version_id: str) -> Trusted | None:
    """The record of a version; None where there is none, or one that is not this user's alone."""
    folder = state_folder() / FOLDER
    path = folder / f"{version_id}.json"
    try:
        for each in (folder, path):
            found = each.lstat()
            if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022:
                return None
        document = _Shape.model_validate(strict_json.parsed(read_regular(path, limit=_MAX_BYTES)))
    except (OSError, ValueError):
        return None
    return Trusted(tuple(document.names), document.modules) if document.format == FORMAT else None


def _imported_names(pickled: bytes, project_folder: Path) -> tuple[str, ...]:
    """The dotted names that opening a pickle imports; of one that cannot be audited, all modules of the project."""
    found = _audited(pickled)
    return tuple(module_digests.importable(project_folder)) if found is None else found.types


def _audited(pickled: bytes) -> "Audit | None":
    from mlctl import pickle_audit

    with scratch_folder() as folder:
        path = folder / "model.joblib"
        path.write_bytes(pickled)
        try:
            return pickle_audit.audit(path)
        except MlctlError:
            return None


def recorded_modules(version_id: str) -> Mapping[str, str]:
    """SHA-256 by path of the project's modules that a version may import; none for one without a record."""
    found = _read(version_id)
    return found.modules if found else {}


@contextmanager
def modules_of(version_id: str, project_folder: Path) -> Iterator[None]:
    """Within it, the modules of the project can be imported that a version needs, as they were; for most it has none.

    A version without a record has none either.
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
