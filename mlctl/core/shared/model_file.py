"""Audits a user's model file, and opens it in a child process."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import sklearn

from mlctl import pickle_audit
from mlctl.errors import ExitCode, MlctlError, first_line
from mlctl.model_loading import estimators, limits, process, source, structures
from mlctl.model_loading.process import Kind
from mlctl.model_loading.refusals import Unusable, other_release
from mlctl.model_loading.source import Copy
from mlctl.pickle_audit import Audit
from mlctl.pickle_audit.names import is_known
from mlctl.progress import Event, Report, silent
from mlctl.scratch import scratch_folder

# Objects that have another name in a pickle of scikit-learn.
_SKOPS_NAMES = {"numpy.random.mtrand.RandomState", "numpy.random._generator.Generator"}


@dataclass(frozen=True)
class ExaminedFile:
    """The audit of a file that was not opened, and the digest of its bytes.

    For a ``.skops`` file, ``audit.unknown`` has the types that skops does not trust by default or mlctl does not know.
    """

    path: Path
    audit: Audit
    sha256: str
    kind: Kind = "pickle"

    @property
    def needs_trust(self) -> bool:
        """Whether the user must trust the file first: every pickle, and a ``.skops`` file with unknown types."""
        return self.kind == "pickle" or self.names_unknown

    @property
    def names_unknown(self) -> bool:
        """Whether it has names that mlctl does not recognise, which may need modules of the project."""
        return bool(_unrecognised(self.audit))


def examine(path: Path, report: Report = silent) -> ExaminedFile:
    """Audit a model file without loading it.

    Raises MlctlError: exit 6 if there is no such file; exit 3 if it cannot be read, or is neither a pickle nor a
    ``.skops`` file.
    """
    with source.copied(path) as copy:
        if copy.kind == "pickle":
            audit = _audit(copy.path, str(path))
        else:
            report(Event("start", "examine", f"Reading the types in {path.name}"))
            audit = _audit_of_skops(path, copy)
            report(Event("finish", "examine", f"{len(audit.types)} types"))
        return ExaminedFile(path, audit, copy.sha256, copy.kind)


def open_model(examined: ExaminedFile, project_folder: Path, *, trusted: bool, report: Report = silent) -> Any:
    """Return the fitted classifier or regressor of a file, after a child process has loaded and pickled it again.

    ``trusted``: the user trusts the file. If the file has names that mlctl does not recognise, the child process can
    import the modules of the project. Raises MlctlError (exit 3) for a file that was changed since it was examined,
    that cannot be opened, that has no such estimator, or whose estimator has more names after it is pickled again.
    """
    path = examined.path
    if examined.needs_trust and not trusted:
        raise ValueError(f"{path} may not be opened without the user's consent")
    saved_by = examined.audit.sklearn_version
    try:
        if saved_by not in (None, sklearn.__version__):
            raise other_release(str(saved_by), sklearn.__version__)
        report(Event("start", "open", f"Opening {path.name} in a child process"))
        with source.copied(path) as copy:
            if copy.sha256 != examined.sha256:
                raise Unusable("was changed after mlctl examined it", "Run the command again.")
            data = process.rewrite(
                copy.path,
                examined.kind,
                limits.for_file(copy.size),
                trusted=examined.audit.unknown if examined.kind == "skops" else (),
                modules=project_folder if examined.names_unknown else None,
                forbidden=(project_folder,),
                say=lambda line: report(Event("note", "open", f"{path.name} wrote: {line}")),
            )
        _check_no_new_names(examined, _audit_rewritten(data), trusted)
        model = _load(data)
    except Unusable as unusable:
        raise _to_mlctl_error(path, unusable) from unusable
    report(Event("finish", "open", type(model).__name__))
    return model


def try_out(examined: ExaminedFile, model: Any, rows: Any, project_folder: Path) -> None:
    """Predict ``rows`` in a child process first, because invalid arrays can crash the compiled code of scikit-learn.

    Raises MlctlError (exit 3) if the process crashes, hangs or runs out of memory. Ignores exceptions of the model.
    """
    modules = project_folder if _unrecognised(examined.audit) else None
    try:
        process.predict(model, rows, limits.for_file, modules=modules, forbidden=(project_folder,))
    except Unusable as unusable:
        raise _to_mlctl_error(examined.path, unusable) from unusable


def _audit(copy: Path, name: str) -> Audit:
    try:
        return pickle_audit.audit(copy)
    except MlctlError as error:
        error.message = error.message.replace(str(copy), name, 1)
        error.args = (error.message,)
        raise


def _audit_of_skops(path: Path, copy: Copy) -> Audit:
    try:
        inspection = process.inspect(copy.path, limits.for_file(copy.size))
    except Unusable as unusable:
        raise _to_mlctl_error(path, unusable) from unusable
    unknown = {*inspection.untrusted} | {name for name in inspection.types if not _is_known(name)}
    return Audit(
        types=inspection.types,
        known=tuple(sorted({*inspection.types} - unknown)),
        unknown=tuple(sorted(unknown)),
        dangerous=(),
        sklearn_version=inspection.sklearn_version,
    )


def _is_known(dotted: str) -> bool:
    module, _, name = dotted.rpartition(".")
    return dotted in _SKOPS_NAMES or is_known(module, name)


def _audit_rewritten(data: bytes) -> Audit:
    # The child process does not know the name of this folder.
    with scratch_folder() as private:
        path = private / "model"
        path.write_bytes(data)
        try:
            return _audit(path, "The estimator, written again,")
        except MlctlError as error:
            raise Unusable(
                "was not imported: mlctl cannot read what the process that opened it wrote", error.hint
            ) from error


def _unrecognised(audit: Audit) -> set[str]:
    """Return all names and calls in a file that mlctl does not recognise."""
    return {*audit.unknown, *audit.dangerous, *audit.calls}


def _callable(call: str) -> str:
    """Return the name in a finding "callable (reason)"."""
    return call.partition(" (")[0]


def _check_no_new_names(examined: ExaminedFile, rewritten: Audit, trusted: bool) -> None:
    """Reject an estimator with more names than its file: code in the file may have taken over the child process."""
    audit = examined.audit
    names = {*audit.types, *audit.dangerous} if trusted and _unrecognised(audit) else set()
    callables = {_callable(call) for call in audit.calls} if trusted else set()
    new = sorted({*rewritten.unknown, *rewritten.dangerous} - names)
    new += [call for call in rewritten.calls if _callable(call) not in {*callables, *new}]
    if new:
        raise Unusable(
            "was not imported: once opened and saved again, it names "
            f"{', '.join(new[:3])}{', …' if len(new) > 3 else ''}, which the file did not name",
            "Its code did more than load a model. Do not use it.",
        )


def _load(data: bytes) -> Any:
    """Load the estimator in this process."""
    with warnings.catch_warnings():
        # The child process has already checked for these warnings.
        warnings.simplefilter("ignore")
        try:
            model = joblib.load(io.BytesIO(data))
            structures.check(model)
            return estimators.checked(model)
        except Unusable:
            raise
        except (Exception, SystemExit) as error:
            raise Unusable(
                f"cannot be loaded after it was saved again: {type(error).__name__}: {first_line(error)}",
                "Save the fitted model again: joblib.dump(model, 'model.joblib')",
            ) from error


def _to_mlctl_error(path: Path, unusable: Unusable) -> MlctlError:
    return MlctlError(
        f"{path.name} {unusable.what}.", code=unusable.code, exit_code=ExitCode.BAD_INPUT, hint=unusable.hint
    )
