"""Compiles bagging, AdaBoost, voting and stacking.

An ensemble of decision trees compiles to one set of tensors, like a forest. Any other ensemble compiles to a block for
each model.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from mlctl.portable.entry import Entry, Inner
from mlctl.portable.families.composition import select
from mlctl.portable.families.trees import accepts_missing, mean_step, nodes_of, tree_step
from mlctl.portable.input_checks import checked, refuse_both
from mlctl.portable.ir.columns import ColumnType, ColumnTypes, Compiled
from mlctl.portable.ir.program import Block, NotPortableError, Step, parity_of
from mlctl.registry.answers import Parity

_TREES = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)
# The handler accepts 1000 steps in total.
MAX_STEPS = 900


def bagging(part: Any, table: ColumnTypes, inner: Inner) -> Compiled:
    """The mean of models, each with its own columns; votes for classifiers without probabilities."""
    models, columns = part.estimators_, [np.asarray(positions).tolist() for positions in part.estimators_features_]
    if not _all_trees(models):
        blocks = _blocks(models, columns, table.as_array(), inner)
        params = {"weights": [1.0] * len(models), "total": float(len(models))}
        if is_classifier(part):
            params |= _class_params(models, int(part.n_classes_))
        return _mean(blocks, params, _parity(blocks))
    # Columns that no tree uses are not checked.
    used = sorted({column for positions in columns for column in positions})
    picks, below = select(used, table)
    checks, below = checked(below)
    below.require_numbers()
    parts = []
    for tree, positions in zip(models, columns, strict=True):
        nodes = nodes_of(tree.tree_)
        renumbered = np.searchsorted(used, positions)
        # The feature of a leaf is negative.
        nodes = nodes._replace(feature=renumbered[np.maximum(nodes.feature, 0)])
        if is_classifier(part):
            nodes = nodes._replace(values=_spread(nodes.values, tree.classes_, part.n_classes_))
        parts.append(nodes)
    n_classes = [int(part.n_classes_)] if is_classifier(part) else None
    steps, out = mean_step(parts, n_classes, below, takes_missing=accepts_missing(models[0], below))
    return (*picks, *checks, *steps), out


def ada_boost_classifier(part: AdaBoostClassifier, table: ColumnTypes, inner: Inner) -> Compiled:
    """Discrete SAMME: the weights of the models, as votes for and against each class."""
    n_classes, total = int(part.n_classes_), float(part.estimator_weights_.sum())
    if n_classes < 2:
        raise NotPortableError("was fitted on a single class")
    weights = _weights(part)
    if total == 0.0:
        raise NotPortableError("has weights that add up to 0")
    checks, below = refuse_both(table)
    params: dict[str, Any] = {"n_classes": n_classes, "total": total}
    classes = _places(part.estimators_, part.classes_)
    if not _all_trees(part.estimators_):
        blocks = _blocks(part.estimators_, None, below.as_array(), inner)
        params |= {"weights": weights, "classes": classes}
        return (*checks, Step(op="ada_boost", parity="close", params=params, tensors={}, blocks=blocks)), None
    below.require_numbers()
    parts = []
    for tree, weight, places in zip(part.estimators_, weights, classes, strict=True):
        nodes = nodes_of(tree.tree_)
        votes = np.full((len(nodes.values), n_classes), -1 / (n_classes - 1) * weight)
        votes[np.arange(len(votes)), np.asarray(places)[nodes.values.argmax(axis=1)]] = weight
        parts.append(nodes._replace(values=votes))
    return (*checks, *tree_step("ada_boost", "close", params, parts, below, takes_missing=True)), None


def ada_boost_regressor(part: AdaBoostRegressor, table: ColumnTypes, inner: Inner) -> Compiled:
    """The weighted median of the models."""
    params: dict[str, Any] = {"weights": _weights(part)}
    checks, below = refuse_both(table)
    if not _all_trees(part.estimators_):
        blocks = _blocks(part.estimators_, None, below.as_array(), inner)
        step = Step(op="weighted_median", parity=_parity(blocks), params=params, tensors={}, blocks=blocks)
        return (*checks, step), None
    below.require_numbers()
    parts = [nodes_of(tree.tree_) for tree in part.estimators_]
    params["width"] = 1
    return (*checks, *tree_step("weighted_median", "exact", params, parts, below, takes_missing=True)), None


def voting(part: Any, table: ColumnTypes, inner: Inner) -> Compiled:
    """The weighted mean of regressors, or of the probabilities of classifiers."""
    if is_classifier(part) and part.voting != "soft":
        raise NotPortableError("votes by class ('hard'), without probabilities or scores; 'soft' is supported")
    models, fitted_weights = part.estimators_, part._weights_not_none
    if is_classifier(part) and not all(hasattr(model, "predict_proba") for model in models):
        raise NotPortableError("contains classifiers without probabilities")
    weights = [1.0] * len(models) if fitted_weights is None else [float(weight) for weight in fitted_weights]
    total = float(np.sum(weights))
    if total == 0.0 or not np.isfinite(weights).all():
        raise NotPortableError("has weights that add up to 0, or are not finite")
    params = {"weights": weights, "total": total}
    if is_classifier(part):
        params |= _class_params(models, len(part.classes_))
    # NumPy adds in another order.
    return _mean(_blocks(models, None, table, inner), params, "close")


def stacking(part: Any, table: ColumnTypes, inner: Inner) -> Compiled:
    """The predictions of the models as columns, the input columns with ``passthrough``, and a final model."""
    models = part.estimators_
    if any(
        isinstance(getattr(model, "classes_", None), list) or getattr(model, "n_outputs_", 1) != 1 for model in models
    ):
        raise NotPortableError("stacks models of several outputs, which is not supported")
    takes, widths = [], []
    for model, method in zip(models, part.stack_method_, strict=True):
        take, width = _stacked(part, model, method)
        takes.append(take)
        widths.append(width)
    if is_classifier(part) and len(part.final_estimator_.classes_) != len(part.classes_):
        raise NotPortableError("has a final model with other classes")
    blocks = _blocks(models, None, table, inner)
    params = {"take": takes, "widths": widths}
    steps: tuple[Step, ...] = (
        Step(op="predictions", parity=_parity(blocks), params=params, tensors={}, blocks=blocks),
    )
    # The number for a class is exact, even if the scores that select it are close.
    close = [_parity(blocks) == "close" and not isinstance(take, list) for take in takes]
    stack = ColumnTypes(
        columns=tuple(
            ColumnType(close=is_close) for is_close, width in zip(close, widths, strict=True) for _ in range(width)
        )
    )
    if part.passthrough:
        table.require_numbers()
        all_columns = tuple(range(len(table.columns)))
        sides = (Block(columns=all_columns, steps=steps), Block(columns=all_columns, steps=()))
        steps = (Step(op="columns", parity=_parity(sides), params={}, tensors={}, blocks=sides),)
        stack = ColumnTypes(columns=(*stack.columns, *table.columns), sparse=table.sparse)
    last, out = inner("final_estimator_", part.final_estimator_, stack, last=True)
    return (*steps, *last), out


def _stacked(part: Any, model: Any, method: str) -> tuple[str | list[float], int]:
    """What a stack takes from a model, and its number of columns. Source: ``_concatenate_predictions``."""
    if not is_classifier(model):
        return "number", 1
    n_classes = len(model.classes_)
    if method == "predict_proba":
        return ("second", 1) if len(part.classes_) == 2 and n_classes == 2 else ("probabilities", n_classes)
    if method == "decision_function":
        if hasattr(model, "predict_proba"):
            raise NotPortableError(f"stacks scores of {type(model).__name__}, which compiles to its probabilities")
        return "scores", 1 if n_classes == 2 else n_classes
    classes = np.asarray(model.classes_)
    if classes.dtype.kind not in "biuf":
        raise NotPortableError("stacks classes that are not numbers")
    return classes.astype(np.float64).tolist(), 1


def _mean(blocks: tuple[Block, ...], params: dict[str, Any], parity: Parity) -> Compiled:
    op = "mean_classifier" if "classes" in params else "mean"
    return (Step(op=op, parity=parity, params=params, tensors={}, blocks=blocks),), None


def _class_params(models: Sequence[Any], n_classes: int) -> dict[str, Any]:
    """The parameters for classes: their number, and the positions of the classes of each model."""
    if n_classes < 2:
        raise NotPortableError("was fitted on a single class")
    return {"n_classes": n_classes, "classes": _places(models, np.arange(n_classes))}


def _blocks(
    models: Sequence[Any], columns: Sequence[list[int]] | None, table: ColumnTypes, inner: Inner
) -> tuple[Block, ...]:
    """A block for each model with its ``columns``, or with all columns if None."""
    all_columns = list(range(len(table.columns)))
    blocks = []
    for number, model in enumerate(models):
        positions = all_columns if columns is None else columns[number]
        steps, out = inner(f"estimators_[{number}]", model, table.pick(positions), last=True)
        if out is not None:
            raise NotPortableError(f"contains a {type(model).__name__}, which is not a model")
        blocks.append(Block(columns=tuple(positions), steps=steps))
    if sum(_size(block.steps) for block in blocks) > MAX_STEPS:
        raise NotPortableError(f"contains models with more than {MAX_STEPS} steps in total")
    return tuple(blocks)


def _size(steps: Sequence[Step]) -> int:
    return len(steps) + sum(_size(block.steps) for step in steps for block in step.blocks)


def _parity(blocks: Sequence[Block]) -> Parity:
    return parity_of(step for block in blocks for step in block.steps)


def _all_trees(models: Sequence[Any]) -> bool:
    return all(type(model) in _TREES for model in models)


def _places(models: Sequence[Any], classes: NDArray[Any]) -> list[list[int]]:
    """The positions of the classes of each model among the sorted ``classes``."""
    return [np.searchsorted(classes, model.classes_).tolist() for model in models]


def _spread(values: NDArray[Any], classes: NDArray[Any], n_classes: int) -> NDArray[Any]:
    """Place the fractions of a tree's ``classes`` among all ``n_classes``."""
    spread = np.zeros((len(values), n_classes))
    spread[:, np.asarray(classes, dtype=np.intp)] = values
    return spread


def _weights(part: Any) -> list[float]:
    """The weight of each model. Boosting that stopped early has more weights than models."""
    weights = np.asarray(part.estimator_weights_, dtype=np.float64)[: len(part.estimators_)]
    if not np.isfinite(weights).all():
        raise NotPortableError("has a weight that is not a finite number")
    return [float(weight) for weight in weights]


_STEP_LIMIT = f"more than {MAX_STEPS} steps in models that are not trees"

ENTRIES = {
    BaggingClassifier: Entry(
        bagging, parity="delegated", holds_parts=True, skips_input_checks=True, limits=_STEP_LIMIT
    ),
    BaggingRegressor: Entry(bagging, parity="delegated", holds_parts=True, skips_input_checks=True, limits=_STEP_LIMIT),
    AdaBoostClassifier: Entry(ada_boost_classifier, parity="close", holds_parts=True, limits=_STEP_LIMIT),
    AdaBoostRegressor: Entry(ada_boost_regressor, parity="delegated", holds_parts=True, limits=_STEP_LIMIT),
    VotingClassifier: Entry(voting, parity="close", holds_parts=True, skips_input_checks=True, limits="voting='hard'"),
    VotingRegressor: Entry(voting, parity="close", holds_parts=True, skips_input_checks=True),
    StackingClassifier: Entry(
        stacking,
        parity="delegated",
        holds_parts=True,
        skips_input_checks=True,
        limits="scores of models with probabilities",
    ),
    StackingRegressor: Entry(stacking, parity="delegated", holds_parts=True, skips_input_checks=True),
}
