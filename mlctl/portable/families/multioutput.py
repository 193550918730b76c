"""Compiles models of several outputs: independent models, or a chain in which each takes the previous predictions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sklearn.base import is_classifier, is_regressor
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor, RegressorChain

from mlctl.portable.entry import Entry, Inner
from mlctl.portable.input_checks import refuse_both
from mlctl.portable.ir.columns import ColumnType, ColumnTypes, Compiled
from mlctl.portable.ir.program import Block, NotPortableError, Step, parity_of


def regressors(part: MultiOutputRegressor, table: ColumnTypes, inner: Inner) -> Compiled:
    """The number of each regressor."""
    if not all(is_regressor(estimator) for estimator in part.estimators_):
        raise NotPortableError("contains something other than regressors")
    return (_step("outputs", {}, _blocks(part.estimators_, table, inner)),), None


def classifiers(part: MultiOutputClassifier, table: ColumnTypes, inner: Inner) -> Compiled:
    """The class and the probabilities of each classifier."""
    if not all(is_classifier(estimator) and hasattr(estimator, "predict_proba") for estimator in part.estimators_):
        raise NotPortableError("contains classifiers without probabilities")
    return (_step("outputs", {}, _blocks(part.estimators_, table, inner)),), None


def chain(part: RegressorChain, table: ColumnTypes, inner: Inner) -> Compiled:
    """Each regressor takes the columns and the previous predictions. ``order`` is the output of each regressor."""
    table.require_numbers()
    if not all(is_regressor(estimator) for estimator in part.estimators_):
        raise NotPortableError("contains something other than regressors")
    checks, table = refuse_both(table)
    blocks = []
    for index, estimator in enumerate(part.estimators_):
        block = _block(index, estimator, table, inner)
        blocks.append(block)
        prediction = ColumnType(close=table.close or parity_of(block.steps) == "close")
        table = replace(table, columns=(*table.columns, prediction))
    order = [int(output) for output in part.order_]
    return (*checks, _step("chain", {"order": order}, tuple(blocks))), None


def _blocks(estimators: Sequence[Any], table: ColumnTypes, inner: Inner) -> tuple[Block, ...]:
    return tuple(_block(index, estimator, table, inner) for index, estimator in enumerate(estimators))


def _block(index: int, estimator: Any, table: ColumnTypes, inner: Inner) -> Block:
    steps, out = inner(f"estimators_[{index}]", estimator, table, last=True)
    if out is not None:
        raise NotPortableError("has no model inside")
    return Block(columns=tuple(range(len(table.columns))), steps=steps)


def _step(op: str, params: dict[str, Any], blocks: tuple[Block, ...]) -> Step:
    parity = parity_of(step for block in blocks for step in block.steps)
    return Step(op=op, parity=parity, params=params, tensors={}, blocks=blocks)


ENTRIES = {
    MultiOutputRegressor: Entry(regressors, parity="delegated", holds_parts=True, skips_input_checks=True),
    MultiOutputClassifier: Entry(
        classifiers,
        parity="delegated",
        holds_parts=True,
        skips_input_checks=True,
        limits="classifiers without probabilities",
    ),
    RegressorChain: Entry(chain, parity="delegated", holds_parts=True, limits="a chain of classifiers"),
}
