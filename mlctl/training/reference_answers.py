"""scikit-learn's own answers, the measure for every engine, and the choice of golden examples."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from mlctl.data.values import Value
from mlctl.registry.answers import Answer, Example
from mlctl.training.pipeline import one_thread

GOLDEN_PER_CLASS = 4
GOLDEN_AT_MOST = 40
GOLDEN_OF_A_REGRESSION = 12
HELD_OUT_AT_MOST = 300

# What a fitted pipeline takes: columns by name, or for a model that was fitted without names an array.
Rows = pd.DataFrame | NDArray[np.float64]


def examples(
    fitted: Pipeline,
    rows: Rows,
    features: Sequence[tuple[Value, ...]],
    advance: Callable[[int], None] = lambda done: None,
    *,
    outputs: Sequence[str] = (),
) -> list[Example]:
    """Each row with scikit-learn's answer, predicted one float64 row at a time with one thread.

    ``rows``: what the pipeline takes, shape (rows, columns); ``features``: the same rows as a request
    holds them. A whole batch, or threads, would change the last bits. ``advance`` is told the rows done.
    ``outputs``: the names of what is predicted, where that is more than one number.
    """
    answered = []
    with one_thread(fitted):
        for at, each in enumerate(features):
            answered.append(Example(features=tuple(each), answer=_answer(fitted, _one(rows, at), outputs)))
            advance(at + 1)
    return answered


def choose_golden(target: NDArray[np.int64] | None, rows: int) -> list[int]:
    """Positions of the golden examples among ``rows`` held-out rows: the first rows of each class.

    ``target`` holds the class of each row: GOLDEN_PER_CLASS of each class, fewer where the classes are
    many, about GOLDEN_AT_MOST in all. For a regression (None) it is the first GOLDEN_OF_A_REGRESSION rows.
    """
    if target is None:
        return list(range(min(rows, GOLDEN_OF_A_REGRESSION)))
    labels = np.unique(target)
    each = min(GOLDEN_PER_CLASS, max(1, GOLDEN_AT_MOST // len(labels)))
    chosen: list[int] = []
    for label in labels:
        chosen += np.flatnonzero(target == label)[:each].tolist()
    return sorted(chosen)


def _one(rows: Rows, at: int) -> Rows:
    return rows.iloc[at : at + 1] if isinstance(rows, pd.DataFrame) else rows[at : at + 1]


def _answer(fitted: Pipeline, row: Rows, outputs: Sequence[str]) -> Answer:
    predicted = fitted.predict(row)[0]
    if not is_classifier(fitted):
        numbers = np.ravel(predicted).astype(np.float64).tolist()
        return Answer(values=dict(zip(outputs, numbers, strict=True))) if outputs else Answer(value=numbers[0])
    index = int(np.flatnonzero(np.asarray(fitted.classes_) == predicted)[0])
    if hasattr(fitted, "predict_proba"):
        return Answer(index=index, probabilities=tuple(fitted.predict_proba(row)[0].tolist()))
    if hasattr(fitted, "decision_function"):
        return Answer(index=index, scores=tuple(np.ravel(fitted.decision_function(row)[0]).tolist()))
    return Answer(index=index)
