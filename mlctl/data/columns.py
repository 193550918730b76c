"""Columns of a table: compact storage, and conversion to model input and request values.

Whole numbers use the smallest integer type that holds them until a model needs float64. Texts are codes into the
distinct values. A table in memory is therefore rarely larger than its file.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlctl.data.values import MS_A_DAY, Kind, Value, iso_text

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
# A missing date. No ISO 8601 text is as early as this number of milliseconds.
NO_DATE = np.iinfo(np.int64).min
NO_BOOLEAN = -1
NO_CODE = -1


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table; ``values`` has shape (rows,).

    number: float64 with NaN where missing, or whole numbers of any integer type; boolean: int8 0, 1 or
    NO_BOOLEAN; date: int64 milliseconds since 1970 UTC or NO_DATE; category: positions in ``categories``
    (distinct texts in the order of their first appearance) or NO_CODE.
    """

    name: str
    kind: Kind
    values: NDArray[Any]
    categories: pa.Array | None = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.values)

    @cached_property
    def missing(self) -> int:
        """The number of rows without a value."""
        if self.kind == "number" and self.values.dtype.kind != "f":
            return 0
        return int(np.count_nonzero(self.is_missing))

    @property
    def is_missing(self) -> NDArray[np.bool_]:
        """Which rows have no value."""
        if self.kind == "number":
            return np.isnan(self.values) if self.values.dtype.kind == "f" else np.zeros(self.rows, dtype=bool)
        is_missing: NDArray[np.bool_] = np.equal(self.values, NO_DATE if self.kind == "date" else NO_CODE)
        return is_missing

    @cached_property
    def is_whole(self) -> bool:
        """Whether all numbers are whole."""
        if self.kind != "number":
            return False
        if self.values.dtype.kind != "f":
            return True
        present = self.values[np.isfinite(self.values)]
        return len(present) > 0 and bool(np.all(present == np.trunc(present)))

    def texts(self) -> list[str]:
        """The distinct texts of a category, in the order of their codes."""
        return [] if self.categories is None else self.categories.to_pylist()

    def floats(self, rows: NDArray[Any] | slice = slice(None)) -> Floats:
        """The values of a number, boolean or date as float64, NaN where missing; dates are days since 1970 UTC."""
        values = self.values[rows]
        if self.kind == "number":
            return np.asarray(values, dtype=np.float64)
        floats = values.astype(np.float64)
        floats[values == (NO_DATE if self.kind == "date" else NO_BOOLEAN)] = np.nan
        return floats / MS_A_DAY if self.kind == "date" else floats

    def for_model(self, rows: NDArray[Any] | slice = slice(None)) -> NDArray[Any]:
        """The values as input of a pipeline: float64, or an object array of str for a category; NaN if missing."""
        if self.kind != "category":
            return self.floats(rows)
        # The code of a missing value, -1, is the position of the last item.
        lookup = np.array([*self.texts(), np.nan], dtype=object)
        texts: NDArray[Any] = lookup[self.values[rows]]
        return texts

    def for_request(self, rows: NDArray[Any] | slice = slice(None)) -> list[Value]:
        """The values as in a request: a number, a text, a boolean, an ISO 8601 date, or None where missing."""
        if self.kind == "category":
            return [value if isinstance(value, str) else None for value in self.for_model(rows).tolist()]
        if self.kind == "date":
            return [None if value == NO_DATE else iso_text(value) for value in self.values[rows].tolist()]
        if self.kind == "boolean":
            return [None if value == NO_BOOLEAN else bool(value) for value in self.values[rows].tolist()]
        return [None if value != value else value for value in self.floats(rows).tolist()]  # noqa: PLR0124  # NaN

    def take(self, rows: NDArray[Any]) -> "Column":
        """The same column with only these rows."""
        return Column(self.name, self.kind, self.values[rows], self.categories)


def numbers(name: str, values: NDArray[Any]) -> Column:
    """A column of numbers from an array of any real type."""
    return Column(name, "number", compact(values))


def compact(values: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers in the smallest integer type that holds them; floats as float64."""
    if values.dtype.kind not in "iu":
        return np.asarray(values, dtype=np.float64)
    if len(values) == 0:
        return values.astype(np.int8)
    low, high = int(values.min()), int(values.max())
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind)
    # float64 has 53 bits of precision: a model could not receive a larger number exactly.
    return values if max(-low, high) <= 2**53 and values.dtype == np.int64 else values.astype(np.float64)
