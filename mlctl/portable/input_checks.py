"""Steps for scikit-learn's checks of a row before a part computes with it.

Source: sklearn/utils/validation.py (``check_array``).
"""

from dataclasses import replace

import numpy as np

from mlctl.portable.ir.columns import ColumnTypes
from mlctl.portable.ir.program import NotPortableError, Step


def refuse_missing(table: ColumnTypes) -> tuple[Step, ...]:
    """A check for missing values, if there may be any, for a part that refuses them in scikit-learn."""
    return (_check("present"),) if table.missing else ()


def refuse_infinite(table: ColumnTypes) -> tuple[tuple[Step, ...], ColumnTypes]:
    """A check for infinite numbers, if there may be any, and the columns after it."""
    if not table.infinite:
        return (), table
    finite = replace(table, columns=tuple(replace(column, infinite=False) for column in table.columns))
    return (_check("finite"),), finite


def refuse_both(table: ColumnTypes) -> tuple[tuple[Step, ...], ColumnTypes]:
    """Both checks, if they are needed, and the columns after them."""
    infinite, finite = refuse_infinite(table)
    columns = (replace(column, missing=False) for column in finite.columns)
    return (*infinite, *refuse_missing(table)), replace(finite, columns=tuple(columns))


def checked(table: ColumnTypes) -> tuple[tuple[Step, ...], ColumnTypes]:
    """The checks of nearly every part of scikit-learn, and the columns after them: finite float64 numbers.

    Raises NotPortableError for a narrower floating-point type, because scikit-learn keeps it and computes with it.
    """
    dtype = np.dtype(table.dtype)
    if dtype.kind == "f" and dtype != np.float64:
        raise NotPortableError(f"takes numbers of {dtype}; float64 and integers are supported")
    steps, finite = refuse_infinite(table)
    return steps, replace(finite, columns=tuple(replace(column, dtype="float64") for column in finite.columns))


def _check(op: str) -> Step:
    return Step(op=op, parity="exact", params={}, tensors={})
