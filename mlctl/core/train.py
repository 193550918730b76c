"""``mlctl train``: check the data, cross-validate, fit, measure, keep one model version."""

import json
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
from mlctl.training import metrics, pipeline, preprocessing


def run(
    project_folder: Path, settings: Settings, report: Report = silent, *, base: dict[str, Any] | None = None
) -> TrainedVersion:
    """Train as the settings say and write one model version.

    ``base``: ``settings.identity()`` less what flags have changed, where they have.

    Raises MlctlError: exit 2 for an estimator or parameter that does not exist, exit 3 for data or
    values that cannot be trained on. An interruption leaves no trace of the version.
    """
    # A gate that cannot be is refused now, not after an hour of training.
    gates.check_bounds(settings.gates)
    # Nor does a folder that cannot be written to wait until then.
    refuse_unwritable(Registry(project_folder, settings.project).folder)
    files = fingerprints(settings, project_folder)
    dataset = loading.load(settings, project_folder, report)
    gates.check_bounds(settings.gates, gates.of_task(dataset.task))
    findings = checks.check(dataset, settings)
    checks.refuse(dataset, findings)
    parts = split.hold_out(dataset, settings.data)
    for sentence in (*findings.warnings, *split.missing_classes(dataset, parts)):
        report(Event("warning", "data", sentence))
    with pipeline.own_modules(settings.model, project_folder):
        unfitted = pipeline.make_pipeline(settings.model, dataset, settings.data.seed, project_folder)
        # Nor is one on a metric that this estimator does not give, or a pipeline that cannot be written down.
        gates.check_bounds(settings.gates, metrics.possible(unfitted, dataset, parts.test))
        model_version.pickled(unfitted)
        _tell_preprocessing(settings, dataset, report)
        # Told before hours of training, not after.
        if reason := support.unsupported(unfitted):
            report(Event("warning", "engine", f"This model will not be deployable with this release: {reason}."))
        with _refusals(settings.model.pipeline or pipeline.estimator_name(unfitted), settings, dataset, report):
            cv = _cross_validate(unfitted, dataset, parts, settings, report)
            report(Event("start", "fit", f"Fitting on {len(parts.train)} rows"))
            fitted = clone(unfitted).fit(dataset.frame(parts.train), dataset.answers(parts.train))
            measured = metrics.measure(fitted, dataset, parts.test)
        report(Event("finish", "fit", f"{_in_a_word(measured)} on {len(parts.test)} held-out rows"))
        return model_version.keep(
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
def _refusals(name: str, settings: Settings, dataset: Dataset, report: Report) -> Iterator[None]:
    """What an estimator raises and warns of, in the tool's words."""
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield
    except MlctlError:
        raise
    except (Exception, SystemExit) as error:
        own = settings.model.pipeline is not None
        if not own and not isinstance(error, ValueError | TypeError):
            raise
        raise MlctlError(
            f"{name} failed to train: {type(error).__name__}: {first_line(error, type(error).__name__)}"
            if own
            else f"scikit-learn refused to train {name}: {first_line(error, type(error).__name__)}",
            code="training_failed",
            exit_code=ExitCode.BAD_INPUT,
            hint="`mlctl --debug train` shows where." if own else _hint(settings, dataset),
        ) from error
    for sentence in sorted({first_line(warning.message, type(warning.message).__name__) for warning in warned}):
        report(Event("note", "fit", f"scikit-learn warns: {sentence}"))


def _hint(settings: Settings, dataset: Dataset) -> str:
    if any(isinstance(label, float) for label in dataset.labels):
        name = json.dumps(dataset.target_name, ensure_ascii=False)
        return f'Fractions are no classes: set [data] kinds = {{ {name} = "category" }}, or task = "regression".'
    if settings.model.preprocess != "auto" and any(
        each.kind == "category" or each.missing for each in dataset.features
    ):
        return 'Texts and missing values must become numbers first: [model] preprocess = "auto" does that.'
    if len(dataset.targets) > 1:
        return (
            "If it takes one target alone, let a function that [model] pipeline names return it in "
            "sklearn.multioutput.MultiOutputRegressor: one of it for each target."
        )
    return "Check [model] params and preprocess, or the -p flags."


def _tell_preprocessing(settings: Settings, dataset: Dataset, report: Report) -> None:
    """Say what the default preprocessing does with which columns."""
    if settings.model.pipeline or settings.model.preprocess != "auto":
        return
    for block in preprocessing.blocks(dataset):
        shown = ", ".join(block.columns[:6]) + (f", … ({len(block.columns)} in all)" if len(block.columns) > 6 else "")
        report(Event("note", "preprocess", f"  {block.name}: {shown}: {block.what}"))


def _cross_validate(
    unfitted: Pipeline, dataset: Dataset, parts: Split, settings: Settings, report: Report
) -> dict[str, Any]:
    count = settings.model.cv
    report(Event("start", "cv", f"Cross-validating, {count} folds", total=count))
    scores = []
    for fit_rows, check_rows in split.folds(dataset, parts, settings.data, count):
        fitted = clone(unfitted).fit(dataset.frame(fit_rows), dataset.answers(fit_rows))
        scores.append(metrics.measure(fitted, dataset, check_rows))
        report(Event("advance", "cv", done=len(scores), total=count))
    summary = metrics.summarise_folds(scores)
    name = gates.headline(summary)
    report(Event("finish", "cv", f"{name} {summary[name]['mean']:.3f} ± {summary[name]['std']:.3f}"))
    return summary


def _in_a_word(measured: dict[str, Any]) -> str:
    name = gates.headline(measured)
    return f"{name} {measured[name]:.3f}"
