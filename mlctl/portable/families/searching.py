"""Compiles parameter searches, which predict with their best estimator, and decision thresholds."""

from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from mlctl.portable.entry import Entry, Inner, where_present
from mlctl.portable.ir.columns import ColumnTypes, Compiled
from mlctl.portable.ir.program import Block, NotPortableError, Step, parity_of


def search(part: Any, table: ColumnTypes, inner: Inner, *, last: bool = False) -> Compiled:
    """The best estimator, fitted again on all rows."""
    if not part.refit:
        raise NotPortableError("has refit=False, so it contains no model")
    return inner("best_estimator_", part.best_estimator_, table, last=last)


def last_search(part: Any, table: ColumnTypes, inner: Inner) -> Compiled:
    """A search that predicts."""
    return search(part, table, inner, last=True)


def fixed_threshold(part: Any, table: ColumnTypes, inner: Inner) -> Compiled:
    """The class by a fixed threshold."""
    estimator = getattr(part, "estimator_", part.estimator)
    by_probability = _by_probability(part, estimator)
    threshold = (0.5 if by_probability else 0.0) if part.threshold == "auto" else part.threshold
    return _threshold(part, estimator, float(threshold), part.pos_label, table, inner)


def tuned_threshold(part: Any, table: ColumnTypes, inner: Inner) -> Compiled:
    """The class by the threshold with the best score."""
    _by_probability(part, part.estimator_)
    positive = part._curve_scorer._get_pos_label()
    return _threshold(part, part.estimator_, float(part.best_threshold_), positive, table, inner)


def _by_probability(part: Any, estimator: Any) -> bool:
    """Whether the threshold applies to the probability; otherwise it applies to the score."""
    has_probabilities = hasattr(estimator, "predict_proba")
    if has_probabilities and part.response_method == "decision_function":
        raise NotPortableError("decides by the scores of a model that has probabilities, which is not supported")
    return has_probabilities


def _threshold(
    part: Any, estimator: Any, threshold: float, positive: Any, table: ColumnTypes, inner: Inner
) -> Compiled:
    if not np.isfinite(threshold):
        raise NotPortableError(f"has {threshold} as its threshold")
    steps, out = inner("estimator_", estimator, table, last=True)
    if out is not None:
        raise NotPortableError("has no model inside")
    index = 1 if positive is None else int(np.flatnonzero(part.classes_ == positive)[0])
    block = Block(columns=tuple(range(len(table.columns))), steps=steps)
    params = {"threshold": threshold, "positive": index}
    return (Step(op="threshold", parity=parity_of(steps), params=params, tensors={}, blocks=(block,)),), None


_SEARCH = Entry(
    search,
    parity="delegated",
    holds_parts=True,
    model=last_search,
    skips_input_checks=True,
    limits="a search without refit",
)
_HALVING = "sklearn.model_selection._search_successive_halving"
_THRESHOLD_LIMITS = "scores of a model with probabilities"

ENTRIES = {
    GridSearchCV: _SEARCH,
    RandomizedSearchCV: _SEARCH,
    # The private module, because the classes are public only if an experimental feature is enabled.
    **where_present(_HALVING, "HalvingGridSearchCV", _SEARCH),
    **where_present(_HALVING, "HalvingRandomSearchCV", _SEARCH),
    **where_present(
        "sklearn.model_selection",
        "FixedThresholdClassifier",
        Entry(fixed_threshold, parity="delegated", holds_parts=True, skips_input_checks=True, limits=_THRESHOLD_LIMITS),
    ),
    **where_present(
        "sklearn.model_selection",
        "TunedThresholdClassifierCV",
        Entry(tuned_threshold, parity="delegated", holds_parts=True, skips_input_checks=True, limits=_THRESHOLD_LIMITS),
    ),
}
