"""Some rows of one column, as pandas, JSON or Arrow give them, in one of a few forms."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlctl.data.columns import NO_DATE, NO_TRUTH, compact
from mlctl.data.values import FIRST_MS, LAST_MS


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of one column, in one form; ``empty`` ones have no value in any row.

    ``mixed`` ones are to be read again as text: numbers among text would not be as they were written.
    """

    form: Literal["empty", "number", "boolean", "date", "text", "mixed"]
    values: Any
    rows: int


def part(values: pd.Series, *, is_guess: bool = False) -> Part:
    """What pandas read of one column; ``is_guess``: as CSV, of a type that it found by itself.

    Raises ValueError for lists, objects and other things that are no value.
    """
    kind = values.dtype.kind
    if isinstance(values.dtype, pd.StringDtype) or kind == "O":
        is_text = isinstance(values.dtype, pd.StringDtype)
        found = _of_text(pa.array(values, from_pandas=True)) if is_text else _of_objects(values)
        # pandas forgets which values are missing where it falls back from whole numbers to text.
        if is_guess and found.form == "text" and _has_long_integers(found.values.dictionary):
            return Part("mixed", None, found.rows)
        return found
    if kind == "b":
        return Part("boolean", values.to_numpy().astype(np.int8), len(values))
    if kind in "iu":
        return Part("number", compact(values.to_numpy()), len(values))
    if kind == "f":
        floats = values.to_numpy(dtype=np.float64)
        return Part("empty" if np.isnan(floats).all() else "number", floats, len(values))
    raise ValueError(f"holds values of type {values.dtype}")


def _has_long_integers(texts: pa.Array) -> bool:
    """Whether one of them is a whole number of so many digits that 64 bits may not hold it."""
    return bool(pc.any(pc.match_substring_regex(texts, r"^\s*[+-]?\d{19,}\s*$")).as_py())


def empty(rows: int) -> Part:
    """So many rows without a value."""
    return Part("empty", np.full(rows, np.nan), rows)


def without(values: list[Any], missing: Sequence[str]) -> list[Any]:
    """The same values, None for those that ``missing`` names: a text as it stands, a number by its value."""
    if not missing:
        return values
    texts, figures = frozenset(missing), frozenset(_figures(missing))

    def is_missing(value: Any) -> bool:
        if isinstance(value, str):
            return value in texts
        return isinstance(value, int | float) and not isinstance(value, bool) and value in figures

    return [None if is_missing(each) else each for each in values]


def written(value: Any) -> str | None:
    """A JSON value as it is written. Raises ValueError for a list or an object."""
    if isinstance(value, list | dict):
        raise ValueError("holds lists or objects")
    if value is None or value != value:  # noqa: PLR0124  # NaN
        return None
    return value if isinstance(value, str) else json.dumps(value)


def _figures(missing: Sequence[str]) -> list[float]:
    """Those of ``missing`` that are numbers."""
    read = pd.to_numeric(pd.Series(list(missing), dtype=object), errors="coerce").to_numpy(dtype=np.float64)
    return [float(each) for each in read if not np.isnan(each)]


def arrow_part(values: pa.Array, missing: Sequence[str] = (), *, as_text: bool = False) -> Part:
    """What Arrow read of one column. Raises ValueError for a type that is no value, and for dates out of range."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind, rows = values.type, len(values)
    if missing:
        values = _arrow_without(values, missing)
    if values.null_count == rows:
        return empty(rows)
    if as_text:
        return _of_text(values.cast(pa.string()))
    if pa.types.is_boolean(kind):
        return Part("boolean", values.cast(pa.int8()).fill_null(NO_TRUTH).to_numpy(zero_copy_only=False), rows)
    if pa.types.is_integer(kind) and not values.null_count:
        return Part("number", compact(values.to_numpy(zero_copy_only=False)), rows)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Part("number", values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), rows)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return Part("date", floor_to_ms(values), rows)
    if _is_arrow_text(kind):
        return _of_text(values)
    raise ValueError(f"holds values of type {kind}")


def _is_arrow_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _arrow_without(values: pa.Array, missing: Sequence[str]) -> pa.Array:
    kind = values.type
    if _is_arrow_text(kind):
        hit = pc.is_in(values, pa.array(list(missing), kind))
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        hit = pc.is_in(values.cast(pa.float64(), safe=False), pa.array(_figures(missing), pa.float64()))
    else:
        return values
    return pc.if_else(hit, pa.scalar(None, kind), values)


def _of_text(values: Any) -> Part:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if values.null_count == len(values):
        return empty(len(values))
    return Part("text", values.cast(pa.string()).dictionary_encode(), len(values))


def _of_objects(values: pd.Series) -> Part:
    """Python objects: booleans with gaps, or what JSON lines hold."""
    found = pd.api.types.infer_dtype(values, skipna=True)
    if found == "string":
        try:
            return _of_text(pa.array(values, pa.string(), from_pandas=True))
        except UnicodeEncodeError:
            raise ValueError("holds half of a surrogate pair, which is no text") from None
    if found == "boolean":
        filled = values.astype("boolean").fillna(value=False).to_numpy(dtype=np.int8)
        return Part("boolean", np.where(values.isna(), np.int8(NO_TRUTH), filled), len(values))
    if found == "integer" and not values.hasnans:
        try:
            return Part("number", compact(values.to_numpy(dtype=np.int64)), len(values))
        except OverflowError:
            pass
    if found in ("integer", "floating", "mixed-integer-float", "empty"):
        return part(pd.Series([_float(each) for each in values], dtype=np.float64))
    if any(isinstance(each, list | dict) for each in values):
        raise ValueError("holds lists or objects")
    return Part("mixed", None, len(values))


def _float(value: Any) -> float:
    try:
        return float("nan") if value is None else float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def floor_to_ms(values: pa.Array) -> NDArray[np.int64]:
    """Milliseconds since 1970 of dates. Raises ValueError for those that ISO 8601 texts do not reach."""
    units = {"s": (1000, 1), "ms": (1, 1), "us": (1, 1000), "ns": (1, 1_000_000)}
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("ms"))
    times, by = units[values.type.unit]
    counted = values.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    if not FIRST_MS <= int(counted.min()) * times // by <= int(counted.max()) * times // by <= LAST_MS:
        raise ValueError("holds dates outside of the years 1 to 9999")
    return np.where(values.is_null().to_numpy(zero_copy_only=False), NO_DATE, counted * times // by)
