"""Compiles OneHotEncoder, OrdinalEncoder and TargetEncoder.

The code of a category depends on many things (drop, infrequent categories, missing values, the release of
scikit-learn). The compiler therefore lets the fitted encoder transform each of its categories once, and an unknown
value.
"""

import copy
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from mlctl.portable.entry import Entry
from mlctl.portable.families.composition import select
from mlctl.portable.ir.columns import ColumnType, ColumnTypes, Compiled
from mlctl.portable.ir.json_values import plain
from mlctl.portable.ir.program import NotPortableError, Step


def one_hot(encoder: OneHotEncoder, table: ColumnTypes) -> Compiled:
    """The slot of each category in its column's block; -1 if it has none and the block is all zeros."""
    dtype = _dtype(encoder)
    categories = _categories(encoder)
    encoded = _encode_categories(encoder).tocoo()
    widths = _widths(encoder)
    if sum(widths) != encoded.shape[1]:
        raise NotPortableError("has another number of columns than its categories imply")
    starts = np.concatenate(([0], np.cumsum(widths)[:-1])).astype(int)
    slots = np.full((encoded.shape[0], len(widths)), -1)
    column = np.searchsorted(starts, encoded.col, side="right") - 1
    slots[encoded.row, column] = encoded.col - starts[column]
    params = {
        "columns": [
            {
                "categories": known,
                "slots": slots[: len(known), position].tolist(),
                "unknown": int(slots[-1, position]),
                "width": width,
            }
            for position, (known, width) in enumerate(zip(categories, widths, strict=True))
        ],
        "refuse_unknown": encoder.handle_unknown == "error",
    }
    out = ColumnTypes(columns=(ColumnType(dtype=dtype),) * sum(widths), sparse=encoder.sparse_output)
    return (Step(op="one_hot", parity="exact", params=params, tensors={}),), out


def ordinal(encoder: OrdinalEncoder, table: ColumnTypes) -> Compiled:
    """The code of each category; null for NaN, a missing value."""
    dtype = _dtype(encoder)
    categories = _categories(encoder)
    codes = np.asarray(_encode_categories(encoder), dtype=np.float64)
    refuses = encoder.handle_unknown == "error"
    columns, out = [], []
    for position, (known, column) in enumerate(zip(categories, table.columns, strict=True)):
        listed = [plain(code) for code in codes[: len(known), position]]
        unknown = plain(codes[-1, position])
        columns.append({"categories": known, "codes": listed, "unknown": None if refuses else unknown})
        possible = [
            code for category, code in zip(known, listed, strict=True) if category is not None or column.missing
        ]
        out.append(ColumnType(missing=None in possible or (not refuses and unknown is None), dtype=dtype))
    params = {"columns": columns, "refuse_unknown": refuses}
    return (Step(op="ordinal", parity="exact", params=params, tensors={}),), ColumnTypes(columns=tuple(out))


def target(encoder: TargetEncoder, table: ColumnTypes) -> Compiled:
    """The learned mean of each category; one for each class if there are more than two."""
    categories = _categories(encoder)
    encoded = np.asarray(_encode_categories(encoder), dtype=np.float64)
    classes = encoded.shape[1] // len(categories)
    # Each column is repeated for each class.
    positions = [position for position in range(len(categories)) for _ in range(classes)]
    steps, repeated = select(positions, table)
    columns, out = [], []
    for output, column in enumerate(positions):
        *listed, unknown = [plain(code) for code in encoded[[*range(len(categories[column])), -1], output]]
        columns.append({"categories": categories[column], "codes": listed, "unknown": unknown})
        out.append(ColumnType(missing=None in (*listed, unknown)))
    params = {"columns": columns, "refuse_unknown": False}
    step = Step(op="ordinal", parity="exact", params=params, tensors={})
    return (*steps, step), replace(repeated, columns=tuple(out), sparse=False)


def _dtype(encoder: Any) -> str:
    """The name of the output type. Raises NotPortableError unless it is a numeric type."""
    dtype = np.dtype(encoder.dtype)
    if dtype.kind not in "iufb" or dtype.itemsize > 8:
        raise NotPortableError(f"outputs {dtype}; floating point up to float64, integers and booleans are supported")
    return str(dtype.name)


def _categories(encoder: Any) -> list[list[str | float | None]]:
    """The categories of each column; None for a missing value."""
    for known in encoder.categories_:
        # A missing value in a request becomes NaN, which would not match this category.
        if any(category is None for category in known):
            raise NotPortableError("has None as a category; mlctl uses NaN for a missing value")
    return [[plain(category) for category in known] for known in encoder.categories_]


def _encode_categories(encoder: Any) -> Any:
    """The encoder's output for its categories: a row for each category, and a last row for unknown values.

    Columns with fewer categories than others are padded with their first category. For an encoder that refuses unknown
    values, the last row repeats a category.
    """
    known = encoder.categories_
    refuses = getattr(encoder, "handle_unknown", "ignore") == "error"
    rows: NDArray[Any] = np.empty((max(map(len, known)) + 1, len(known)), dtype=object)
    for column, categories in enumerate(known):
        rows[:, column] = categories[0]
        rows[: len(categories), column] = categories
        if not refuses:
            rows[-1, column] = _unknown(categories)
    # A copy, because its output format is changed.
    copied = copy.deepcopy(encoder)
    if hasattr(copied, "sparse_output"):
        copied.sparse_output = True
    copied.set_output(transform="default")
    with warnings.catch_warnings(), config_context(transform_output="default"):
        # It may warn about missing column names and unknown values.
        warnings.simplefilter("ignore")
        try:
            return copied.transform(rows)
        except OverflowError:
            raise NotPortableError(f"has a code that does not fit in {np.dtype(encoder.dtype)}") from None


def _unknown(categories: NDArray[Any]) -> str | float:
    """A value of the same kind as ``categories`` that is not one of them."""
    if categories.dtype.kind in "OU":
        return "\0".join(["", *(category for category in categories if isinstance(category, str))]) + "\0"
    finite = categories[np.isfinite(categories)].astype(np.float64)
    return float(np.max(np.abs(finite), initial=0.0) * 2 + 1)


def _widths(encoder: OneHotEncoder) -> list[int]:
    """The number of output columns of each column."""
    widths = [len(categories) for categories in encoder.categories_]
    for column, infrequent in enumerate(getattr(encoder, "infrequent_categories_", [])):
        if infrequent is not None:
            widths[column] -= len(infrequent) - 1
    if encoder.drop_idx_ is not None:
        widths = [width - (dropped is not None) for width, dropped in zip(widths, encoder.drop_idx_, strict=True)]
    return widths


_LIMITS = "None as a category; float32, unless beside float64"

ENTRIES = {
    OneHotEncoder: Entry(one_hot, parity="exact", discontinuous=True, limits=_LIMITS),
    OrdinalEncoder: Entry(ordinal, parity="exact", discontinuous=True, limits=_LIMITS),
    TargetEncoder: Entry(target, parity="exact", discontinuous=True, limits="None as a category"),
}
