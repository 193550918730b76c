"""Compiles parts that contain other parts: pipelines, column transformers, feature unions, frozen estimators."""

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
    """Compile the parts one after the other. With ``last``, the last part predicts."""
    steps: list[Step] = []
    out: ColumnTypes | None = table
    for number, (name, step) in enumerate(part.steps, 1):
        if out is None:
            raise NotPortableError("has a step after its model")
        if step is None or _is(step, "passthrough"):
            continue
        added, out = inner(name, step, out, last=last and number == len(part.steps))
        steps += added
    return tuple(steps), out


def last_pipeline(part: Pipeline, table: ColumnTypes, inner: Inner) -> Compiled:
    """A pipeline that predicts."""
    return pipeline(part, table, inner, last=True)


def column_transformer(part: ColumnTransformer, table: ColumnTypes, inner: Inner) -> Compiled:
    """A block for each transformer that has columns and is not dropped."""
    blocks, outs = [], []
    for name, transformer, _ in part.transformers_:
        # Fitting resolved names, numbers, slices, masks and functions to positions.
        positions = [int(position) for position in part._transformer_to_input_indices[name]]
        if not positions or _is(transformer, "drop"):
            continue
        block, out = _block(part, name, transformer, positions, table, inner)
        blocks.append(block)
        outs.append(out)
    return _concatenated(part, blocks, outs, table, sparse=bool(part.sparse_output_))


def feature_union(part: FeatureUnion, table: ColumnTypes, inner: Inner) -> Compiled:
    """A block of all columns for each transformer that is not dropped; sparse if one of them is."""
    blocks, outs = [], []
    for name, transformer in part.transformer_list:
        if _is(transformer, "drop"):
            continue
        block, out = _block(part, name, transformer, list(range(len(table.columns))), table, inner)
        blocks.append(block)
        outs.append(out)
    return _concatenated(part, blocks, outs, table, sparse=any(out.sparse for out in outs))


def frozen(part: Any, table: ColumnTypes, inner: Inner, *, last: bool = False) -> Compiled:
    """Compile the frozen estimator."""
    return inner("estimator", part.estimator, table, last=last)


def last_frozen(part: Any, table: ColumnTypes, inner: Inner) -> Compiled:
    """A frozen estimator that predicts."""
    return frozen(part, table, inner, last=True)


def select(positions: list[int], table: ColumnTypes) -> tuple[tuple[Step, ...], ColumnTypes]:
    """The step that selects the columns at ``positions``, unless they are all columns in order, and these columns."""
    if positions == list(range(len(table.columns))):
        return (), table
    return (_columns([Block(columns=tuple(positions), steps=())]),), table.pick(positions)


def frames(part: Any) -> bool:
    """Whether a transformer is configured to output data frames, in which each column keeps its type."""
    configured = getattr(part, "_sklearn_output_config", {}).get("transform", get_config()["transform_output"])
    return bool(configured != "default")


def _block(
    part: Any, name: str, transformer: Any, positions: list[int], table: ColumnTypes, inner: Inner
) -> tuple[Block, ColumnTypes]:
    """The block of one transformer, multiplied by its weight if it has one."""
    inputs = table.pick(positions)
    steps, out = ((), inputs) if _is(transformer, "passthrough") else inner(name, transformer, inputs)
    if out is None:
        raise NotPortableError(f"has a model, '{name}', among its transformers")
    weight = (part.transformer_weights or {}).get(name)
    if weight is not None:
        steps = (*steps, _weighted(weight, out))
    return Block(columns=tuple(positions), steps=steps), out


def _weighted(weight: Any, table: ColumnTypes) -> Step:
    table.require_numbers()
    if table.dtype != "float64":
        raise NotPortableError(f"has a weight for numbers of {table.dtype}; one for float64 is supported")
    if not isinstance(weight, Real) or not np.isfinite(float(weight)):
        raise NotPortableError(f"has {weight!r} as a weight; a finite number is supported")
    scale = np.full(len(table.columns), float(weight), dtype="<f8")
    return Step(op="rescale", parity="exact", params={"shift": None, "clip": None}, tensors={"scale": scale})


def _concatenated(
    part: Any, blocks: list[Block], outs: list[ColumnTypes], table: ColumnTypes, *, sparse: bool
) -> Compiled:
    """Combine the blocks in one step. A single block over all columns in order becomes its plain steps."""
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
