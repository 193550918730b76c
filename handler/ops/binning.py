"""Binarizer and KBinsDiscretizer: comparisons only, so equal to the last bit.

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
    """1.0 if ``x > threshold``, else 0.0."""
    threshold = scalar(step["threshold"])
    if type(threshold) is not float:
        raise InvalidModel("a threshold is a number")

    def transform(row: Row) -> Row:
        return [1.0 if x > threshold else 0.0 for x in row]

    return "transformer", transform, origins


def discretize(step: Any, program: Program, origins: Origins) -> Built:
    """The index of the bin, or a block of columns with 1.0 in the slot of the bin.

    ``counts`` is the number of inner edges of each column. An edge belongs to the bin above it.
    """
    counts = step["counts"]
    if type(counts) is not list or not all(type(count) is int and count >= 0 for count in counts):
        raise InvalidModel("the numbers of edges are integers from 0 up")
    edges = finite(program, step["edges"], sum(counts))
    if len(counts) != len(origins):
        raise InvalidModel("each column needs a number of edges")
    ends = list(accumulate(counts))
    bins = [rising(edges[end - count : end]) for end, count in zip(ends, counts, strict=True)]
    if not flag(step["one_hot"]):

        def numbered(row: Row) -> Row:
            return [float(bisect_right(inner, x)) for inner, x in zip(bins, row, strict=True)]

        return "transformer", numbered, origins

    starts = [end - count + column for column, (end, count) in enumerate(zip(ends, counts, strict=True))]
    width = len(edges) + len(origins)

    def one_hot(row: Row) -> Row:
        out = [0.0] * width
        for start, inner, x in zip(starts, bins, row, strict=True):
            out[start + bisect_right(inner, x)] = 1.0
        return out

    return (
        "transformer",
        one_hot,
        [origin for origin, inner in zip(origins, bins, strict=True) for _ in range(len(inner) + 1)],
    )


BUILDERS = {"binarize": binarize, "discretize": discretize}
