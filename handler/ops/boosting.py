"""Gradient boosting: trees are added to raw predictions, and a link turns these into a number or probabilities.

The sums have scikit-learn's order, so without an exponential after them they are equal to the last bit.
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

SINGLE_LINKS = ("identity", "log", "logit", "half_logit")


def boosting(step: Any, program: Program, origins: Origins) -> Built:
    """Raw predictions: ``start`` plus the value of each tree. The trees belong to the raw predictions in turn.

    ``link`` is identity or log for a regression, logit or half_logit for the second of two classes, or
    multinomial_logit for a raw prediction for each class. ``zero`` is the class of a raw prediction of 0.
    """
    start, link = _start(step["start"]), step["link"]
    program.lay_out(len(start))
    if not (link in SINGLE_LINKS if len(start) == 1 else link == "multinomial_logit"):
        raise InvalidModel("boosting has a raw prediction for each class, or one and a link for it")
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
        raise InvalidModel("zero is the index of one of two classes")

    def binary(row: Row) -> tuple[int, list[float]]:
        score = raw(row)[0]
        second = expit(factor * score)
        return int(score > 0) if score else zero, [1.0 - second, second]

    return "classifier", binary, []


def _start(document: Any) -> list[float]:
    if (
        type(document) is not list
        or not document
        or not all(type(number) in (int, float) and number - number == 0 for number in document)
    ):
        raise InvalidModel("boosting starts from a finite number, or one for each class")
    return [float(number) for number in document]


BUILDERS = {"boosting": boosting}
