"""One model for each of several outputs. Source: sklearn/multioutput.py (``predict``, ``_get_predictions``)."""

from __future__ import annotations

from handler.ops import InvalidModel, everything

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from handler.ops import Built, Origins, Program, Row, Transformer

    # The kind of a model, the transformers before it, and what predicts.
    Model = tuple[str, list[Transformer], Callable[..., Any]]

KINDS = {"classifier": "classifiers", "scorer": "scorers", "regressor": "regressors"}


def outputs(step: Any, program: Program, origins: Origins) -> Built:
    """The answers of models that all take all columns."""
    models = [_model(block, program, origins) for block in step["blocks"]]
    kinds = {kind for kind, _, _ in models}
    if len(kinds) != 1 or not kinds <= set(KINDS):
        raise InvalidModel("models of several outputs are all of one kind, each with one output")

    def predict(row: Row) -> list[Any]:
        return [_answer(model, row) for model in models]

    return KINDS[kinds.pop()], predict, []


def chain(step: Any, program: Program, origins: Origins) -> Built:
    """The numbers of regressors of which each takes the columns and the numbers of those before it."""
    blocks, order = step["blocks"], step["order"]
    if not blocks or type(order) is not list or not everything(sorted(order), len(blocks)):
        raise InvalidModel("a chain has a model for each output, in some order")
    # A number that a model found came from all columns; the first stands for them.
    models = [_model(block, program, origins + origins[:1] * at) for at, block in enumerate(blocks)]
    if any(kind != "regressor" for kind, _, _ in models):
        raise InvalidModel("a chain is made of regressors with one output")

    def predict(row: Row) -> list[float]:
        found: list[float] = []
        for model in models:
            found.append(_answer(model, [*row, *found]))
        ordered = [0.0] * len(found)
        for output, number in zip(order, found, strict=True):
            ordered[output] = number
        return ordered

    return "regressors", predict, []


def _model(block: Any, program: Program, origins: Origins) -> Model:
    if not everything(block["columns"], len(origins)):
        raise InvalidModel("a model of several outputs takes all columns")
    return program.model(block["steps"], origins)


def _answer(model: Model, row: Row) -> Any:
    _, transformers, predictor = model
    for transform in transformers:
        row = transform(row)
    return predictor(row)


BUILDERS = {"outputs": outputs, "chain": chain}
