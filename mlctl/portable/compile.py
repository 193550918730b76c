"""``compile_pipeline``: a fitted pipeline in, a portable model out, or the reason why not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sklearn.pipeline import Pipeline

from mlctl.portable import composition, encoding, imputing, linear, scaling, trees
from mlctl.portable.program import NotPortableError, PortableModel
from mlctl.portable.table import Column, Compiled, Table

# Exact classes, never subclasses: those may compute differently.
COMPILERS: dict[type, Callable[[Any, Table], Compiled]] = {
    **imputing.COMPILERS,
    **encoding.COMPILERS,
    **scaling.COMPILERS,
    **trees.COMPILERS,
    **linear.COMPILERS,
}


def compile_pipeline(pipeline: Pipeline, features: Sequence[Mapping[str, Any]]) -> PortableModel:
    """The portable model of a fitted pipeline, for rows of ``features``: the schema's entries, in order.

    Of each entry ``name``, ``kind`` and ``nullable`` are read. The pipeline may have been fitted on a
    table with these names, or on an array. Raises NotPortableError naming the first part that does
    not compile, by the names of the steps that lead to it, and the reason.
    """
    names = [feature["name"] for feature in features]
    fitted_names = list(getattr(pipeline, "feature_names_in_", names))
    if fitted_names != names and sorted(map(str, fitted_names)) == sorted(names):
        raise NotPortableError("the pipeline was fitted on the same columns in another order")
    columns = (Column(text=each["kind"] == "category", missing=bool(each["nullable"])) for each in features)
    steps, out = _compile((), pipeline, Table(columns=tuple(columns)))
    if out is not None:
        raise NotPortableError("the pipeline has no model at its end")
    return PortableModel(n_features=len(names), steps=steps)


def _compile(path: tuple[str, ...], part: Any, table: Table) -> Compiled:
    """Compile the part at ``path``, the names of the steps that lead to it."""

    def inner(name: str, each: Any, below: Table) -> Compiled:
        return _compile((*path, name), each, below)

    where = f"{type(part).__name__} (step '{' > '.join(path)}')" if path else "the pipeline"
    takes = getattr(part, "n_features_in_", len(table.columns))
    if takes != len(table.columns):
        raise NotPortableError(f"{where} takes {takes} columns where {len(table.columns)} reach it")
    try:
        if type(part) in composition.COMPILERS:
            return composition.COMPILERS[type(part)](part, table, inner)
        if type(part) in COMPILERS:
            return COMPILERS[type(part)](part, table)
    except _Placed:
        raise
    except NotPortableError as reason:
        raise _Placed(f"{where} {reason}") from None
    raise _Placed(f"{where} is not supported")


class _Placed(NotPortableError):
    """A reason that already names its part."""
