"""SplineTransformer: the B-splines of each column at its value.

Source: sklearn/preprocessing/_polynomial.py (``SplineTransformer.transform``); the recursion of de Boor and the
choice of the interval as in scipy/interpolate (``_deBoor_D``, ``find_interval``), so that equal knots, of which
quantiles may have some, give the same.
"""

from __future__ import annotations

from bisect import bisect_right

from handler.ops import InvalidModel, UnprocessableRow
from handler.ops.validation import finite, flag, rising, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from handler.ops import Built, Origins, Program, Row

    # From a number to the values of a column's splines there, or None where the model takes no such number.
    Splines = Callable[[float], list[float] | None]

# An evaluation takes the square of the degree.
MAX_DEGREE = 100
SIDES = ("continue", "line", "refuse")
OUTSIDE = "is outside the range that this model takes"


def splines(step: Any, program: Program, origins: Origins) -> Built:
    """For each column the values of its splines, but for the last one where ``bias`` is false.

    ``below`` and ``above``: what becomes of a number outside the range of ``bounds``: the splines go on, or a
    line a spline takes their place, or it is refused. ``periodic``: a number is first brought into the range.
    """
    degree, size, periodic = whole(step["degree"], 0, MAX_DEGREE), step["n_splines"], flag(step["periodic"])
    if type(size) is not int or size < 1 or not origins:
        raise InvalidModel("splines come one or more to a column, and of one column or more")
    if size < (degree if periodic else degree + 1):
        raise InvalidModel("splines need as many as their degree, and one more where they are not periodic")
    if step["below"] not in SIDES or step["above"] not in SIDES:
        raise InvalidModel(f"outside their range splines do one of {SIDES}")
    width = len(origins)
    # Periodic splines: the first ``degree`` are also the last.
    n_basis = size + degree if periodic else size
    n_knots = n_basis + degree + 1
    knots = finite(program, step["knots"], width * n_knots)
    bounds = finite(program, step["bounds"], width * 2)
    lines = finite(program, step["lines"], width * 4 * size) if step["lines"] is not None else []
    if not lines and "line" in (step["below"], step["above"]):
        raise InvalidModel("splines that go on as lines have none")
    functions: list[Splines] = []
    for at in range(width):
        low, high = bounds[2 * at], bounds[2 * at + 1]
        if low > high or (periodic and low == high):
            raise InvalidModel("the bounds of splines fall, or leave no period")
        each = _basis(rising(knots[at * n_knots : (at + 1) * n_knots]), degree, n_basis)
        if periodic:
            functions.append(_wrapped(each, low, high, size))
            continue
        own = [lines[(at * 4 + part) * size : (at * 4 + part + 1) * size] for part in range(4)]
        below = _outside(step["below"], each, low, own[0], own[1])
        above = _outside(step["above"], each, high, own[2], own[3])
        functions.append(_bounded(each, low, high, below, above))
    missing = [0.0] * size if flag(step["missing_zeros"]) else None
    kept = size if flag(step["bias"]) else size - 1

    def transform(row: Row) -> Row:
        out: list[float] = []
        for function, x, origin in zip(functions, row, origins, strict=True):
            values = missing if missing and x != x else function(x)  # noqa: PLR0124  # NaN alone differs from itself
            if values is None:
                raise UnprocessableRow(origin, OUTSIDE)
            out += values[:kept]
        return out

    return "transformer", transform, [origin for origin in origins for _ in range(kept)]


def _basis(knots: list[float], degree: int, size: int) -> Callable[[float], list[float]]:
    """A function to the values of all ``size`` B-splines on ``knots``; at most ``degree + 1`` are not zero."""

    def evaluate(x: float) -> list[float]:
        at = bisect_right(knots, x, degree + 1, size) - 1
        values = [1.0]
        for order in range(1, degree + 1):
            carried = 0.0
            higher: list[float] = []
            for value, right, left in zip(
                values, knots[at + 1 : at + 1 + order], knots[at + 1 - order : at + 1], strict=True
            ):
                if right == left:
                    higher.append(carried)
                    carried = 0.0
                    continue
                share = value / (right - left)
                higher.append(carried + share * (right - x))
                carried = share * (x - left)
            values = [*higher, carried]
        out = [0.0] * size
        out[at - degree : at + 1] = values
        return out

    return evaluate


def _wrapped(evaluate: Callable[[float], list[float]], low: float, high: float, size: int) -> Splines:
    """The splines at the number's place in its period; those behind the last are the first ones again."""
    period = high - low

    def wrapped(x: float) -> list[float]:
        values = evaluate(low + (x - low) % period)
        for at in range(size, len(values)):
            values[at - size] += values[at]
        return values[:size]

    return wrapped


def _outside(
    side: str, evaluate: Callable[[float], list[float]], bound: float, values: list[float], slopes: list[float]
) -> Splines:
    """What becomes of a number beyond ``bound``."""
    if side == "refuse":
        return lambda x: None
    if side == "continue":
        return evaluate
    if not any(slopes):
        return lambda x: values
    pairs = list(zip(values, slopes, strict=True))
    return lambda x: [value + (x - bound) * slope if slope else value for value, slope in pairs]


def _bounded(evaluate: Splines, low: float, high: float, below: Splines, above: Splines) -> Splines:
    def transform(x: float) -> list[float] | None:
        if x < low:
            return below(x)
        return above(x) if x > high else evaluate(x)

    return transform


BUILDERS = {"splines": splines}
