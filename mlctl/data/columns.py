"""Columns: how they are kept, and what a model and a request see of them.

Whole numbers stay in the smallest type that holds them until a model asks for float64, and text is
kept as codes into its distinct values: a table in memory is rarely larger than its file.
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
# Of a date that is missing; no ISO 8601 text reaches it.
NO_DATE = np.iinfo(np.int64).min
NO_TRUTH = -1
NO_CODE = -1


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table; ``values`` has shape (rows,).

    number: float64 with NaN where missing, or whole numbers of any integer type; boolean: int8 0, 1 or
    NO_TRUTH; date: int64 milliseconds since 1970 UTC or NO_DATE; category: positions in ``categories``
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
        found: NDArray[np.bool_] = np.equal(self.values, NO_DATE if self.kind == "date" else NO_CODE)
        return found

    @cached_property
    def is_whole(self) -> bool:
        """Whether every number is a whole one."""
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
        """A number, boolean or date as float64, NaN where missing; dates are days since 1970 UTC."""
        values = self.values[rows]
        if self.kind == "number":
            return np.asarray(values, dtype=np.float64)
        found = values.astype(np.float64)
        found[values == (NO_DATE if self.kind == "date" else NO_TRUTH)] = np.nan
        return found / MS_A_DAY if self.kind == "date" else found

    def for_model(self, rows: NDArray[Any] | slice = slice(None)) -> NDArray[Any]:
        """What a pipeline gets: float64, or for a category an object array of str with NaN where missing."""
        if self.kind != "category":
            return self.floats(rows)
        # The code of a missing value, -1, is the position of the last item.
        lookup = np.array([*self.texts(), np.nan], dtype=object)
        found: NDArray[Any] = lookup[self.values[rows]]
        return found

    def for_request(self, rows: NDArray[Any] | slice = slice(None)) -> list[Value]:
        """What a request holds: a number, a text, true or false, an ISO 8601 date, null where missing."""
        if self.kind == "category":
            return [value if isinstance(value, str) else None for value in self.for_model(rows).tolist()]
        if self.kind == "date":
            return [None if value == NO_DATE else iso_text(value) for value in self.values[rows].tolist()]
        if self.kind == "boolean":
            return [None if value == NO_TRUTH else bool(value) for value in self.values[rows].tolist()]
        return [None if value != value else value for value in self.floats(rows).tolist()]  # noqa: PLR0124  # NaN

    def take(self, rows: NDArray[Any]) -> "Column":
        """The same column with these rows alone."""
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
    # float64 has 53 bits; a larger number could not reach a model as it is anyhow.
    return values if max(-low, high) <= 2**53 and values.dtype == np.int64 else values.astype(np.float64)
