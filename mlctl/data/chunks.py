"""Chunks: some rows of one column from pandas, JSON or Arrow, normalised to a few forms."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlctl.data.columns import NO_BOOLEAN, NO_DATE, compact
from mlctl.data.values import FIRST_MS, LAST_MS


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of one column in one form.

    An ``empty`` part has no value in any row. A ``mixed`` part must be read again as text, because numbers among
    texts have lost their original spelling.
    """

    form: Literal["empty", "number", "boolean", "date", "text", "mixed"]
    values: Any
    rows: int


def part(values: pd.Series, *, is_guess: bool = False) -> Part:
    """Convert a pandas Series to a part; ``is_guess``: pandas inferred its type from CSV.

    Raises ValueError for lists, objects and other types that are not values.
    """
    kind = values.dtype.kind
    if isinstance(values.dtype, pd.StringDtype) or kind == "O":
        is_text = isinstance(values.dtype, pd.StringDtype)
        result = _from_text(pa.array(values, from_pandas=True)) if is_text else _from_objects(values)
        # pandas loses the missing values when it falls back from integers to text.
        if is_guess and result.form == "text" and _has_long_integers(result.values.dictionary):
            return Part("mixed", None, result.rows)
        return result
    if kind == "b":
        return Part("boolean", values.to_numpy().astype(np.int8), len(values))
    if kind in "iu":
        return Part("number", compact(values.to_numpy()), len(values))
    if kind == "f":
        floats = values.to_numpy(dtype=np.float64)
        return Part("empty" if np.isnan(floats).all() else "number", floats, len(values))
    raise ValueError(f"holds values of type {values.dtype}")


def _has_long_integers(texts: pa.Array) -> bool:
    """Whether one of the texts is a whole number that may not fit in 64 bits."""
    return bool(pc.any(pc.match_substring_regex(texts, r"^\s*[+-]?\d{19,}\s*$")).as_py())


def empty(rows: int) -> Part:
    """A part of ``rows`` rows without values."""
    return Part("empty", np.full(rows, np.nan), rows)


def replace_missing(values: list[Any], missing: Sequence[str]) -> list[Any]:
    """Replace the values listed in ``missing`` by None: texts must be equal, numbers are compared by value."""
    if not missing:
        return values
    texts, numbers = frozenset(missing), frozenset(_numeric(missing))

    def is_missing(value: Any) -> bool:
        if isinstance(value, str):
            return value in texts
        return isinstance(value, int | float) and not isinstance(value, bool) and value in numbers

    return [None if is_missing(value) else value for value in values]


def json_text(value: Any) -> str | None:
    """A JSON value as text: a string as it is, None for null and NaN. Raises ValueError for a list or an object."""
    if isinstance(value, list | dict):
        raise ValueError("holds lists or objects")
    if value is None or value != value:  # noqa: PLR0124  # NaN
        return None
    return value if isinstance(value, str) else json.dumps(value)


def _numeric(missing: Sequence[str]) -> list[float]:
    """The texts in ``missing`` that are numbers, as numbers."""
    parsed = pd.to_numeric(pd.Series(list(missing), dtype=object), errors="coerce").to_numpy(dtype=np.float64)
    return [float(number) for number in parsed if not np.isnan(number)]


def arrow_part(values: pa.Array, missing: Sequence[str] = (), *, as_text: bool = False) -> Part:
    """Convert an Arrow array to a part. Raises ValueError for an unsupported type and for dates out of range."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind, rows = values.type, len(values)
    if missing:
        values = _replace_missing_in_arrow(values, missing)
    if values.null_count == rows:
        return empty(rows)
    if as_text:
        return _from_text(values.cast(pa.string()))
    if pa.types.is_boolean(kind):
        return Part("boolean", values.cast(pa.int8()).fill_null(NO_BOOLEAN).to_numpy(zero_copy_only=False), rows)
    if pa.types.is_integer(kind) and not values.null_count:
        return Part("number", compact(values.to_numpy(zero_copy_only=False)), rows)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Part("number", values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), rows)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return Part("date", floor_to_ms(values), rows)
    if _is_arrow_text(kind):
        return _from_text(values)
    raise ValueError(f"holds values of type {kind}")


def _is_arrow_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _replace_missing_in_arrow(values: pa.Array, missing: Sequence[str]) -> pa.Array:
    kind = values.type
    if _is_arrow_text(kind):
        is_missing = pc.is_in(values, pa.array(list(missing), kind))
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        is_missing = pc.is_in(values.cast(pa.float64(), safe=False), pa.array(_numeric(missing), pa.float64()))
    else:
        return values
    return pc.if_else(is_missing, pa.scalar(None, kind), values)


def _from_text(values: Any) -> Part:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if values.null_count == len(values):
        return empty(len(values))
    return Part("text", values.cast(pa.string()).dictionary_encode(), len(values))


def _from_objects(values: pd.Series) -> Part:
    """Convert Python objects: booleans with missing values, or values from JSON lines."""
    inferred = pd.api.types.infer_dtype(values, skipna=True)
    if inferred == "string":
        try:
            return _from_text(pa.array(values, pa.string(), from_pandas=True))
        except UnicodeEncodeError:
            raise ValueError("holds half of a surrogate pair, which is not valid text") from None
    if inferred == "boolean":
        filled = values.astype("boolean").fillna(value=False).to_numpy(dtype=np.int8)
        return Part("boolean", np.where(values.isna(), np.int8(NO_BOOLEAN), filled), len(values))
    if inferred == "integer" and not values.hasnans:
        try:
            return Part("number", compact(values.to_numpy(dtype=np.int64)), len(values))
        except OverflowError:
            pass
    if inferred in ("integer", "floating", "mixed-integer-float", "empty"):
        return part(pd.Series([_float(value) for value in values], dtype=np.float64))
    if any(isinstance(value, list | dict) for value in values):
        raise ValueError("holds lists or objects")
    return Part("mixed", None, len(values))


def _float(value: Any) -> float:
    try:
        return float("nan") if value is None else float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def floor_to_ms(values: pa.Array) -> NDArray[np.int64]:
    """Convert dates to milliseconds since 1970, rounded down. Raises ValueError outside of the years 1 to 9999."""
    units = {"s": (1000, 1), "ms": (1, 1), "us": (1, 1000), "ns": (1, 1_000_000)}
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("ms"))
    factor, divisor = units[values.type.unit]
    since_epoch = values.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    if (
        not FIRST_MS
        <= int(since_epoch.min()) * factor // divisor
        <= int(since_epoch.max()) * factor // divisor
        <= LAST_MS
    ):
        raise ValueError("holds dates outside of the years 1 to 9999")
    return np.where(values.is_null().to_numpy(zero_copy_only=False), NO_DATE, since_epoch * factor // divisor)
