"""Linear models. Dot products and exp differ in the last bits between machines: parity is ``close``.

The handler rounds a dot product exactly (``math.fsum``), so it is the same on every Python.
Source: sklearn/linear_model/_base.py (``predict``, ``decision_function``, ``_predict_proba_lr``), _logistic.py and
_stochastic_gradient.py (``predict_proba``), _glm/glm.py (``predict``).
"""

from __future__ import annotations

from math import fsum, isfinite
from operator import mul

from handler.ops import NO_NUMBER, InvalidModel, UnprocessableRow
from handler.ops.composition import missing_check
from handler.ops.link_functions import expit, exponential, softmax

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from handler.ops import Built, Classifier, Origins, Program, Regressor, Row

    # The coefficients and the intercept of each score.
    Weights = list[tuple[list[float], float]]


def logistic(step: Any, program: Program, origins: Origins) -> Built:
    """The logistic function of one score for two classes; softmax of the scores, or ``one_vs_rest``, for more."""
    weights = _class_weights(step, program, origins)
    one_vs_rest, uniform = _flag(step, "one_vs_rest"), _flag(step, "uniform")
    if one_vs_rest:
        return "classifier", _one_vs_rest(weights, origins, uniform), []
    scores = _scores(weights, origins, infinite=True)

    def multinomial(row: Row) -> tuple[int, list[float]]:
        decision = scores(row)
        return decision.index(max(decision)), softmax(decision)

    return "classifier", _binary(weights, origins, expit) if len(weights) == 1 else multinomial, []


def modified_huber(step: Any, program: Program, origins: Origins) -> Built:
    """``(clip(score, -1, 1) + 1) / 2``; for more than two classes, the share of each in their sum."""
    weights = _class_weights(step, program, origins)

    def clipped(score: float) -> float:
        return (min(max(score, -1.0), 1.0) + 1.0) / 2.0

    if len(weights) == 1:
        return "classifier", _binary(weights, origins, clipped), []
    scores = _scores(weights, origins, infinite=True)

    def shared(row: Row) -> tuple[int, list[float]]:
        decision = scores(row)
        return decision.index(max(decision)), _shares([clipped(score) for score in decision], uniform=True)

    return "classifier", shared, []


def linear_scores(step: Any, program: Program, origins: Origins) -> Built:
    """A classifier without probabilities: the second class if its score is above 0, or the highest score."""
    weights = _class_weights(step, program, origins)
    scores = _scores(weights, origins)

    def binary(row: Row) -> tuple[int, list[float]]:
        decision = scores(row)
        return int(decision[0] > 0), decision

    def highest(row: Row) -> tuple[int, list[float]]:
        decision = scores(row)
        return decision.index(max(decision)), decision

    return "scorer", binary if len(weights) == 1 else highest, []


def linear(step: Any, program: Program, origins: Origins) -> Built:
    """Predict the score, or its exponential with the link ``log``; a list of these unless ``outputs`` is null."""
    outputs = step.get("outputs")
    link = step.get("link", "identity")
    if outputs is not None and (type(outputs) is not int or outputs < 1):
        raise InvalidModel("a linear model has one output or more")
    if link not in ("identity", "log"):
        raise InvalidModel(f"unknown link {link!r}")
    weights = _weights(step, program, origins, outputs or 1)
    scores = _scores(weights, origins, infinite=link == "log")

    def several(row: Row) -> list[float]:
        return [exponential(score) for score in scores(row)]

    if outputs is not None:
        return "regressors", scores if link == "identity" else several, []
    score = _score(weights, origins, infinite=link == "log")

    def one(row: Row) -> float:
        return exponential(score(row))

    return "regressor", score if link == "identity" else one, []


def _one_vs_rest(weights: Weights, origins: Origins, uniform: bool) -> Classifier:
    if len(weights) == 1:
        raise InvalidModel("one-vs-rest needs three classes or more")
    scores = _scores(weights, origins, infinite=True)

    def shared(row: Row) -> tuple[int, list[float]]:
        decision = scores(row)
        return decision.index(max(decision)), _shares([expit(score) for score in decision], uniform)

    return shared


def _shares(parts: list[float], uniform: bool) -> list[float]:
    """The share of each part in their sum. If all are 0: equal shares if ``uniform``, else an error (0 / 0)."""
    total = fsum(parts)
    if total == 0.0:
        if not uniform:
            raise UnprocessableRow(None, NO_NUMBER)
        return [1.0 / len(parts)] * len(parts)
    return [part / total for part in parts]


def _binary(weights: Weights, origins: Origins, probability: Callable[[float], float]) -> Classifier:
    """Two classes by one score. ``probability`` maps it to the probability of the second class."""
    score = _score(weights, origins, infinite=True)

    def binary(row: Row) -> tuple[int, list[float]]:
        decision = score(row)
        second = probability(decision)
        return int(decision > 0), [1.0 - second, second]

    return binary


def _class_weights(step: Any, program: Program, origins: Origins) -> Weights:
    """One row of coefficients for two classes, or one for each of more classes."""
    n_classes = step["n_classes"]
    if type(n_classes) is not int or n_classes < 2:
        raise InvalidModel("a linear classifier has two classes or more")
    return _weights(step, program, origins, 1 if n_classes == 2 else n_classes)


def _weights(step: Any, program: Program, origins: Origins, rows: int) -> Weights:
    width = len(origins)
    program.lay_out(rows)
    flat: Any = program.tensor(step["coef"], "d", rows * width).tolist()
    intercept: Any = program.tensor(step["intercept"], "d", rows).tolist()
    if not (all(map(isfinite, flat)) and all(map(isfinite, intercept))):
        raise InvalidModel("a coefficient is not a finite number")
    return [(flat[row * width : (row + 1) * width], intercept[row]) for row in range(rows)]


def _score(weights: Weights, origins: Origins, infinite: bool = False) -> Regressor:
    """Like ``_scores``, for one row of coefficients."""
    recompute = _checked_scores(weights, origins, infinite)
    ((coef, bias),) = weights

    def score(row: Row) -> float:
        try:
            decision: float = fsum(map(mul, coef, row)) + bias
            if decision - decision == 0:
                return decision
        except (OverflowError, ValueError):
            pass
        return recompute(row)[0]

    return score


def _scores(weights: Weights, origins: Origins, infinite: bool = False) -> Callable[[Row], list[float]]:
    """A function from a row to ``row · coef + intercept``, one for each row of coefficients.

    With ``infinite``, a score beyond float64 is infinite, as in scikit-learn. Otherwise, and for a score of NaN, the
    row is refused.
    """
    recompute = _checked_scores(weights, origins, infinite)

    def scores(row: Row) -> list[float]:
        try:
            decision = [fsum(map(mul, coef, row)) + bias for coef, bias in weights]
            # A finite sum has finite terms only.
            total = sum(decision)
            if total - total == 0:
                return decision
        except (OverflowError, ValueError):
            pass
        return recompute(row)

    return scores


def _checked_scores(weights: Weights, origins: Origins, infinite: bool) -> Callable[[Row], list[float]]:
    """Scores of rows that the fast path cannot compute: refuses missing and infinite values, allows large sums."""
    check = missing_check(origins)

    def recompute(row: Row) -> list[float]:
        check(row)
        for origin, value in zip(origins, row, strict=True):
            if value - value != 0:
                raise UnprocessableRow(origin, "becomes infinite inside this model")
        decision = [_dot(coef, row) + bias for coef, bias in weights]
        for score in decision:
            if score - score != 0 and not (infinite and abs(score) > 0):
                raise UnprocessableRow(None, NO_NUMBER)
        return decision

    return recompute


def _dot(coef: Sequence[float], row: Row) -> float:
    """The exact dot product, or by plain sums, which may become infinite or NaN, if there is none."""
    try:
        return fsum(map(mul, coef, row))
    except (OverflowError, ValueError):
        total = 0.0
        for product in map(mul, coef, row):
            total += product
        return total


def _flag(step: Any, name: str) -> bool:
    """A parameter that is true or false; false if absent."""
    flag = step.get(name, False)
    if type(flag) is not bool:
        raise InvalidModel(f"{name} is true or false")
    return flag


BUILDERS = {"logistic": logistic, "modified_huber": modified_huber, "linear_scores": linear_scores, "linear": linear}
