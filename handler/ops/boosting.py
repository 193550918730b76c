"""Gradient boosting: trees are added to a raw prediction, and a link makes a number or probabilities of it.

The sums are scikit-learn's own in their order: without an exponential behind them they are equal to the last bit.
Source: sklearn/ensemble/_gb.py (``predict``, ``predict_proba``), sklearn/ensemble/_gradient_boosting.pyx
(``predict_stages``), sklearn/ensemble/_hist_gradient_boosting/gradient_boosting.py (``_raw_predict``, ``predict``).
"""

from __future__ import annotations

from handler.ops import InvalidModel
from handler.ops.link_functions import expit, exponential, softmax
from handler.ops.trees import sums_over_trees

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Built, Origins, Program, Row

ONE = ("identity", "log", "logit", "half_logit")


def boosting(step: Any, program: Program, origins: Origins) -> Built:
    """``start`` plus a value of each tree, which go to the raw predictions in turn.

    ``link``: identity or log of one number; logit or half_logit of the second of two classes, where ``zero`` is
    the class of a raw prediction of 0; multinomial_logit of a raw prediction for each class.
    """
    start, link = _start(step["start"]), step["link"]
    program.lay_out(len(start))
    if not (link in ONE if len(start) == 1 else link == "multinomial_logit"):
        raise InvalidModel("boosting has one raw prediction and a link for it, or one for each class")
    raw = sums_over_trees(step, program, origins, start)
    if link == "identity":
        return "regressor", lambda row: raw(row)[0], []
    if link == "log":
        return "regressor", lambda row: exponential(raw(row)[0]), []
    if link == "multinomial_logit":

        def multinomial(row: Row) -> tuple[int, list[float]]:
            scores = list(raw(row))
            return scores.index(max(scores)), softmax(scores)

        return "classifier", multinomial, []
    zero, factor = step["zero"], 1.0 if link == "logit" else 2.0
    if type(zero) is not int or zero not in (0, 1):
        raise InvalidModel("one of two classes has a raw prediction of 0")

    def binary(row: Row) -> tuple[int, list[float]]:
        score = raw(row)[0]
        second = expit(factor * score)
        return int(score > 0) if score else zero, [1.0 - second, second]

    return "classifier", binary, []


def _start(given: Any) -> list[float]:
    if (
        type(given) is not list
        or not given
        or not all(type(each) in (int, float) and each - each == 0 for each in given)
    ):
        raise InvalidModel("boosting starts from a finite number, or one for each class")
    return [float(each) for each in given]


BUILDERS = {"boosting": boosting}
