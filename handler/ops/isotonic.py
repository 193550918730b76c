"""Isotonic regression: a line through points. The compiled C of NumPy may fuse its steps: parity is ``close``.

Source: sklearn/isotonic.py (``_transform``); scipy.interpolate.interp1d, which calls numpy.interp.
"""

from __future__ import annotations

from bisect import bisect_right
from math import isfinite

from handler.ops import NO_NUMBER, InvalidModel, UnprocessableRow
from handler.ops.composition import checker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Built, Origins, Program, Row


def interpolate(step: Any, program: Program, origins: Origins) -> Built:
    """``y`` at the value of the one column, on straight lines between the points; ``clip``: as at the ends beyond."""
    clip = step["clip"]
    x = program.tensor(step["x"], "d").tolist()
    y = program.tensor(step["y"], "d", len(x)).tolist()
    if type(clip) is not bool or len(origins) != 1:
        raise InvalidModel("an interpolation takes one column, and clips or does not")
    if not x or not all(map(isfinite, x)) or not all(map(isfinite, y)) or any(map(_falls, x, x[1:])):
        raise InvalidModel("the points of an interpolation are finite numbers, x rising")
    low, high, last = x[0], x[-1], len(x) - 1
    (origin,) = origins
    check = checker(origins)

    def predict(row: Row) -> float:
        value: float = row[0]
        if value - value != 0:
            check(row)
            raise UnprocessableRow(origin, "becomes infinite on the way through this model")
        if clip:
            value = min(max(value, low), high)
        elif not low <= value <= high:
            raise UnprocessableRow(origin, "lies outside the range that the model was trained on")
        at = bisect_right(x, value) - 1
        if at == last or x[at] == value:
            return y[at]
        slope = (y[at + 1] - y[at]) / (x[at + 1] - x[at])
        found: float = slope * (value - x[at]) + y[at]
        if found - found != 0:
            raise UnprocessableRow(None, NO_NUMBER)
        return found

    return "regressor", predict, []


def _falls(one: float, following: float) -> bool:
    return following <= one


BUILDERS = {"interpolate": interpolate}
