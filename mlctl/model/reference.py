"""scikit-learn's own answers, the measure for every engine, and the choice of golden examples."""

import numpy as np
from sklearn.pipeline import Pipeline

from mlctl.data.dataset import Floats, Integers
from mlctl.model.answers import Answer, Example
from mlctl.model.pipeline import one_thread

GOLDEN_PER_CLASS = 4
GOLDEN_AT_MOST = 40
HELD_OUT_AT_MOST = 2000


def examples(pipeline: Pipeline, rows: Floats) -> list[Example]:
    """Each row with scikit-learn's answer, predicted one float64 row at a time with one thread.

    ``rows`` has shape (rows, columns). A whole batch, or threads, would change the last bits.
    """
    has_probabilities = hasattr(pipeline, "predict_proba")
    answered = []
    with one_thread(pipeline):
        for row in np.ascontiguousarray(rows, dtype=np.float64):
            single = row.reshape(1, -1)
            probabilities = tuple(pipeline.predict_proba(single)[0].tolist()) if has_probabilities else None
            answer = Answer(index=int(pipeline.predict(single)[0]), probabilities=probabilities)
            answered.append(Example(features=tuple(row.tolist()), answer=answer))
    return answered


def choose_golden(test_rows: Integers, target: Integers) -> list[int]:
    """Positions in ``test_rows`` of the golden examples: the first held-out rows of each class.

    GOLDEN_PER_CLASS of each class, fewer where the classes are many: about GOLDEN_AT_MOST in all.
    """
    held_out = target[test_rows]
    labels = np.unique(held_out)
    each = min(GOLDEN_PER_CLASS, max(1, GOLDEN_AT_MOST // len(labels)))
    chosen: list[int] = []
    for label in labels:
        chosen += np.flatnonzero(held_out == label)[:each].tolist()
    return sorted(chosen)
