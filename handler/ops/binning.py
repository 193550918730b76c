"""Binarizer and KBinsDiscretizer: where a number lies. Comparisons alone, so equal to the last bit.

Source: sklearn/preprocessing/_data.py (``binarize``), sklearn/preprocessing/_discretization.py (``transform``).
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from handler.ops import InvalidModel, scalar
from handler.ops.validation import finite, flag, rising

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Built, Origins, Program, Row


def binarize(step: Any, program: Program, origins: Origins) -> Built:
    """1.0 where ``x > threshold``, else 0.0."""
    threshold = scalar(step["threshold"])
    if type(threshold) is not float:
        raise InvalidModel("a threshold is a number")

    def transform(row: Row) -> Row:
        return [1.0 if x > threshold else 0.0 for x in row]

    return "transformer", transform, origins


def discretize(step: Any, program: Program, origins: Origins) -> Built:
    """The number of the bin, or a block of columns for each with 1.0 in the place of the bin.

    ``counts``: how many inner edges each column has; an edge belongs to the bin above it.
    """
    counts = step["counts"]
    if type(counts) is not list or not all(type(count) is int and count >= 0 for count in counts):
        raise InvalidModel("the edges of a column are counted in whole numbers")
    edges = finite(program, step["edges"], sum(counts))
    if len(counts) != len(origins):
        raise InvalidModel("a column has no bins")
    ends = list(accumulate(counts))
    bins = [rising(edges[end - count : end]) for end, count in zip(ends, counts, strict=True)]
    if not flag(step["one_hot"]):

        def numbered(row: Row) -> Row:
            return [float(bisect_right(each, x)) for each, x in zip(bins, row, strict=True)]

        return "transformer", numbered, origins

    starts = [end - count + at for at, (end, count) in enumerate(zip(ends, counts, strict=True))]
    width = len(edges) + len(origins)

    def one_hot(row: Row) -> Row:
        out = [0.0] * width
        for start, each, x in zip(starts, bins, row, strict=True):
            out[start + bisect_right(each, x)] = 1.0
        return out

    return (
        "transformer",
        one_hot,
        [origin for origin, each in zip(origins, bins, strict=True) for _ in range(len(each) + 1)],
    )


BUILDERS = {"binarize": binarize, "discretize": discretize}
