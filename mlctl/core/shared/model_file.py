"""Somebody's model file: what it names, and the estimator that a child process took from it."""

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

# Names of skops for what a pickle of scikit-learn calls otherwise.
_OF_SKOPS = {"numpy.random.mtrand.RandomState", "numpy.random._generator.Generator"}


@dataclass(frozen=True)
class ExaminedFile:
    """A file that was looked at without opening it: what it names, and the digest of the bytes that were looked at.

    ``audit`` of a ``.skops`` file: ``unknown`` is what skops does not trust by default, or what mlctl does not know.
    """

    path: Path
    audit: Audit
    sha256: str
    kind: Kind = "pickle"

    @property
    def needs_trust(self) -> bool:
        """Whether it is open_model only with the user's word: every pickle, and a ``.skops`` file with unknown types."""
        return self.kind == "pickle" or self.names_unknown

    @property
    def names_unknown(self) -> bool:
        """Whether it names what is not recognised, for which modules of the project may be needed."""
        return bool(_unrecognized(self.audit))


def examine(path: Path, report: Report = silent) -> ExaminedFile:
    """Look at a model file without loading it.

    Raises MlctlError: exit 6 for no file; exit 3 for one that cannot be read, and for what is neither a pickle
    nor a ``.skops`` file.
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
    """The fitted classifier or regressor of a file, as a child process wrote it again.

    ``trusted``: the user said so. Where the file names what is not recognised, the child can import the project's
    modules. Raises MlctlError (exit 3) for a file that was changed since it was examined, that cannot be open_model,
    that holds no such estimator, or whose estimator names more once it is written again.
    """
    path = examined.path
    if examined.needs_trust and not trusted:
        raise ValueError(f"{path} may not be open_model without the user's consent")
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
        _refuse_more(examined, _audit_of_rewritten(data), trusted)
        model = _loaded(data)
    except Unusable as refusal:
        raise _refused(path, refusal) from refusal
    report(Event("finish", "open", type(model).__name__))
    return model


def try_out(examined: ExaminedFile, model: Any, rows: Any, project_folder: Path) -> None:
    """Predict ``rows``, what the model takes, in a child process first: compiled code trusts the arrays of a model.

    Raises MlctlError (exit 3) where that crashes, hangs or takes all memory. What the model raises is no error here.
    """
    modules = project_folder if _unrecognized(examined.audit) else None
    try:
        process.predict(model, rows, limits.for_file, modules=modules, forbidden=(project_folder,))
    except Unusable as refusal:
        raise _refused(examined.path, refusal) from refusal


def _audit(copy: Path, name: str) -> Audit:
    try:
        return pickle_audit.audit(copy)
    except MlctlError as error:
        error.message = error.message.replace(str(copy), name, 1)
        error.args = (error.message,)
        raise


def _audit_of_skops(path: Path, copy: Copy) -> Audit:
    try:
        found = process.inspect(copy.path, limits.for_file(copy.size))
    except Unusable as refusal:
        raise _refused(path, refusal) from refusal
    unknown = {*found.untrusted} | {each for each in found.types if not _is_known(each)}
    return Audit(
        types=found.types,
        known=tuple(sorted({*found.types} - unknown)),
        unknown=tuple(sorted(unknown)),
        dangerous=(),
        sklearn_version=found.sklearn_version,
    )


def _is_known(dotted: str) -> bool:
    module, _, name = dotted.rpartition(".")
    return dotted in _OF_SKOPS or is_known(module, name)


def _audit_of_rewritten(data: bytes) -> Audit:
    # In a folder whose name the child never knew.
    with scratch_folder() as private:
        path = private / "model"
        path.write_bytes(data)
        try:
            return _audit(path, "The estimator, written again,")
        except MlctlError as error:
            raise Unusable(
                "was not imported: mlctl cannot read what the process that open_model it wrote", error.hint
            ) from error


def _unrecognized(audit: Audit) -> set[str]:
    """All that keeps a file from being recognised."""
    return {*audit.unknown, *audit.dangerous, *audit.calls}


def _callable(call: str) -> str:
    """The name in a finding "callable (why)"."""
    return call.partition(" (")[0]


def _refuse_more(examined: ExaminedFile, rewritten: Audit, trusted: bool) -> None:
    """Refuse an estimator that names more than its file did: the file's code may have taken over the process."""
    audit = examined.audit
    names = {*audit.types, *audit.dangerous} if trusted and _unrecognized(audit) else set()
    called = {_callable(call) for call in audit.calls} if trusted else set()
    more = sorted({*rewritten.unknown, *rewritten.dangerous} - names)
    more += [call for call in rewritten.calls if _callable(call) not in {*called, *more}]
    if more:
        raise Unusable(
            "was not imported: once open_model and saved again, it names "
            f"{', '.join(more[:3])}{', …' if len(more) > 3 else ''}, which the file did not name",
            "Its code did more than load a model. Do not use it.",
        )


def _loaded(data: bytes) -> Any:
    """The estimator, in this process."""
    with warnings.catch_warnings():
        # What there is to warn of, the child looked at.
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


def _refused(path: Path, refusal: Unusable) -> MlctlError:
    return MlctlError(
        f"{path.name} {refusal.what}.", code=refusal.code, exit_code=ExitCode.BAD_INPUT, hint=refusal.hint
    )
