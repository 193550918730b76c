"""Compiles FunctionTransformer without a function, or with a NumPy function of one number."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.preprocessing import FunctionTransformer

from mlctl.portable.entry import Entry
from mlctl.portable.input_checks import refuse_both
from mlctl.portable.ir.columns import ColumnType, ColumnTypes, Compiled
from mlctl.portable.ir.program import NotPortableError, Step

# Functions that IEEE 754 defines to the last bit, or that are one multiplication.
_EXACT = (
    "absolute",
    "ceil",
    "degrees",
    "fabs",
    "floor",
    "isfinite",
    "isinf",
    "isnan",
    "negative",
    "positive",
    "radians",
    "reciprocal",
    "rint",
    "sign",
    "sqrt",
    "square",
    "trunc",
)
_CLOSE = (
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "cbrt",
    "cos",
    "cosh",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log10",
    "log1p",
    "log2",
    "sin",
    "sinh",
    "tan",
    "tanh",
)
# Functions for which the last bit may decide between one whole number and the next.
_JUMPS = ("ceil", "floor", "rint", "sign", "trunc")
_TRUTHS = ("isfinite", "isinf", "isnan")
# Functions that may return NaN, or an infinity, for a finite number.
_PARTIAL = ("arccos", "arccosh", "arcsin", "arctanh", "log", "log10", "log1p", "log2", "sqrt")
_UNBOUNDED = (
    "arctanh",
    "cosh",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log10",
    "log1p",
    "log2",
    "reciprocal",
    "sinh",
    "square",
)


def function_transformer(part: FunctionTransformer, table: ColumnTypes) -> Compiled:
    """The function of each number, after a check of the row if ``validate`` is set."""
    steps: tuple[Step, ...] = ()
    if part.validate:
        table.require_numbers()
        steps, table = refuse_both(table)
        dtype = "float64" if table.dtype == "object" else table.dtype
        table = replace(table, columns=tuple(replace(column, dtype=dtype) for column in table.columns))
    if part.func is None:
        return steps, table
    name = ufunc_name(part.func)
    if part.kw_args:
        raise NotPortableError(f"calls numpy.{name} with arguments, which is not supported")
    if table.sparse:
        raise NotPortableError(f"calls numpy.{name} with a sparse matrix, which is not supported")
    table.require_numbers()
    if any(column.dtype != "float64" for column in table.columns):
        raise NotPortableError(f"calls numpy.{name} with numbers other than float64, which is not supported")
    if name in _JUMPS and table.close:
        raise NotPortableError(f"calls numpy.{name} with numbers from a previous step whose last bits may differ")
    return (*steps, ufunc(name)), columns_after(name, table)


def ufunc(name: str) -> Step:
    """The step that applies the NumPy function ``name`` to each number."""
    return Step(op="ufunc", parity="exact" if name in _EXACT else "close", params={"function": name}, tensors={})


def ufunc_name(function: Any) -> str:
    """NumPy's name of a function that compiles. Raises NotPortableError for any other function."""
    name = getattr(function, "__name__", "")
    if isinstance(function, np.ufunc) and getattr(np, name, None) is function:
        name = {"deg2rad": "radians", "rad2deg": "degrees"}.get(name, name)
        if name in _EXACT or name in _CLOSE:
            return str(name)
    raise NotPortableError(f"calls {_name_of(function)}; NumPy's functions of one number are supported")


def columns_after(name: str, table: ColumnTypes) -> ColumnTypes:
    """The output columns: missing if the function may have no value, infinite if it is unbounded."""
    if name in _TRUTHS:
        return replace(table, columns=tuple(ColumnType(dtype="bool") for _ in table.columns))
    columns = (
        replace(
            column,
            missing=column.missing or column.infinite or name in _PARTIAL,
            infinite=column.infinite or name in _UNBOUNDED,
        )
        for column in table.columns
    )
    return replace(table, columns=tuple(columns))


def _name_of(function: Any) -> str:
    """The name of a function in messages."""
    name = str(getattr(function, "__name__", type(function).__name__))
    if name == "<lambda>":
        return "a lambda function"
    if getattr(np, name, None) is function:
        return f"numpy.{name}"
    module = getattr(function, "__module__", None)
    return f"{module}.{name}" if module else f"the function {name}"


ENTRIES = {
    FunctionTransformer: Entry(
        function_transformer,
        parity="close",
        skips_input_checks=True,
        limits="functions other than NumPy's of one number; arguments; sparse matrices; numbers other than float64; "
        "rounding and sign of numbers from a previous step that is close",
    )
}
