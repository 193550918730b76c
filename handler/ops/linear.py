"""Logistic regression. Dot products and exp differ in the last bits between machines: parity is ``close``.

Source: sklearn/linear_model/_base.py (``predict``, ``_predict_proba_lr``) and _logistic.py (``predict_proba``).
"""

from __future__ import annotations

from math import exp
from operator import mul

from handler.ops import InvalidModel

# Not from typing: importing it would cost a cold start some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from handler.ops import Predictor, Tensors


def logistic(step: Any, tensors: Tensors, n_features: int, generated: bool) -> tuple[str, Predictor]:
    """Two classes: one row of coefficients, the logistic function. More: a row a class, softmax."""
    n_classes = int(step["n_classes"])
    rows = 1 if n_classes == 2 else n_classes
    if n_classes < 2:
        raise InvalidModel("a logistic regression has two classes or more")
    flat = tensors.get(step["coef"], "d", rows * n_features).tolist()
    intercept = tensors.get(step["intercept"], "d", rows).tolist()
    weights = [(flat[row * n_features : (row + 1) * n_features], intercept[row]) for row in range(rows)]

    def scores(row: Sequence[float]) -> list[float]:
        return [add(map(mul, coef, row)) + bias for coef, bias in weights]

    def binary(row: Sequence[float]) -> tuple[int, list[float]]:
        (score,) = scores(row)
        positive = _expit(score)
        return int(score > 0), [1.0 - positive, positive]

    def multinomial(row: Sequence[float]) -> tuple[int, list[float]]:
        decision = scores(row)
        highest = max(decision)
        powers = [exp(score - highest) for score in decision]
        total = add(powers)
        return decision.index(highest), [power / total for power in powers]

    return "predictor", binary if n_classes == 2 else multinomial


def add(numbers: Iterable[float]) -> float:
    """Their plain left-to-right sum: the built-in ``sum`` compensates from Python 3.12 on, so its last bits differ."""
    total = 0.0
    for number in numbers:
        total += number
    return total


def _expit(score: float) -> float:
    # exp overflows above 709; for a negative score this form loses no digits and cannot overflow.
    if score < 0:
        power = exp(score)
        return power / (1.0 + power)
    return 1.0 / (1.0 + exp(-score))


BUILDERS = {"logistic": logistic}
