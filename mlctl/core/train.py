"""``mlctl train``: cross-validate, fit, measure, take golden examples, compile, keep one model version."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline

from mlctl.data import builtin
from mlctl.data.dataset import Dataset
from mlctl.data.split import Split, stratified
from mlctl.errors import ExitCode, MlctlError
from mlctl.files import canonical_json, sha256
from mlctl.model import answers, gates, manifest, metrics, pipeline, reference, schema
from mlctl.model.answers import Example
from mlctl.model.gates import Gate
from mlctl.model.registry import Registry
from mlctl.packaging import archive, build, parity
from mlctl.portable.codegen import generate
from mlctl.portable.compile import compile_pipeline
from mlctl.portable.program import NotPortableError
from mlctl.progress import Event, Report, silent
from mlctl.settings import Settings


@dataclass(frozen=True)
class Trained:
    """A model version and how it did. ``created`` is false when it existed already, byte for byte."""

    version: str
    path: Path
    created: bool
    estimator: str
    class_names: tuple[str, ...]
    metrics: dict[str, Any]
    cv: dict[str, Any]
    engine: str
    engine_reason: str
    gates: tuple[Gate, ...]


def run(
    project_folder: Path, settings: Settings, report: Report = silent, *, base: dict[str, Any] | None = None
) -> Trained:
    """Train as the settings say and write one model version.

    ``base``: ``settings.identity()`` less what flags have changed, where they have.

    Raises MlctlError: exit 2 for an estimator or parameter that does not exist, exit 3 for data or
    values that scikit-learn refuses. An interruption leaves no trace of the version.
    """
    # A gate that cannot be is refused now, not after an hour of training.
    gates.check(dict.fromkeys(gates.METRICS, 0.0), settings.gates)
    dataset = builtin.load(settings.data.source, settings.data.target)
    split = stratified(dataset, test_size=settings.data.test_size, seed=settings.data.seed)
    unfitted = pipeline.build(settings.model, settings.data.seed)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            cv = _cross_validate(unfitted, dataset, split, settings, report)
            report(Event("start", "fit", f"Fitting on {len(split.train)} rows"))
            fitted = clone(unfitted).fit(dataset.features[split.train], dataset.target[split.train])
            predicted = fitted.predict(dataset.features[split.test])
    except (ValueError, TypeError) as error:
        raise MlctlError(
            f"scikit-learn refused to train {settings.model.estimator}: {_first_line(error)}",
            code="training_failed",
            exit_code=ExitCode.BAD_INPUT,
            hint="Check [model] params and preprocess, or the -p flags.",
        ) from error
    measured = metrics.compute(dataset.target[split.test], predicted, dataset.class_names)
    report(Event("finish", "fit", f"accuracy {measured['accuracy']:.3f} on {len(split.test)} held-out rows"))

    for sentence in sorted({_first_line(warning.message) for warning in warned}):
        report(Event("note", "fit", f"scikit-learn warns: {sentence}"))
    report(Event("start", "engine", "Compiling to the portable engine"))
    checked = split.test[: reference.HELD_OUT_AT_MOST]
    held_out = reference.examples(fitted, dataset.features[checked])
    golden = [held_out[at] for at in reference.choose_golden(checked, dataset.target)]
    files = {
        "model.joblib": _pickled(fitted),
        "schema.json": canonical_json(schema.build(dataset, split.train)),
        "metrics.json": canonical_json({**measured, "cv": cv}),
        "split.json": canonical_json({"format": 1, "test_rows": split.test.tolist()}),
        "heldout.json": canonical_json(answers.to_document(held_out)),
        "golden.json": canonical_json(answers.to_document(golden)),
    }
    compiled = _compile(fitted, dataset, held_out, files, settings)
    files |= compiled.files
    engine, reason = build.choose_engine(compiled.entry, settings.deploy.engine)
    outcome = f"parity {compiled.entry['parity']} on {len(held_out)} held-out rows" if compiled.files else reason
    report(Event("finish", "engine", outcome, ok=bool(compiled.files)))

    made = manifest.Manifest(
        project=settings.project,
        estimator=settings.model.estimator,
        preprocess=list(settings.model.preprocess),
        settings=settings.identity(),
        data={"source": dataset.name, "digest": dataset.digest, "rows": dataset.rows},
        libraries=manifest.library_versions(),
        platform=manifest.platform_tag(),
        portable=compiled.entry,
        files={name: sha256(data) for name, data in files.items()},
    )
    version, created = Registry(project_folder, settings.project).write(made, files, base or settings.identity())
    return Trained(
        version=version.id,
        path=version.path,
        created=created,
        estimator=settings.model.estimator,
        class_names=dataset.class_names,
        metrics=measured,
        cv=cv,
        engine=engine,
        engine_reason=reason,
        gates=gates.check(measured, settings.gates),
    )


def _cross_validate(
    unfitted: Pipeline, dataset: Dataset, split: Split, settings: Settings, report: Report
) -> dict[str, Any]:
    """Stratified k-fold over the training part only: the held-out rows stay unseen."""
    features, target = dataset.features[split.train], dataset.target[split.train]
    folds = StratifiedKFold(n_splits=settings.model.cv, shuffle=True, random_state=settings.data.seed)
    report(Event("start", "cv", f"Cross-validating, {settings.model.cv} folds", total=settings.model.cv))
    scores = []
    for fit_rows, check_rows in folds.split(features, target):
        fitted = clone(unfitted).fit(features[fit_rows], target[fit_rows])
        scores.append(metrics.compute(target[check_rows], fitted.predict(features[check_rows]), dataset.class_names))
        report(Event("advance", "cv", done=len(scores), total=settings.model.cv))
    summary = metrics.summarise_folds(scores)
    accuracy = summary["accuracy"]
    report(Event("finish", "cv", f"accuracy {accuracy['mean']:.3f} ± {accuracy['std']:.3f}"))
    return summary


def _pickled(fitted: Pipeline) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(fitted, buffer)
    return buffer.getvalue()


@dataclass(frozen=True)
class _Compiled:
    """The manifest's ``portable`` entry, and the files that go with it."""

    entry: dict[str, Any]
    files: dict[str, bytes]


def _compile(
    fitted: Pipeline, dataset: Dataset, held_out: list[Example], files: dict[str, bytes], settings: Settings
) -> _Compiled:
    """Compile, and run the result in a clean Python on the held-out rows: no parity, no portable."""
    try:
        model = compile_pipeline(fitted, len(dataset.feature_names))
    except NotPortableError as reason:
        return _Compiled(entry={"compiled": False, "reason": str(reason)}, files={})
    made = {build.PORTABLE_FILE: model.to_bytes()}
    source = generate(model)
    if source is not None:
        made[build.GENERATED_FILE] = source.encode()
    candidate = build.layout(
        {
            "version": "0" * 64,
            "project": settings.project,
            "estimator": settings.model.estimator,
            "parity": model.parity,
        },
        {
            "schema.json": files["schema.json"],
            "metrics.json": files["metrics.json"],
            build.PORTABLE_FILE: made[build.PORTABLE_FILE],
        },
        generated=made.get(build.GENERATED_FILE),
        python=settings.deploy.python,
    )
    difference = parity.first_difference(archive.write(candidate), held_out, dataset.labels, model.parity)
    if difference is not None:
        return _Compiled(entry={"compiled": False, "reason": f"no parity with scikit-learn: {difference}"}, files={})
    return _Compiled(entry={"compiled": True, "parity": model.parity}, files=made)


def _first_line(error: Exception | Warning | str) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
