"""Makes a model version of a fitted scikit-learn model in a file, for ``mlctl import``."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import is_regressor
from sklearn.pipeline import Pipeline

from mlctl.core.shared import held_out, model_file, model_version
from mlctl.core.shared.model_file import ExaminedFile
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
    project_folder: Path, settings: Settings, examined: ExaminedFile, report: Report = silent, *, trusted: bool
) -> TrainedVersion:
    """Open a file in a child process, and store its model as a version, pickled again by mlctl.

    ``trusted``: the user trusts the file. Every file needs it, except a ``.skops`` file with only known types.
    ``settings``: they name the data, rows with the features of the model and the target. All rows are used for the
    schema, the golden examples, the metrics and the parity.

    Raises MlctlError (exit 3) for a file without a fitted classifier or regressor, and for data that does not fit it.
    """
    gates.check_bounds(settings.gates)
    with project_modules(project_folder) if trusted and examined.names_unknown else stdout_apart():
        model = model_file.open_model(examined, project_folder, trusted=trusted, report=report)
        fitted = model if isinstance(model, Pipeline) else Pipeline([(ESTIMATOR_STEP, model)])
        settings = _settings_for(fitted, settings)
        dataset = loading.load(settings, project_folder, report)
        takes = _input_type(model)
        labels = () if dataset.is_regression else tuple(np.asarray(fitted.classes_).tolist())
        dataset = held_out.adapt_to_model(dataset, _features_of(model, dataset, takes), labels)
        rows = np.arange(dataset.rows)
        report(Event("start", "measure", f"Measuring on {dataset.rows} rows"))
        model_file.try_out(examined, fitted, inputs(dataset, rows, takes), project_folder)
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                measured = metrics.measure(fitted, dataset, rows, takes)
        except MlctlError:
            raise
        except (Exception, SystemExit) as error:
            # The model may be custom code, so any exception can mean that the data does not fit.
            raise _unusable(
                examined.path,
                f"cannot predict the rows of {dataset.name}: {type(error).__name__}: {first_line(error)}",
                "Set --data to rows like those that it was trained on.",
            ) from error
        for message in sorted({first_line(warning.message) for warning in caught}):
            report(Event("note", "measure", f"scikit-learn warns: {message}"))
        name = gates.headline(measured)
        report(Event("finish", "measure", f"{name} {measured[name]:.3f}"))
        report(
            Event(
                "warning",
                "measure",
                "If the model was trained on these rows, its metrics are better than they should be.",
            )
        )
        recorded = settings.identity() | {"model": {"imported": examined.path.name, "sha256": examined.sha256}}
        return model_version.store(
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


def _input_type(model: Any) -> Takes:
    """Return "frame", or "array" for a model that was fitted on columns without names."""
    return "array" if hasattr(model, "n_features_in_") and not hasattr(model, "feature_names_in_") else "frame"


def _settings_for(fitted: Pipeline, settings: Settings) -> Settings:
    """Return the settings with the task and the kind of the target that the model has, instead of a guess."""
    data = settings.data
    if is_regressor(fitted):
        return settings.model_copy(update={"data": data.model_copy(update={"task": "regression"})})
    kinds = data.kinds
    if isinstance(data.target, str) and all(isinstance(label, str) for label in np.asarray(fitted.classes_).tolist()):
        # The classes are texts, even if they look like numbers.
        kinds = {data.target: "category", **kinds}
    # The number of classes comes from the model, because the rows may not contain all of them.
    return settings.model_copy(update={"data": data.model_copy(update={"task": "multiclass", "kinds": kinds})})


def _features_of(model: Any, dataset: Dataset, takes: Takes) -> list[str]:
    """Return the columns that the model was fitted on: by name, or all columns if it was fitted on arrays."""
    if takes == "frame" and hasattr(model, "feature_names_in_"):
        return [str(name) for name in model.feature_names_in_]
    count = getattr(model, "n_features_in_", len(dataset.features))
    if count != len(dataset.features):
        raise held_out.data_unfit(
            dataset,
            f"has {len(dataset.features)} columns besides the target {dataset.target_name}, "
            f"but the model was fitted on {count}.",
        )
    return list(dataset.feature_names)


def _unusable(path: Path, reason: str, hint: str) -> MlctlError:
    return MlctlError(f"{path.name} {reason}.", code="model_unusable", exit_code=ExitCode.BAD_INPUT, hint=hint)
