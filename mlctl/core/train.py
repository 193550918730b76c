"""Trains and stores a model version: checks the data, cross-validates, fits and measures, for ``mlctl train``."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from mlctl.core.shared import model_version
from mlctl.core.shared.model_version import TrainedVersion
from mlctl.data import checks, loading, split
from mlctl.data.dataset import Dataset
from mlctl.data.split import Split
from mlctl.disk import refuse_unwritable
from mlctl.errors import ExitCode, MlctlError, first_line
from mlctl.portable import support
from mlctl.progress import Event, Report, silent
from mlctl.registry import gates
from mlctl.registry.sources import fingerprints
from mlctl.registry.store import Origin, Registry
from mlctl.settings import Settings
from mlctl.toml import toml_text
from mlctl.training import metrics, pipeline, preprocessing


def run(
    project_folder: Path, settings: Settings, report: Report = silent, *, base: dict[str, Any] | None = None
) -> TrainedVersion:
    """Train a model with the settings and write one model version.

    ``base``: ``settings.identity()`` without the changes of flags, if there are any.

    Raises MlctlError: exit 2 for an estimator or parameter that does not exist; exit 3 for data or values that cannot
    be used for training. An interruption leaves no partial version.
    """
    # Check gates and the folder now, not after an hour of training.
    gates.check_bounds(settings.gates)
    refuse_unwritable(Registry(project_folder, settings.project).folder)
    files = fingerprints(settings, project_folder)
    dataset = loading.load(settings, project_folder, report)
    gates.check_bounds(settings.gates, gates.of_task(dataset.task))
    findings = checks.check(dataset, settings)
    checks.refuse(dataset, findings)
    parts = split.hold_out(dataset, settings.data)
    for warning in (*findings.warnings, *split.missing_classes(dataset, parts)):
        report(Event("warning", "data", warning))
    with pipeline.own_modules(settings.model, project_folder):
        unfitted = pipeline.make_pipeline(settings.model, dataset, settings.data.seed, project_folder)
        # Also fail now for a gate on a metric that this estimator does not have, or a pipeline that cannot be pickled.
        gates.check_bounds(settings.gates, metrics.possible(unfitted, dataset, parts.test))
        model_version.pickled(unfitted)
        _report_preprocessing(settings, dataset, report)
        if reason := support.unsupported(unfitted):
            report(Event("warning", "engine", f"You cannot deploy this model with this release: {reason}."))
        with _training_errors(settings.model.pipeline or pipeline.estimator_name(unfitted), settings, dataset, report):
            cv = _cross_validate(unfitted, dataset, parts, settings, report)
            report(Event("start", "fit", f"Fitting on {len(parts.train)} rows"))
            fitted = clone(unfitted).fit(dataset.frame(parts.train), dataset.answers(parts.train))
            measured = metrics.measure(fitted, dataset, parts.test)
        report(Event("finish", "fit", f"{_headline(measured)} on {len(parts.test)} held-out rows"))
        return model_version.store(
            project_folder,
            settings,
            fitted,
            dataset,
            train_rows=parts.train,
            test_rows=parts.test,
            metrics=measured,
            cv=cv,
            takes="frame",
            recorded=settings.identity(),
            origin=Origin(source=settings.data.source, base=base or settings.identity(), files=files),
            report=report,
        )


@contextmanager
def _training_errors(name: str, settings: Settings, dataset: Dataset, report: Report) -> Iterator[None]:
    """Convert the exceptions of an estimator to MlctlError (exit 3), and report its warnings."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    except MlctlError:
        raise
    except (Exception, SystemExit) as error:
        is_custom = settings.model.pipeline is not None
        if not is_custom and not isinstance(error, ValueError | TypeError):
            raise
        raise MlctlError(
            f"{name} failed to train: {type(error).__name__}: {first_line(error, type(error).__name__)}"
            if is_custom
            else f"scikit-learn cannot train {name}: {first_line(error, type(error).__name__)}",
            code="training_failed",
            exit_code=ExitCode.BAD_INPUT,
            hint="`mlctl --debug train` shows where." if is_custom else _hint(settings, dataset),
        ) from error
    for message in sorted({first_line(warning.message, type(warning.message).__name__) for warning in caught}):
        report(Event("note", "fit", f"scikit-learn warns: {message}"))


def _hint(settings: Settings, dataset: Dataset) -> str:
    if any(isinstance(label, float) for label in dataset.labels):
        name = toml_text(dataset.target_name)
        return f'Fractions cannot be classes: set [data] kinds = {{ {name} = "category" }}, or task = "regression".'
    if settings.model.preprocess != "auto" and any(
        feature.kind == "category" or feature.missing for feature in dataset.features
    ):
        return '[model] preprocess = "auto" converts texts and missing values to numbers, which the estimator needs.'
    if len(dataset.targets) > 1:
        return (
            "If the estimator supports only one target, set [model] pipeline to a function that returns it in "
            "sklearn.multioutput.MultiOutputRegressor."
        )
    return "Check [model] params and preprocess, or the -p flags."


def _report_preprocessing(settings: Settings, dataset: Dataset, report: Report) -> None:
    """Report what the default preprocessing does with each column."""
    if settings.model.pipeline or settings.model.preprocess != "auto":
        return
    for block in preprocessing.blocks(dataset):
        more = f", … ({len(block.columns)} in total)" if len(block.columns) > 6 else ""
        report(Event("note", "preprocess", f"  {block.name}: {', '.join(block.columns[:6])}{more}: {block.what}"))


def _cross_validate(
    unfitted: Pipeline, dataset: Dataset, parts: Split, settings: Settings, report: Report
) -> dict[str, Any]:
    count = settings.model.cv
    report(Event("start", "cv", f"Cross-validating, {count} folds", total=count))
    scores = []
    for train_rows, validation_rows in split.folds(dataset, parts, settings.data, count):
        fitted = clone(unfitted).fit(dataset.frame(train_rows), dataset.answers(train_rows))
        scores.append(metrics.measure(fitted, dataset, validation_rows))
        report(Event("advance", "cv", done=len(scores), total=count))
    summary = metrics.summarise_folds(scores)
    name = gates.headline(summary)
    report(Event("finish", "cv", f"{name} {summary[name]['mean']:.3f} ± {summary[name]['std']:.3f}"))
    return summary


def _headline(measured: dict[str, Any]) -> str:
    name = gates.headline(measured)
    return f"{name} {measured[name]:.3f}"
