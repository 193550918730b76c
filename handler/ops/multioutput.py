"""Models with several outputs. Source: sklearn/multioutput.py (``predict``, ``_get_predictions``)."""

from __future__ import annotations

from handler.ops import InvalidModel, is_all_columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from handler.ops import Built, Origins, Program, Row, Transformer

    # The kind of a model, its transformers and its predictor.
    Model = tuple[str, list[Transformer], Callable[..., Any]]

KINDS = {"classifier": "classifiers", "scorer": "scorers", "regressor": "regressors"}


def outputs(step: Any, program: Program, origins: Origins) -> Built:
    """The answers of several models. Each takes all columns."""
    models = [_model(block, program, origins) for block in step["blocks"]]
    kinds = {kind for kind, _, _ in models}
    if len(kinds) != 1 or not kinds <= set(KINDS):
        raise InvalidModel("models of several outputs are all of one kind, each with one output")

    def predict(row: Row) -> list[Any]:
        return [_answer(model, row) for model in models]

    return KINDS[kinds.pop()], predict, []


def chain(step: Any, program: Program, origins: Origins) -> Built:
    """The numbers of a chain of regressors. Each takes all columns and the numbers of the regressors before it."""
    blocks, order = step["blocks"], step["order"]
    if not blocks or type(order) is not list or not is_all_columns(sorted(order), len(blocks)):
        raise InvalidModel("a chain has a model for each output, in some order")
    # A prediction depends on all columns; its origin is the first.
    models = [_model(block, program, origins + origins[:1] * index) for index, block in enumerate(blocks)]
    if any(kind != "regressor" for kind, _, _ in models):
        raise InvalidModel("a chain is made of regressors with one output")

    def predict(row: Row) -> list[float]:
        numbers: list[float] = []
        for model in models:
            numbers.append(_answer(model, [*row, *numbers]))
        ordered = [0.0] * len(numbers)
        for output, number in zip(order, numbers, strict=True):
            ordered[output] = number
        return ordered

    return "regressors", predict, []


def _model(block: Any, program: Program, origins: Origins) -> Model:
    if not is_all_columns(block["columns"], len(origins)):
        raise InvalidModel("a model of several outputs takes all columns")
    return program.model(block["steps"], origins)


def _answer(model: Model, row: Row) -> Any:
    _, transformers, predictor = model
    for transform in transformers:
        row = transform(row)
    return predictor(row)


BUILDERS = {"outputs": outputs, "chain": chain}
