"""One model for each of several outputs: side by side, or in a chain in which each sees the answers before it."""

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
    if not all(is_regressor(each) for each in part.estimators_):
        raise NotPortableError("contains something other than regressors")
    return (_step("outputs", {}, _blocks(part.estimators_, table, inner)),), None


def classifiers(part: MultiOutputClassifier, table: ColumnTypes, inner: Inner) -> Compiled:
    """The class and the probabilities of each classifier."""
    if not all(is_classifier(each) and hasattr(each, "predict_proba") for each in part.estimators_):
        raise NotPortableError("contains classifiers without probabilities")
    return (_step("outputs", {}, _blocks(part.estimators_, table, inner)),), None


def chain(part: RegressorChain, table: ColumnTypes, inner: Inner) -> Compiled:
    """Each regressor takes the columns and the numbers of those before it; ``order``: which output each one tells."""
    table.require_numbers()
    if not all(is_regressor(each) for each in part.estimators_):
        raise NotPortableError("contains something other than regressors")
    checks, table = refuse_both(table)
    blocks = []
    for at, each in enumerate(part.estimators_):
        block = _block(at, each, table, inner)
        blocks.append(block)
        found = ColumnType(close=table.close or parity_of(block.steps) == "close")
        table = replace(table, columns=(*table.columns, found))
    order = [int(each) for each in part.order_]
    return (*checks, _step("chain", {"order": order}, tuple(blocks))), None


def _blocks(estimators: Sequence[Any], table: ColumnTypes, inner: Inner) -> tuple[Block, ...]:
    return tuple(_block(at, each, table, inner) for at, each in enumerate(estimators))


def _block(at: int, estimator: Any, table: ColumnTypes, inner: Inner) -> Block:
    steps, out = inner(f"estimators_[{at}]", estimator, table, last=True)
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
