"""Makes a model version from a fitted pipeline, for ``mlctl train`` and ``mlctl import``."""

import io
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.pipeline import Pipeline

from mlctl.data.columns import Integers
from mlctl.data.dataset import Dataset
from mlctl.errors import ExitCode, MlctlError, first_line
from mlctl.files import canonical_json, sha256
from mlctl.packaging import build, portable_files
from mlctl.progress import Event, Report
from mlctl.registry import answers, gates, manifest, schema, trust
from mlctl.registry.answers import Example
from mlctl.registry.gates import Gate
from mlctl.registry.store import Origin, Registry
from mlctl.settings import Settings
from mlctl.training import pipeline, reference_answers
from mlctl.training.pipeline import Takes


@dataclass(frozen=True)
class TrainedVersion:
    """A model version and its metrics. ``created`` is false if an identical version already exists.

    ``cv`` is None without cross-validation.
    """

    version: str
    path: Path
    created: bool
    estimator: str
    task: str
    class_names: tuple[str, ...]
    metrics: dict[str, Any]
    cv: dict[str, Any] | None
    engine: str
    engine_reason: str
    gates: tuple[Gate, ...]


def store(
    project_folder: Path,
    settings: Settings,
    fitted: Pipeline,
    dataset: Dataset,
    *,
    train_rows: Integers,
    test_rows: Integers,
    metrics: dict[str, Any],
    cv: dict[str, Any] | None,
    takes: Takes,
    recorded: Mapping[str, Any],
    origin: Origin,
    report: Report,
) -> TrainedVersion:
    """Write a fitted pipeline as a model version.

    ``train_rows``: rows for the ranges of the schema. ``test_rows``: rows for the examples. ``recorded``: the settings
    that the version depends on.
    """
    gate_results = gates.check(metrics, settings.gates)
    labels = () if dataset.is_regression else tuple(np.asarray(fitted.classes_).tolist())
    model_schema = schema.make_schema(dataset, train_rows, labels)
    held_out, golden = _examples(fitted, dataset, test_rows, takes, report)
    files = {
        "model.joblib": pickled(fitted),
        "schema.json": canonical_json(model_schema),
        "metrics.json": canonical_json({**metrics, "cv": cv}),
        "split.json": canonical_json({"format": 1, "test_rows": test_rows.tolist()}),
        "heldout.json": canonical_json(answers.to_document(held_out)),
        "golden.json": canonical_json(answers.to_document(golden)),
    }
    report(Event("start", "engine", "Compiling to the portable engine"))
    estimator = pipeline.estimator_name(fitted)
    compiled = portable_files.compile_and_prove(
        fitted,
        files,
        model_schema["features"],
        labels,
        held_out,
        project=settings.project,
        estimator=estimator,
        python=settings.deploy.python,
    )
    files |= compiled.files
    engine, reason = build.choose_engine(compiled.entry, settings.deploy.engine)
    outcome = f"parity {compiled.entry['parity']} on {len(held_out)} held-out rows" if compiled.files else reason
    report(Event("finish", "engine", outcome, ok=bool(compiled.files)))
    version_manifest = manifest.Manifest(
        project=settings.project,
        estimator=estimator,
        preprocess=pipeline.step_names(fitted),
        settings=dict(recorded),
        data={"source": dataset.name, "digest": dataset.digest, "rows": dataset.rows, "takes": takes},
        libraries=manifest.library_versions(),
        platform=manifest.platform_tag(),
        portable=compiled.entry,
        files={name: sha256(data) for name, data in files.items()},
    )
    version, created = Registry(project_folder, settings.project).write(version_manifest, files, origin)
    trust.remember(version.id, files["model.joblib"], project_folder, report)
    return TrainedVersion(
        version=version.id,
        path=version.path,
        created=created,
        estimator=estimator,
        task=dataset.task,
        class_names=dataset.class_names,
        metrics=metrics,
        cv=cv,
        engine=engine,
        engine_reason=reason,
        gates=gate_results,
    )


def _examples(
    fitted: Pipeline, dataset: Dataset, test_rows: Integers, takes: Takes, report: Report
) -> tuple[list[Example], list[Example]]:
    """Return the held-out examples, and the golden examples among them."""
    example_rows = test_rows[: reference_answers.HELD_OUT_AT_MOST]
    total = len(example_rows)
    report(Event("start", "examples", f"Predicting {total} rows with scikit-learn, one at a time", total=total))

    def advance(done: int) -> None:
        report(Event("advance", "examples", done=done, total=total))

    rows = pipeline.inputs(dataset, example_rows, takes)
    try:
        with warnings.catch_warnings():
            # The same warnings were reported when the model was measured.
            warnings.simplefilter("ignore")
            outputs = [column.name for column in dataset.targets] if len(dataset.targets) > 1 else []
            held_out = reference_answers.examples(
                fitted, rows, list(dataset.requests(example_rows)), advance, outputs=outputs
            )
    except (Exception, SystemExit) as error:
        # A custom pipeline may fail for a single row, which it has never predicted before.
        raise MlctlError(
            f"{pipeline.estimator_name(fitted)} cannot predict a single row: {type(error).__name__}: "
            f"{first_line(error)}",
            code="prediction_failed",
            exit_code=ExitCode.BAD_INPUT,
            hint="The API predicts single rows; `mlctl --debug` shows where it fails.",
        ) from error
    classes = None if dataset.is_regression else dataset.classes[example_rows]
    golden = [held_out[index] for index in reference_answers.choose_golden(classes, total)]
    report(Event("finish", "examples", f"{len(golden)} of them are golden examples"))
    return held_out, golden


def pickled(fitted: Pipeline) -> bytes:
    """Return a pipeline as joblib writes it. Raises MlctlError (exit 3) if it cannot be pickled."""
    buffer = io.BytesIO()
    try:
        joblib.dump(fitted, buffer)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise MlctlError(
            f"The pipeline cannot be saved: {first_line(error)}.",
            code="pipeline_unsavable",
            exit_code=ExitCode.BAD_INPUT,
            hint="Use functions that are defined at the top level of a module, not lambdas or nested functions.",
        ) from error
    return buffer.getvalue()
