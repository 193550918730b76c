"""Metrics of a fitted model, as plain numbers and lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    median_absolute_error,
    precision_recall_fscore_support,
    r2_score,
    roc_auc_score,
)
from sklearn.pipeline import Pipeline

from mlctl.data.columns import Column, Floats, Integers
from mlctl.data.dataset import Dataset
from mlctl.errors import ExitCode, MlctlError
from mlctl.registry import gates
from mlctl.training.pipeline import Takes, inputs


@dataclass(frozen=True, eq=False)
class Predictions:
    """The predictions for some rows; all arrays have shape (rows,).

    ``values``: positions of classes, or numbers of a regression, of shape (rows, targets) with several targets.
    For two classes also the ``probabilities`` of the second class and ``scores`` that rank by it, if the model has
    them.
    """

    values: Any
    probabilities: Floats | None = None
    scores: Floats | None = None


def predict(fitted: Pipeline, dataset: Dataset, rows: Integers, takes: Takes) -> Predictions:
    """Predict ``rows`` (row numbers) of the dataset, all at once."""
    features = inputs(dataset, rows, takes)
    if dataset.is_regression:
        return Predictions(_numbers(fitted.predict(features), dataset, len(rows)))
    # Positions among the labels of all data, because a fold can lack a class.
    positions = {label: index for index, label in enumerate(dataset.labels)}
    labels = np.asarray(fitted.predict(features)).tolist()
    unknown = next((label for label in labels if label not in positions), None)
    if unknown is not None:
        raise MlctlError(
            f"The model predicts {unknown!r}, which is not a class of {dataset.target_name}.",
            code="class_unknown",
            exit_code=ExitCode.BAD_INPUT,
            hint=f"The classes are {', '.join(repr(label) for label in dataset.labels[:8])}.",
        )
    values = np.array([positions[label] for label in labels], dtype=np.int64)
    if dataset.task != "binary" or len(fitted.classes_) != 2:
        return Predictions(values)
    if hasattr(fitted, "predict_proba"):
        second = np.asarray(fitted.predict_proba(features), dtype=np.float64)[:, 1]
        return Predictions(values, second, second)
    scores = fitted.decision_function(features) if hasattr(fitted, "decision_function") else None
    return Predictions(values, None, scores)


def possible(pipeline: Pipeline, dataset: Dataset, rows: Integers) -> tuple[str, ...]:
    """The metrics that ``measure`` will compute on ``rows``; the pipeline need not be fitted."""
    names = gates.of_task(dataset.task)
    if dataset.task != "binary":
        return names
    unavailable: tuple[str, ...] = ()
    if len(np.unique(dataset.classes[rows])) < 2:
        unavailable = gates.OF_TWO_CLASSES
    elif not hasattr(pipeline, "predict_proba"):
        unavailable = ("log_loss", "brier") if hasattr(pipeline, "decision_function") else gates.OF_TWO_CLASSES
    return tuple(name for name in names if name not in unavailable)


def measure(fitted: Pipeline, dataset: Dataset, rows: Integers, takes: Takes = "frame") -> dict[str, Any]:
    """The metrics of a fitted model on ``rows`` (row numbers) of the dataset."""
    return compute(dataset, rows, predict(fitted, dataset, rows, takes))


def compute(dataset: Dataset, rows: Integers, predicted: Predictions) -> dict[str, Any]:
    """The metrics of predictions.

    Classes: accuracy; precision, recall and F1, macro-averaged and per class; the confusion matrix,
    row i the true class i, column j the predicted class j. A ratio with an empty denominator is 0. Two
    classes: also ROC AUC, average precision, log loss and Brier score of the second. Regression: R²,
    mean and median absolute error and the root of the mean squared error, in the target's unit. Several
    targets: each metric's plain mean over them (scikit-learn's ``uniform_average``), those of each in ``outputs``.
    """
    if dataset.is_regression:
        values = predicted.values.reshape(len(rows), -1)
        each = [_of_target(target, rows, values[:, at]) for at, target in enumerate(dataset.targets)]
        return each[0] if len(each) == 1 else _of_outputs([target.name for target in dataset.targets], each)
    expected = dataset.classes[rows]
    found = of_classes(expected, predicted.values, dataset.class_names)
    if dataset.task == "binary" and len(np.unique(expected)) == 2:
        if predicted.scores is not None:
            found["roc_auc"] = float(roc_auc_score(expected, predicted.scores))
            found["average_precision"] = float(average_precision_score(expected, predicted.scores))
        if predicted.probabilities is not None:
            found["log_loss"] = float(log_loss(expected, predicted.probabilities))
            found["brier"] = float(brier_score_loss(expected, predicted.probabilities))
    return found


def _numbers(predicted: Any, dataset: Dataset, rows: int) -> Floats:
    """The predicted numbers, (rows,) or (rows, targets). Raises MlctlError (exit 3) for another number of outputs."""
    values = np.asarray(predicted, dtype=np.float64)
    expected = len(dataset.targets)
    if values.size != rows * expected:
        outputs = values.size // rows
        raise MlctlError(
            f"The model predicts {outputs} numbers for each row, but [data] target has {expected}: "
            f"{dataset.target_name}.",
            code="outputs_differ",
            exit_code=ExitCode.BAD_INPUT,
            hint="Set [data] target to the columns that the model predicts, in the same order.",
        )
    return values.reshape(-1) if expected == 1 else values.reshape(rows, expected)


def _of_target(target: Column, rows: Integers, predicted: Floats) -> dict[str, Any]:
    found = of_numbers(target.floats(rows), predicted)
    if not all(np.isfinite(value) for value in found.values()):
        raise MlctlError(
            f"{target.name} cannot be measured: the squared errors do not fit in a float64.",
            code="target_too_large",
            exit_code=ExitCode.BAD_INPUT,
            hint="Use a larger unit for the target.",
        )
    return found


def _of_outputs(names: Sequence[str], each: Sequence[dict[str, Any]]) -> dict[str, Any]:
    single = gates.measured(each[0])
    return {
        "rows": each[0]["rows"],
        **{metric: float(np.mean([found[metric] for found in each])) for metric in single},
        "outputs": {
            name: {metric: found[metric] for metric in single} for name, found in zip(names, each, strict=True)
        },
    }


def of_classes(expected: Integers, predicted: Integers, class_names: tuple[str, ...]) -> dict[str, Any]:
    """The metrics of classes, as ``compute`` has them."""
    classes = np.arange(len(class_names))
    each = precision_recall_fscore_support(expected, predicted, labels=classes, zero_division=0.0)
    macro = precision_recall_fscore_support(expected, predicted, labels=classes, average="macro", zero_division=0.0)
    per_class = {
        name: {
            "precision": float(each[0][row]),
            "recall": float(each[1][row]),
            "f1": float(each[2][row]),
            "support": int(each[3][row]),
        }
        for row, name in enumerate(class_names)
    }
    return {
        "rows": len(expected),
        "accuracy": float(accuracy_score(expected, predicted)),
        "precision": float(macro[0]),
        "recall": float(macro[1]),
        "f1": float(macro[2]),
        "per_class": per_class,
        "confusion_matrix": confusion_matrix(expected, predicted, labels=classes).tolist(),
    }


def of_numbers(expected: Floats, predicted: NDArray[np.float64]) -> dict[str, Any]:
    """The metrics of a regression, as ``compute`` has them; of one row there is no R²."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = {
            "rows": len(expected),
            "mae": float(mean_absolute_error(expected, predicted)),
            "rmse": float(np.sqrt(mean_squared_error(expected, predicted))),
            "median_error": float(median_absolute_error(expected, predicted)),
        }
        return found | ({"r2": float(r2_score(expected, predicted))} if len(expected) > 1 else {})


def summarise_folds(folds: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean, standard deviation (population) and the score of each fold, for every metric that all folds have."""
    summary: dict[str, Any] = {"folds": len(folds)}
    for name in gates.METRICS:
        if all(name in fold for fold in folds):
            scores = [float(fold[name]) for fold in folds]
            summary[name] = {"mean": float(np.mean(scores)), "std": float(np.std(scores)), "scores": scores}
    return summary
