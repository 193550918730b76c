"""A column in figures, for people to look at."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlctl.data.columns import Column, Floats
from mlctl.registry import schema

BINS = 10


@dataclass(frozen=True)
class ColumnDescription:
    """One column in figures: its schema entry, rows without a value, and a histogram.

    The bars of the histogram are BINS equal parts of the range for numbers and dates, the values of a
    category (the most frequent first, at most BINS), false and true for a boolean. ``mean`` and ``std``
    are those of a number, else None.
    """

    name: str
    kind: str
    missing: int
    entry: dict[str, Any]
    histogram: tuple[int, ...]
    mean: float | None = None
    std: float | None = None


def describe_column(column: Column) -> ColumnDescription:
    """One column in figures."""
    entry = schema.feature(column)
    if column.kind == "category":
        return ColumnDescription(column.name, column.kind, column.missing, entry, tuple(entry["counts"][:BINS]))
    if column.kind == "boolean":
        return ColumnDescription(column.name, column.kind, column.missing, entry, (entry["false"], entry["true"]))
    values = column.floats()
    # An infinite value is told of by `validate`; here the others count.
    present: Floats = values[np.isfinite(values)]
    bins = _bins(present)
    if column.kind == "date" or len(present) == 0:
        return ColumnDescription(column.name, column.kind, column.missing, entry, bins)
    # Numbers near the largest float64 have no mean that it could hold.
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(present.mean()), float(present.std())
    figures = (mean, std) if np.isfinite([mean, std]).all() else (None, None)
    return ColumnDescription(column.name, column.kind, column.missing, entry, bins, *figures)


def _bins(present: Floats) -> tuple[int, ...]:
    """The counts of BINS equal parts of the range; all in the first where the range cannot be parted."""
    if len(present) == 0:
        return (0,) * BINS
    with np.errstate(over="ignore"):
        step = (present.max() - present.min()) / BINS
    if not np.isfinite(step) or present.min() + step == present.min():
        return (len(present),) + (0,) * (BINS - 1)
    return tuple(np.histogram(present, bins=BINS)[0].tolist())
