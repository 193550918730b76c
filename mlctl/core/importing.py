"""``mlctl import``: somebody's fitted scikit-learn model becomes a model version."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from mlctl.core import keeping
from mlctl.core.keeping import Kept
from mlctl.data import loading
from mlctl.data.dataset import Dataset
from mlctl.errors import ExitCode, MlctlError, first_line
from mlctl.files import sha256, sha256_of_file
from mlctl.model import gates, held_out, metrics, pickle_audit, pipeline
from mlctl.model.pickle_audit import Audit
from mlctl.model.pipeline import ESTIMATOR_STEP, Takes
from mlctl.model.registry import Origin
from mlctl.model.sources import fingerprints
from mlctl.progress import Event, Report, silent
from mlctl.settings import Settings


@dataclass(frozen=True)
class Examined:
    """A file that was looked at without opening it: what it names, and the digest of the bytes that were looked at."""

    path: Path
    audit: Audit
    sha256: str


def examine(path: Path) -> Examined:
    """Look at a pickle without loading it. Raises MlctlError: exit 6 for no file, exit 3 for no pickle."""
    if not path.is_file():
        raise MlctlError(
            f"There is no file {path}.",
            code="model_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint="Give what joblib.dump or pickle.dump wrote.",
        )
    before = sha256_of_file(path)
    audit = pickle_audit.audit(path)
    if sha256_of_file(path) != before:
        raise _refused(path, "changes while it is looked at", "Run the command again when it is written.")
    return Examined(path, audit, before)


def run(project_folder: Path, settings: Settings, examined: Examined, report: Report = silent) -> Kept:
    """Open a file that the user trusts, and keep the model in it as a version.

    ``settings`` name the data: rows with the model's features and the target. The schema, the golden
    examples, the metrics and the parity come from all of them. Raises MlctlError (exit 3) for a file that
    holds no fitted classifier or regressor, and for data that does not fit it.
    """
    gates.refuse_impossible(settings.gates)
    with pipeline.project_modules(project_folder):
        model = _opened(examined)
        fitted = model if isinstance(model, Pipeline) else Pipeline([(ESTIMATOR_STEP, model)])
        settings = _for_the_model(settings, fitted)
        dataset = loading.load(settings, project_folder, report)
        takes = _takes(model)
        labels = () if dataset.is_regression else tuple(np.asarray(fitted.classes_).tolist())
        dataset = held_out.as_the_model_has(dataset, _features_of(model, dataset, takes), labels)
        rows = np.arange(dataset.rows)
        report(Event("start", "measure", f"Measuring on {dataset.rows} rows"))
        try:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                measured = metrics.measure(fitted, dataset, rows, takes)
        except MlctlError:
            raise
        except (Exception, SystemExit) as error:
            # The model is somebody's code: whatever it raises is about the data that it was given.
            raise _refused(
                examined.path,
                f"cannot predict the rows of {dataset.name}: {type(error).__name__}: {first_line(error)}",
                "Give --data rows like those that it was trained on.",
            ) from error
        for sentence in sorted({first_line(warning.message) for warning in warned}):
            report(Event("note", "measure", f"scikit-learn warns: {sentence}"))
        name = gates.headline(measured)
        report(Event("finish", "measure", f"{name} {measured[name]:.3f}"))
        report(Event("warning", "measure", "If the model was trained on these rows, its metrics flatter it."))
        recorded = settings.identity() | {"model": {"imported": examined.path.name, "sha256": examined.sha256}}
        return keeping.keep(
            project_folder,
            settings,
            fitted,
            dataset,
            train_rows=rows,
            test_rows=rows,
            metrics=measured,
            cv=None,
            takes=takes,
            recorded=recorded,
            origin=Origin(source=settings.data.source, files=fingerprints(settings, project_folder)),
            report=report,
        )


def _opened(examined: Examined) -> Any:
    path = examined.path
    data = path.read_bytes()
    if sha256(data) != examined.sha256:
        raise _refused(path, "was changed since it was looked at", "Run the command again.")
    saved_by = examined.audit.sklearn_version
    if saved_by not in (None, sklearn.__version__):
        raise _other_release(path, str(saved_by))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            model = joblib.load(io.BytesIO(data))
        except (Exception, SystemExit) as error:
            # A pickle is a program; it may raise anything.
            raise _refused(
                path,
                f"cannot be opened: {type(error).__name__}: {first_line(error)}",
                "Install the libraries that it was made with; modules of your own belong in the project's folder.",
            ) from error
    for warning in warned:
        if isinstance(warning.message, InconsistentVersionWarning):
            raise _other_release(path, warning.message.original_sklearn_version)
    if hasattr(model, "refit") and not hasattr(model, "best_estimator_"):
        raise _refused(
            path,
            f"holds {type(model).__name__} without a best estimator",
            "Fit the search with refit=True, then save it.",
        )
    # A search is its best estimator once it is fitted.
    model = getattr(model, "best_estimator_", model)
    if not (isinstance(model, BaseEstimator) and (is_classifier(model) or is_regressor(model))):
        raise _refused(
            path,
            f"holds {type(model).__name__}, which is no scikit-learn classifier or regressor",
            "Save the model itself.",
        )
    if isinstance(getattr(model, "classes_", None), list):
        raise _refused(path, "predicts several targets at once", "Save one model for each target.")
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise _refused(path, f"holds {type(model).__name__} that was never fitted", "Save it after fit().") from None
    return model


def _takes(model: Any) -> Takes:
    """Columns by name, unless the model knows how many it had but not what they were called."""
    return "array" if hasattr(model, "n_features_in_") and not hasattr(model, "feature_names_in_") else "frame"


def _for_the_model(settings: Settings, fitted: Pipeline) -> Settings:
    """The settings with the task and the kind of classes of the model, which knows better than a guess from rows."""
    data = settings.data
    if is_regressor(fitted):
        return settings.model_copy(update={"data": data.model_copy(update={"task": "regression"})})
    kinds = data.kinds
    if isinstance(data.target, str) and all(isinstance(label, str) for label in np.asarray(fitted.classes_).tolist()):
        # Classes that look like numbers may have been texts.
        kinds = {data.target: "category", **kinds}
    # How many classes there are the model tells; the rows need not hold them all.
    return settings.model_copy(update={"data": data.model_copy(update={"task": "multiclass", "kinds": kinds})})


def _features_of(model: Any, dataset: Dataset, takes: Takes) -> list[str]:
    """The columns that the model was fitted on; of one that was fitted on arrays their number tells."""
    if takes == "frame" and hasattr(model, "feature_names_in_"):
        return [str(name) for name in model.feature_names_in_]
    wanted = getattr(model, "n_features_in_", len(dataset.features))
    if wanted != len(dataset.features):
        raise held_out.unfit(
            dataset,
            f"has {len(dataset.features)} columns besides the target {dataset.target_name}, "
            f"but the model was fitted on {wanted}.",
        )
    return list(dataset.feature_names)


def _other_release(path: Path, saved_by: str) -> MlctlError:
    return _refused(
        path,
        f"was saved by scikit-learn {saved_by}, and {sklearn.__version__} is installed: "
        "its answers may differ without a sign",
        f"Install scikit-learn=={saved_by}, or save the model anew with the installed version.",
    )


def _refused(path: Path, what: str, hint: str) -> MlctlError:
    return MlctlError(f"{path.name} {what}.", code="model_unusable", exit_code=ExitCode.BAD_INPUT, hint=hint)
