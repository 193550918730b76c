"""Parts made of other parts: pipelines, column transformers, and the part that changes nothing."""

from collections.abc import Callable
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from mlctl.portable.program import Block, NotPortableError, Step, parity_of
from mlctl.portable.table import Compiled, Table

# Compiles a part inside another: its name there, the part, and the table that reaches it.
Inner = Callable[[str, Any, Table], Compiled]


def pipeline(part: Pipeline, table: Table, inner: Inner) -> Compiled:
    """The parts one after the other."""
    steps: list[Step] = []
    out: Table | None = table
    for name, each in part.steps:
        if out is None:
            raise NotPortableError("has a step behind its model")
        if each is None or _is(each, "passthrough"):
            continue
        added, out = inner(name, each, out)
        steps += added
    return tuple(steps), out


def column_transformer(part: ColumnTransformer, table: Table, inner: Inner) -> Compiled:
    """A block for each transformer that takes columns and is not dropped; a single one over all is no block."""
    if part.transformer_weights:
        raise NotPortableError("with transformer_weights is not supported")
    blocks = []
    columns: list[Any] = []
    for name, each, _ in part.transformers_:
        # Names, numbers, slices, masks and functions, all resolved to positions when it was fitted.
        taken = [int(position) for position in part._transformer_to_input_indices[name]]
        if not taken or _is(each, "drop"):
            continue
        below = table.pick(taken)
        steps, out = ((), below) if _is(each, "passthrough") else inner(name, each, below)
        if out is None:
            raise NotPortableError(f"has a model, '{name}', among its transformers")
        blocks.append(Block(columns=tuple(taken), steps=steps))
        columns += out.columns
    result = Table(columns=tuple(columns), sparse=bool(part.sparse_output_))
    if result.sparse:
        result.require_numbers()
    if len(blocks) == 1 and blocks[0].columns == tuple(range(len(table.columns))):
        return blocks[0].steps, result
    parity = parity_of(step for block in blocks for step in block.steps)
    return (Step(op="columns", parity=parity, params={}, tensors={}, blocks=tuple(blocks)),), result


def identity(part: FunctionTransformer, table: Table, inner: Inner) -> Compiled:
    """Nothing to do, but for the check that some ask for."""
    if part.func is not None:
        raise NotPortableError("calls a function of Python's, which cannot be compiled")
    if not part.validate:
        return (), table
    table.require_numbers()
    return refuse_missing(table), table


def refuse_missing(table: Table) -> tuple[Step, ...]:
    """A check where a value may be missing, for what in scikit-learn refuses one."""
    return (Step(op="present", parity="exact", params={}, tensors={}),) if table.missing else ()


def _is(part: Any, word: str) -> bool:
    return isinstance(part, str) and part == word


COMPILERS: dict[type, Callable[[Any, Table, Inner], Compiled]] = {
    Pipeline: pipeline,
    ColumnTransformer: column_transformer,
    FunctionTransformer: identity,
}
