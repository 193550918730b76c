"""Normalizer: divides each row by its norm.

Source: sklearn/preprocessing/_data.py (``normalize``), and for sparse matrices sklearn/utils/sparsefuncs_fast.pyx.
"""

from __future__ import annotations

from math import fsum, sqrt
from operator import mul

from handler.ops import InvalidModel, scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Built, Origins, Program, Row

INFINITY = float("inf")


def normalize(step: Any, program: Program, origins: Origins) -> Built:
    """``x / norm``. A row whose norm is below ``smallest`` stays as it is."""
    measure = NORMS.get(step["norm"])
    smallest = scalar(step["smallest"])
    if measure is None or type(smallest) is not float or not smallest > 0:
        raise InvalidModel("a norm is l1, l2 or max, and smallest is above zero")

    def transform(row: Row) -> Row:
        try:
            norm = measure(row)
        except OverflowError:
            norm = INFINITY
        return [x / norm for x in row] if norm >= smallest else row

    return "transformer", transform, origins


def _l1(row: Row) -> float:
    return fsum(map(abs, row))


def _l2(row: Row) -> float:
    return sqrt(fsum(map(mul, row, row)))


def _max(row: Row) -> float:
    return max(map(abs, row), default=0.0)


NORMS = {"l1": _l1, "l2": _l2, "max": _max}
BUILDERS = {"normalize": normalize}
