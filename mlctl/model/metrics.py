"""Metrics of a classifier, in plain numbers and lists."""

from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from mlctl.data.dataset import Integers
from mlctl.model.gates import METRICS


def compute(expected: Integers, predicted: Integers, class_names: tuple[str, ...]) -> dict[str, Any]:
    """Accuracy; precision, recall and F1, macro-averaged and per class; the confusion matrix.

    ``expected`` and ``predicted`` have shape (rows,) and hold class positions. Row i of the matrix
    is the true class i, column j the predicted class j. A ratio with an empty denominator is 0.
    """
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


def summarise_folds(folds: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean, standard deviation (population) and the score of each fold, for every name in METRICS."""
    summary: dict[str, Any] = {"folds": len(folds)}
    for name in METRICS:
        scores = [float(fold[name]) for fold in folds]
        summary[name] = {"mean": float(np.mean(scores)), "std": float(np.std(scores)), "scores": scores}
    return summary
