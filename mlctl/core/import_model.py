"""``mlctl import``: somebody's fitted scikit-learn model becomes a model version."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import is_regressor
from sklearn.pipeline import Pipeline

from mlctl.core.shared import held_out, model_file, model_version
from mlctl.core.shared.model_file import Examined
from mlctl.core.shared.model_version import TrainedVersion
from mlctl.data import loading
from mlctl.data.dataset import Dataset
from mlctl.errors import ExitCode, MlctlError, first_line
from mlctl.progress import Event, Report, silent
from mlctl.project_modules.importer import project_modules, stdout_apart
from mlctl.registry import gates
from mlctl.registry.sources import fingerprints
from mlctl.registry.store import Origin
from mlctl.settings import Settings
from mlctl.training import metrics
from mlctl.training.pipeline import ESTIMATOR_STEP, Takes, inputs


def run(
    project_folder: Path, settings: Settings, examined: Examined, report: Report = silent, *, trusted: bool
) -> TrainedVersion:
    """Open a file in a child process, and keep the model in it as a version: as mlctl wrote it, not as it came.

    ``trusted``: the user trusts the file, which all but a ``.skops`` file with known types alone needs.

    ``settings`` name the data: rows with the model's features and the target. The schema, the golden
    examples, the metrics and the parity come from all of them. Raises MlctlError (exit 3) for a file that
    holds no fitted classifier or regressor, and for data that does not fit it.
    """
    gates.check_bounds(settings.gates)
    with project_modules(project_folder) if trusted and examined.names_unknown else stdout_apart():
        model = model_file.opened(examined, project_folder, trusted=trusted, report=report)
        fitted = model if isinstance(model, Pipeline) else Pipeline([(ESTIMATOR_STEP, model)])
        settings = _for_the_model(settings, fitted)
        dataset = loading.load(settings, project_folder, report)
        takes = _takes(model)
        labels = () if dataset.is_regression else tuple(np.asarray(fitted.classes_).tolist())
        dataset = held_out.as_the_model_has(dataset, _features_of(model, dataset, takes), labels)
        rows = np.arange(dataset.rows)
        report(Event("start", "measure", f"Measuring on {dataset.rows} rows"))
        model_file.try_out(examined, fitted, inputs(dataset, rows, takes), project_folder)
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
        return model_version.keep(
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


def _refused(path: Path, what: str, hint: str) -> MlctlError:
    return MlctlError(f"{path.name} {what}.", code="model_unusable", exit_code=ExitCode.BAD_INPUT, hint=hint)
