"""Parts made of other parts: pipelines, column transformers, feature unions and frozen estimators."""

from numbers import Real
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from mlctl.portable.entry import Entry, Inner, where_present
from mlctl.portable.input_checks import refuse_missing
from mlctl.portable.ir.columns import ColumnTypes, Compiled
from mlctl.portable.ir.program import Block, NotPortableError, Step, parity_of

__all__ = ["ENTRIES", "frames", "refuse_missing", "select"]


def pipeline(part: Pipeline, table: ColumnTypes, inner: Inner, *, last: bool = False) -> Compiled:
    """The parts one after the other; ``last``: the pipeline stands last, and so does its last part."""
    steps: list[Step] = []
    out: ColumnTypes | None = table
    for number, (name, each) in enumerate(part.steps, 1):
        if out is None:
            raise NotPortableError("has a step after its model")
        if each is None or _is(each, "passthrough"):
            continue
        added, out = inner(name, each, out, last=last and number == len(part.steps))
        steps += added
    return tuple(steps), out


def last_pipeline(part: Pipeline, table: ColumnTypes, inner: Inner) -> Compiled:
    """A pipeline that predicts."""
    return pipeline(part, table, inner, last=True)


def column_transformer(part: ColumnTransformer, table: ColumnTypes, inner: Inner) -> Compiled:
    """A block for each transformer that takes columns and is not dropped."""
    blocks, outs = [], []
    for name, each, _ in part.transformers_:
        # Names, numbers, slices, masks and functions, all resolved to positions when it was fitted.
        taken = [int(position) for position in part._transformer_to_input_indices[name]]
        if not taken or _is(each, "drop"):
            continue
        block, out = _block(part, name, each, taken, table, inner)
        blocks.append(block)
        outs.append(out)
    return _side_by_side(part, blocks, outs, table, sparse=bool(part.sparse_output_))


def feature_union(part: FeatureUnion, table: ColumnTypes, inner: Inner) -> Compiled:
    """A block of all columns for each transformer that is not dropped; sparse as soon as one of them is."""
    blocks, outs = [], []
    for name, each in part.transformer_list:
        if _is(each, "drop"):
            continue
        block, out = _block(part, name, each, list(range(len(table.columns))), table, inner)
        blocks.append(block)
        outs.append(out)
    return _side_by_side(part, blocks, outs, table, sparse=any(out.sparse for out in outs))


def frozen(part: Any, table: ColumnTypes, inner: Inner, *, last: bool = False) -> Compiled:
    """The estimator that is kept from being fitted again."""
    return inner("estimator", part.estimator, table, last=last)


def last_frozen(part: Any, table: ColumnTypes, inner: Inner) -> Compiled:
    """A frozen estimator that predicts."""
    return frozen(part, table, inner, last=True)


def select(taken: list[int], table: ColumnTypes) -> tuple[tuple[Step, ...], ColumnTypes]:
    """The columns at ``taken``, and the step that picks them where they are not all columns in order."""
    if taken == list(range(len(table.columns))):
        return (), table
    return (_columns([Block(columns=tuple(taken), steps=())]),), table.pick(taken)


def frames(part: Any) -> bool:
    """Whether a transformer is set to put out data frames, in which each column keeps its type."""
    configured = getattr(part, "_sklearn_output_config", {}).get("transform", get_config()["transform_output"])
    return bool(configured != "default")


def _block(
    part: Any, name: str, each: Any, taken: list[int], table: ColumnTypes, inner: Inner
) -> tuple[Block, ColumnTypes]:
    """One transformer of several, times its weight where it has one."""
    below = table.pick(taken)
    steps, out = ((), below) if _is(each, "passthrough") else inner(name, each, below)
    if out is None:
        raise NotPortableError(f"has a model, '{name}', among its transformers")
    weight = (part.transformer_weights or {}).get(name)
    if weight is not None:
        steps = (*steps, _weighted(weight, out))
    return Block(columns=tuple(taken), steps=steps), out


def _weighted(weight: Any, table: ColumnTypes) -> Step:
    table.require_numbers()
    if table.dtype != "float64":
        raise NotPortableError(f"has a weight for numbers of {table.dtype}; one for float64 is supported")
    if not isinstance(weight, Real) or not np.isfinite(float(weight)):
        raise NotPortableError(f"has {weight!r} as a weight; a finite number is supported")
    scale = np.full(len(table.columns), float(weight), dtype="<f8")
    return Step(op="rescale", parity="exact", params={"shift": None, "clip": None}, tensors={"scale": scale})


def _side_by_side(
    part: Any, blocks: list[Block], outs: list[ColumnTypes], table: ColumnTypes, *, sparse: bool
) -> Compiled:
    """The blocks in one step; a single one over all columns in order is its plain steps."""
    result = ColumnTypes(columns=tuple(column for out in outs for column in out.columns), sparse=sparse)
    if sparse:
        result.require_numbers()
    if not frames(part):
        result = result.as_array()
    if len(blocks) == 1 and blocks[0].columns == tuple(range(len(table.columns))):
        return blocks[0].steps, result
    return (_columns(blocks),), result


def _columns(blocks: list[Block]) -> Step:
    parity = parity_of(step for block in blocks for step in block.steps)
    return Step(op="columns", parity=parity, params={}, tensors={}, blocks=tuple(blocks))


def _is(part: Any, word: str) -> bool:
    return isinstance(part, str) and part == word


ENTRIES = {
    Pipeline: Entry(pipeline, parity="delegated", holds_parts=True, model=last_pipeline, skips_input_checks=True),
    ColumnTransformer: Entry(
        column_transformer,
        parity="delegated",
        holds_parts=True,
        skips_input_checks=True,
        limits="a weight for integers or float32",
    ),
    FeatureUnion: Entry(
        feature_union,
        parity="delegated",
        holds_parts=True,
        skips_input_checks=True,
        limits="a weight for integers or float32",
    ),
    **where_present(
        "sklearn.frozen",
        "FrozenEstimator",
        Entry(frozen, parity="delegated", holds_parts=True, model=last_frozen, skips_input_checks=True),
    ),
}
