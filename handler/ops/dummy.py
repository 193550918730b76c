"""Models that answer the same whatever the row holds. Source: ``predict`` and ``predict_proba`` in sklearn/dummy.py."""

from __future__ import annotations

from handler.ops import InvalidModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Built, Origins, Program, Row


def constant(step: Any, program: Program, origins: Origins) -> Built:
    """The number ``value``; a list is one of several outputs."""
    value = step["value"]
    if type(value) is list:
        several = [_number(each) for each in value]
        program.lay_out(len(several))
        if not several:
            raise InvalidModel("a model has one output or more")
        return "regressors", lambda row: list(several), []
    one = _number(value)
    return "regressor", lambda row: one, []


def constant_class(step: Any, program: Program, origins: Origins) -> Built:
    """The class at ``index`` with its ``probabilities``; a list of such answers is one of several outputs."""
    answer = step["answer"]
    if type(answer) is list:
        several = [_class(each) for each in answer]
        if not several:
            raise InvalidModel("a model has one output or more")

        def all_outputs(row: Row) -> list[tuple[int, list[float]]]:
            return [(index, list(probabilities)) for index, probabilities in several]

        return "classifiers", all_outputs, []
    index, probabilities = _class(answer)
    return "classifier", lambda row: (index, list(probabilities)), []


def _class(answer: Any) -> tuple[int, list[float]]:
    index, probabilities = answer["index"], [_number(each) for each in answer["probabilities"]]
    if type(index) is not int or not 0 <= index < len(probabilities):
        raise InvalidModel("the position of a class is outside its probabilities")
    return index, probabilities


def _number(given: Any) -> float:
    if type(given) not in (int, float) or given - given != 0:
        raise InvalidModel("a constant is not a finite number")
    return float(given)


BUILDERS = {"constant": constant, "constant_class": constant_class}
