"""OneHotEncoder, OrdinalEncoder and TargetEncoder.

What becomes of a category depends on much (drop, infrequent categories, missing values, versions of
scikit-learn), so the fitted encoder itself is asked: it transforms each of its categories once, and
a value that it does not know.
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
    """The slot of each category among its column's; -1 where it has none and all are zero."""
    dtype = _dtype(encoder)
    categories = _categories(encoder)
    asked = _ask(encoder).tocoo()
    widths = _widths(encoder)
    if sum(widths) != asked.shape[1]:
        raise NotPortableError("has another number of columns than its categories imply")
    starts = np.concatenate(([0], np.cumsum(widths)[:-1])).astype(int)
    slots = np.full((asked.shape[0], len(widths)), -1)
    column = np.searchsorted(starts, asked.col, side="right") - 1
    slots[asked.row, column] = asked.col - starts[column]
    params = {
        "columns": [
            {
                "categories": known,
                "slots": slots[: len(known), at].tolist(),
                "unknown": int(slots[-1, at]),
                "width": width,
            }
            for at, (known, width) in enumerate(zip(categories, widths, strict=True))
        ],
        "refuse_unknown": encoder.handle_unknown == "error",
    }
    out = ColumnTypes(columns=(ColumnType(dtype=dtype),) * sum(widths), sparse=encoder.sparse_output)
    return (Step(op="one_hot", parity="exact", params=params, tensors={}),), out


def ordinal(encoder: OrdinalEncoder, table: ColumnTypes) -> Compiled:
    """The code of each category; NaN, which stands for a missing value, as null."""
    dtype = _dtype(encoder)
    categories = _categories(encoder)
    codes = np.asarray(_ask(encoder), dtype=np.float64)
    refuses = encoder.handle_unknown == "error"
    columns, out = [], []
    for at, (known, before) in enumerate(zip(categories, table.columns, strict=True)):
        listed = [plain(code) for code in codes[: len(known), at]]
        unknown = plain(codes[-1, at])
        columns.append({"categories": known, "codes": listed, "unknown": None if refuses else unknown})
        possible = [
            code for category, code in zip(known, listed, strict=True) if category is not None or before.missing
        ]
        out.append(ColumnType(missing=None in possible or (not refuses and unknown is None), dtype=dtype))
    params = {"columns": columns, "refuse_unknown": refuses}
    return (Step(op="ordinal", parity="exact", params=params, tensors={}),), ColumnTypes(columns=tuple(out))


def target(encoder: TargetEncoder, table: ColumnTypes) -> Compiled:
    """The learned mean of each category, of more than two classes one for each class."""
    categories = _categories(encoder)
    encoded = np.asarray(_ask(encoder), dtype=np.float64)
    classes = encoded.shape[1] // len(categories)
    # A column a class: each is taken as often as there are classes, side by side.
    taken = [at for at in range(len(categories)) for _ in range(classes)]
    steps, repeated = select(taken, table)
    columns, out = [], []
    for at, column in enumerate(taken):
        *listed, unknown = [plain(code) for code in encoded[[*range(len(categories[column])), -1], at]]
        columns.append({"categories": categories[column], "codes": listed, "unknown": unknown})
        out.append(ColumnType(missing=None in (*listed, unknown)))
    params = {"columns": columns, "refuse_unknown": False}
    step = Step(op="ordinal", parity="exact", params=params, tensors={})
    return (*steps, step), replace(repeated, columns=tuple(out), sparse=False)


def _dtype(encoder: Any) -> str:
    """The name of the type that an encoder writes, which has to be one of numbers."""
    dtype = np.dtype(encoder.dtype)
    if dtype.kind not in "iufb" or dtype.itemsize > 8:
        raise NotPortableError(f"outputs {dtype}; floating point up to float64, integers and booleans are supported")
    return str(dtype.name)


def _categories(encoder: Any) -> list[list[str | float | None]]:
    """The categories of each column; None for a missing value."""
    for known in encoder.categories_:
        # NaN is what the pipeline gets for a missing value: it would not find this category.
        if any(category is None for category in known):
            raise NotPortableError("has None as a category; mlctl uses NaN for a missing value")
    return [[plain(category) for category in known] for known in encoder.categories_]


def _ask(encoder: Any) -> Any:
    """What the encoder makes of its categories: a row a category, and a last row of values it does not know.

    Columns with fewer categories than others are filled up with their first. An encoder that refuses
    what it does not know is not asked for it: the last row repeats a category.
    """
    known = encoder.categories_
    refuses = getattr(encoder, "handle_unknown", "ignore") == "error"
    rows: NDArray[Any] = np.empty((max(map(len, known)) + 1, len(known)), dtype=object)
    for at, categories in enumerate(known):
        rows[:, at] = categories[0]
        rows[: len(categories), at] = categories
        if not refuses:
            rows[-1, at] = _unknown(categories)
    asked = copy.deepcopy(encoder)
    if hasattr(asked, "sparse_output"):
        asked.sparse_output = True
    asked.set_output(transform="default")
    with warnings.catch_warnings(), config_context(transform_output="default"):
        # It may miss the names of its columns, and may warn of what it does not know.
        warnings.simplefilter("ignore")
        try:
            return asked.transform(rows)
        except OverflowError:
            raise NotPortableError(f"has a code that does not fit in {np.dtype(encoder.dtype)}") from None


def _unknown(categories: NDArray[Any]) -> str | float:
    """A value of the kind of ``categories`` and not among them."""
    if categories.dtype.kind in "OU":
        return "\0".join(["", *(each for each in categories if isinstance(each, str))]) + "\0"
    finite = categories[np.isfinite(categories)].astype(np.float64)
    return float(np.max(np.abs(finite), initial=0.0) * 2 + 1)


def _widths(encoder: OneHotEncoder) -> list[int]:
    """How many columns the encoder makes of each."""
    widths = [len(categories) for categories in encoder.categories_]
    for at, infrequent in enumerate(getattr(encoder, "infrequent_categories_", [])):
        if infrequent is not None:
            widths[at] -= len(infrequent) - 1
    if encoder.drop_idx_ is not None:
        widths = [width - (dropped is not None) for width, dropped in zip(widths, encoder.drop_idx_, strict=True)]
    return widths


_LIMITS = "None as a category; float32, unless beside float64"

ENTRIES = {
    OneHotEncoder: Entry(one_hot, parity="exact", discontinuous=True, limits=_LIMITS),
    OrdinalEncoder: Entry(ordinal, parity="exact", discontinuous=True, limits=_LIMITS),
    TargetEncoder: Entry(target, parity="exact", discontinuous=True, limits="None as a category"),
}
