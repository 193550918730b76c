"""Reference answers of scikit-learn, which every engine must reproduce, and the selection of golden examples."""

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

# The input of a fitted pipeline: columns by name, or an array for a model that was fitted without names.
Rows = pd.DataFrame | NDArray[np.float64]


def examples(
    fitted: Pipeline,
    rows: Rows,
    features: Sequence[tuple[Value, ...]],
    advance: Callable[[int], None] = lambda done: None,
    *,
    outputs: Sequence[str] = (),
) -> list[Example]:
    """Answer each row with scikit-learn, one float64 row at a time and with one thread.

    Batches or threads would change the last bits. ``rows``: the input of the pipeline, shape (rows, columns);
    ``features``: the same rows as in a request. ``advance`` gets the number of finished rows. ``outputs``: the names
    of the targets, if there are several.
    """
    answered_examples = []
    with one_thread(fitted):
        for index, values in enumerate(features):
            answer = _answer(fitted, _single_row(rows, index), outputs)
            answered_examples.append(Example(features=tuple(values), answer=answer))
            advance(index + 1)
    return answered_examples


def choose_golden(target: NDArray[np.int64] | None, rows: int) -> list[int]:
    """Select the golden examples among ``rows`` held-out rows, and return their positions.

    ``target`` has the class of each row. The selection has the first GOLDEN_PER_CLASS rows of each class, or fewer if
    there are many classes, to stay near GOLDEN_AT_MOST in total. For a regression (None) it has the first
    GOLDEN_OF_A_REGRESSION rows.
    """
    if target is None:
        return list(range(min(rows, GOLDEN_OF_A_REGRESSION)))
    labels = np.unique(target)
    per_class = min(GOLDEN_PER_CLASS, max(1, GOLDEN_AT_MOST // len(labels)))
    positions: list[int] = []
    for label in labels:
        positions += np.flatnonzero(target == label)[:per_class].tolist()
    return sorted(positions)


def _single_row(rows: Rows, index: int) -> Rows:
    return rows.iloc[index : index + 1] if isinstance(rows, pd.DataFrame) else rows[index : index + 1]


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
