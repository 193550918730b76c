"""Models with the same answer for every row. Source: ``predict`` and ``predict_proba`` in sklearn/dummy.py."""

from __future__ import annotations

from handler.ops import InvalidModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Built, Origins, Program, Row


def constant(step: Any, program: Program, origins: Origins) -> Built:
    """Predict the number ``value``, or a list of numbers for several outputs."""
    value = step["value"]
    if type(value) is list:
        numbers = [_number(output) for output in value]
        program.lay_out(len(numbers))
        if not numbers:
            raise InvalidModel("a model has one output or more")
        return "regressors", lambda row: list(numbers), []
    number = _number(value)
    return "regressor", lambda row: number, []


def constant_class(step: Any, program: Program, origins: Origins) -> Built:
    """Predict the class at ``index`` with ``probabilities``, or a list of such answers for several outputs."""
    answer = step["answer"]
    if type(answer) is list:
        classes = [_class(output) for output in answer]
        if not classes:
            raise InvalidModel("a model has one output or more")

        def all_outputs(row: Row) -> list[tuple[int, list[float]]]:
            return [(index, list(probabilities)) for index, probabilities in classes]

        return "classifiers", all_outputs, []
    index, probabilities = _class(answer)
    return "classifier", lambda row: (index, list(probabilities)), []


def _class(answer: Any) -> tuple[int, list[float]]:
    index, probabilities = answer["index"], [_number(share) for share in answer["probabilities"]]
    if type(index) is not int or not 0 <= index < len(probabilities):
        raise InvalidModel("the index of a class is outside its probabilities")
    return index, probabilities


def _number(value: Any) -> float:
    if type(value) not in (int, float) or value - value != 0:
        raise InvalidModel("a constant is not a finite number")
    return float(value)


BUILDERS = {"constant": constant, "constant_class": constant_class}
