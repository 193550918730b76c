"""Linear models. Dot products and exp differ in the last bits between machines: parity is ``close``.

Source: sklearn/linear_model/_base.py (``predict``, ``_predict_proba_lr``) and _logistic.py (``predict_proba``).
"""

from __future__ import annotations

from math import exp
from operator import mul

from handler.ops import InvalidModel, Unanswerable
from handler.ops.composition import checker

# Not from typing: importing it would cost a cold start some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from handler.ops import Built, Origins, Program, Row


def logistic(step: Any, program: Program, origins: Origins) -> Built:
    """Two classes: one row of coefficients, the logistic function. More: a row a class, softmax."""
    n_classes = int(step["n_classes"])
    if n_classes < 2:
        raise InvalidModel("a logistic regression has two classes or more")
    scores = _scores(step, program, origins, rows=1 if n_classes == 2 else n_classes)

    def binary(row: Row) -> tuple[int, list[float]]:
        (score,) = scores(row)
        positive = _expit(score)
        return int(score > 0), [1.0 - positive, positive]

    def multinomial(row: Row) -> tuple[int, list[float]]:
        decision = scores(row)
        highest = max(decision)
        powers = [exp(score - highest) for score in decision]
        total = add(powers)
        return decision.index(highest), [power / total for power in powers]

    return "classifier", binary if n_classes == 2 else multinomial, []


def linear(step: Any, program: Program, origins: Origins) -> Built:
    """One row of coefficients, and its score is the answer."""
    scores = _scores(step, program, origins, rows=1)

    def predict(row: Row) -> float:
        return scores(row)[0]

    return "regressor", predict, []


def _scores(step: Any, program: Program, origins: Origins, rows: int) -> Callable[[Row], list[float]]:
    """A function from a row to ``row · coef + intercept``, one for each of the ``rows`` of coefficients."""
    width = len(origins)
    flat = program.tensor(step["coef"], "d", rows * width).tolist()
    intercept = program.tensor(step["intercept"], "d", rows).tolist()
    weights = [(flat[row * width : (row + 1) * width], intercept[row]) for row in range(rows)]
    check = checker(origins)

    def scores(row: Row) -> list[float]:
        found = [add(map(mul, coef, row)) + bias for coef, bias in weights]
        for score in found:
            # Not finite: a value was missing, or the sum left float64.
            if score - score != 0:
                check(row)
                raise Unanswerable(None, "the model gives no finite number for these values")
        return found

    return scores


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


BUILDERS = {"logistic": logistic, "linear": linear}
