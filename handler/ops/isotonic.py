"""Isotonic regression: linear interpolation between points.

Parity is ``close``, because the compiled C of NumPy may fuse operations.

Source: sklearn/isotonic.py (``_transform``); scipy.interpolate.interp1d, which calls numpy.interp.
"""

from __future__ import annotations

from bisect import bisect_right
from math import isfinite

from handler.ops import NO_NUMBER, InvalidModel, UnprocessableRow
from handler.ops.composition import missing_check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Built, Origins, Program, Row


def interpolate(step: Any, program: Program, origins: Origins) -> Built:
    """Interpolate ``y`` at the value of the only column. With ``clip``, numbers outside get the end points."""
    clip = step["clip"]
    x = program.tensor(step["x"], "d").tolist()
    y = program.tensor(step["y"], "d", len(x)).tolist()
    if type(clip) is not bool or len(origins) != 1:
        raise InvalidModel("an interpolation has one column, and clip is true or false")
    if not x or not all(map(isfinite, x)) or not all(map(isfinite, y)) or any(map(_not_increasing, x, x[1:])):
        raise InvalidModel("the points of an interpolation are finite numbers with increasing x")
    low, high, last = x[0], x[-1], len(x) - 1
    (origin,) = origins
    check = missing_check(origins)

    def predict(row: Row) -> float:
        value: float = row[0]
        if value - value != 0:
            check(row)
            raise UnprocessableRow(origin, "becomes infinite inside this model")
        if clip:
            value = min(max(value, low), high)
        elif not low <= value <= high:
            raise UnprocessableRow(origin, "is outside the range of the training data")
        index = bisect_right(x, value) - 1
        if index == last or x[index] == value:
            return y[index]
        slope = (y[index + 1] - y[index]) / (x[index + 1] - x[index])
        interpolated: float = slope * (value - x[index]) + y[index]
        if interpolated - interpolated != 0:
            raise UnprocessableRow(None, NO_NUMBER)
        return interpolated

    return "regressor", predict, []


def _not_increasing(x: float, following: float) -> bool:
    return following <= x


BUILDERS = {"interpolate": interpolate}
