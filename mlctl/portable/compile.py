"""Compiles a fitted pipeline to a portable model, or raises NotPortableError with the reason."""

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.pipeline import Pipeline

from mlctl.portable import reasons
from mlctl.portable.input_checks import checked
from mlctl.portable.ir.columns import ColumnType, ColumnTypes, Compiled
from mlctl.portable.ir.program import NotPortableError, PortableModel, Step, parity_of
from mlctl.portable.registry import ENTRIES

# The handler's limit for all steps together.
MAX_WORK = 10_000_000


def compile_pipeline(pipeline: Pipeline, features: Sequence[Mapping[str, Any]]) -> PortableModel:
    """Compile a fitted pipeline to a portable model for rows of ``features``, the entries of the schema in order.

    Each entry needs ``name``, ``kind`` and ``nullable``. The pipeline may have been fitted on a table with these names,
    or on an array. Raises NotPortableError with the first part that does not compile, the names of the steps that lead
    to it, and the reason.
    """
    steps, out = compile_steps(pipeline, features)
    if out is not None:
        raise NotPortableError("the pipeline has no model at its end")
    if _work(steps) > MAX_WORK:
        raise NotPortableError(f"the pipeline adds up more than {MAX_WORK:,} numbers for each row")
    return PortableModel(n_features=len(features), steps=steps)


def _work(steps: Sequence[Step]) -> int:
    """How many numbers the trees and votes of ``steps`` add up for each row."""
    total = 0
    for step in steps:
        if "roots" in step.tensors:
            total += len(step.tensors["roots"]) * step.tensors["values"].shape[1]
        elif step.op == "ada_boost":
            total += step.params["n_classes"] * len(step.blocks)
        total += sum(_work(block.steps) for block in step.blocks)
    return total


def compile_steps(part: Any, features: Sequence[Mapping[str, Any]]) -> Compiled:
    """Compile any fitted part to steps and its output columns (None for a model).

    A part that both transforms and predicts counts as a model. Raises NotPortableError like ``compile_pipeline``.
    """
    names = [feature["name"] for feature in features]
    fitted_names = list(getattr(part, "feature_names_in_", names))
    if fitted_names != names and sorted(map(str, fitted_names)) == sorted(names):
        raise NotPortableError("the pipeline was fitted on the same columns in another order")
    columns = (
        ColumnType(text=feature["kind"] == "category", missing=bool(feature["nullable"])) for feature in features
    )
    table = ColumnTypes(columns=tuple(columns))
    # Without names the rows may be an array, in which text turns all numbers into objects.
    return _compile((), part, table if hasattr(part, "feature_names_in_") else table.as_array(), last=True)


def _compile(path: tuple[str, ...], part: Any, table: ColumnTypes, *, last: bool) -> Compiled:
    """Compile the part at ``path``, the names of the steps that lead to it; as a model if it is ``last``."""

    def inner(name: str, part: Any, table: ColumnTypes, *, last: bool = False) -> Compiled:
        return _compile((*path, name), part, table, last=last)

    top = "the pipeline" if isinstance(part, Pipeline) else type(part).__name__
    where = f"{type(part).__name__} (step '{' > '.join(path)}')" if path else top
    takes = getattr(part, "n_features_in_", len(table.columns))
    if takes != len(table.columns):
        raise NotPortableError(f"{where} expects {takes} columns but gets {len(table.columns)}")
    try:
        entry = ENTRIES.get(type(part))
        if entry is not None:
            if entry.discontinuous and table.close:
                raise NotPortableError(
                    "takes numbers from a previous step whose last bits may differ; "
                    "it compiles beside or before that step"
                )
            compiler = entry.model if last and entry.model else entry.compile
            checks, table = ((), table) if entry.skips_input_checks else checked(table)
            if entry.holds_parts:
                steps, out = compiler(part, table, inner)
            else:
                steps, out = compiler(part, table)
                if out is not None and (table.close or parity_of(steps) == "close"):
                    out = out.as_close()
            return (*checks, *steps), out
    except _NamedPartError:
        raise
    except NotPortableError as reason:
        raise _NamedPartError(f"{where} {reason}") from None
    raise _NamedPartError(f"{where} is not supported: it {reasons.of(type(part))}")


class _NamedPartError(NotPortableError):
    """A reason that already names its part."""
