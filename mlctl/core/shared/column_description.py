"""Describes a column: range, missing values, histogram, mean and standard deviation."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlctl.data.columns import Column, Floats
from mlctl.registry import schema

BINS = 10


@dataclass(frozen=True)
class ColumnDescription:
    """One column: its schema entry, the number of rows without a value, and a histogram.

    The bins of the histogram are BINS equal parts of the range for numbers and dates; the values of a category, most
    frequent first, at most BINS; false and true for a boolean. ``mean`` and ``std`` are None except for numbers.
    """

    name: str
    kind: str
    missing: int
    entry: dict[str, Any]
    histogram: tuple[int, ...]
    mean: float | None = None
    std: float | None = None


def describe_column(column: Column) -> ColumnDescription:
    """Describe one column."""
    entry = schema.feature(column)
    if column.kind == "category":
        return ColumnDescription(column.name, column.kind, column.missing, entry, tuple(entry["counts"][:BINS]))
    if column.kind == "boolean":
        return ColumnDescription(column.name, column.kind, column.missing, entry, (entry["false"], entry["true"]))
    values = column.floats()
    # `data validate` reports infinite values; ignore them here.
    finite: Floats = values[np.isfinite(values)]
    bins = _bins(finite)
    if column.kind == "date" or len(finite) == 0:
        return ColumnDescription(column.name, column.kind, column.missing, entry, bins)
    # The mean of numbers near the largest float64 overflows.
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(finite.mean()), float(finite.std())
    figures = (mean, std) if np.isfinite([mean, std]).all() else (None, None)
    return ColumnDescription(column.name, column.kind, column.missing, entry, bins, *figures)


def _bins(values: Floats) -> tuple[int, ...]:
    """Return the counts of BINS equal parts of the range. If the range cannot be divided, all are in the first."""
    if len(values) == 0:
        return (0,) * BINS
    with np.errstate(over="ignore"):
        width = (values.max() - values.min()) / BINS
    if not np.isfinite(width) or values.min() + width == values.min():
        return (len(values),) + (0,) * (BINS - 1)
    return tuple(np.histogram(values, bins=BINS)[0].tolist())
