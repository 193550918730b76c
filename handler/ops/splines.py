"""SplineTransformer: the values of the B-splines of each column.

Source: sklearn/preprocessing/_polynomial.py (``SplineTransformer.transform``). The recursion of de Boor and the choice
of the interval follow scipy/interpolate (``_deBoor_D``, ``find_interval``), so equal knots, which quantiles may
produce, give the same result.
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

    # From a number to the values of a column's splines, or None if the model does not accept the number.
    Splines = Callable[[float], list[float] | None]

# The time of an evaluation grows with the square of the degree.
MAX_DEGREE = 100
SIDES = ("continue", "line", "refuse")
OUTSIDE = "is outside the range that this model accepts"


def splines(step: Any, program: Program, origins: Origins) -> Built:
    """The values of the splines of each column, without the last spline if ``bias`` is false.

    ``below`` and ``above`` apply to a number outside ``bounds``: continue the splines, replace each by a line, or
    refuse the number. ``periodic``: map a number into the range first.
    """
    degree, size, periodic = whole(step["degree"], 0, MAX_DEGREE), step["n_splines"], flag(step["periodic"])
    if type(size) is not int or size < 1 or not origins:
        raise InvalidModel("splines need one column or more, and one spline or more for each")
    if size < (degree if periodic else degree + 1):
        raise InvalidModel("there are fewer splines than their degree needs")
    if step["below"] not in SIDES or step["above"] not in SIDES:
        raise InvalidModel(f"below and above are one of {SIDES}")
    width = len(origins)
    # Periodic splines: the first ``degree`` are also the last.
    n_basis = size + degree if periodic else size
    n_knots = n_basis + degree + 1
    knots = finite(program, step["knots"], width * n_knots)
    bounds = finite(program, step["bounds"], width * 2)
    lines = finite(program, step["lines"], width * 4 * size) if step["lines"] is not None else []
    if not lines and "line" in (step["below"], step["above"]):
        raise InvalidModel("splines that continue as lines have no lines")
    functions: list[Splines] = []
    for column in range(width):
        low, high = bounds[2 * column], bounds[2 * column + 1]
        if low > high or (periodic and low == high):
            raise InvalidModel("the bounds of splines are in the wrong order, or leave no period")
        evaluate = _basis(rising(knots[column * n_knots : (column + 1) * n_knots]), degree, n_basis)
        if periodic:
            functions.append(_wrapped(evaluate, low, high, size))
            continue
        ends = [lines[(column * 4 + part) * size : (column * 4 + part + 1) * size] for part in range(4)]
        below = _outside(step["below"], evaluate, low, ends[0], ends[1])
        above = _outside(step["above"], evaluate, high, ends[2], ends[3])
        functions.append(_bounded(evaluate, low, high, below, above))
    missing = [0.0] * size if flag(step["missing_zeros"]) else None
    n_out = size if flag(step["bias"]) else size - 1

    def transform(row: Row) -> Row:
        out: list[float] = []
        for function, x, origin in zip(functions, row, origins, strict=True):
            values = missing if missing and x != x else function(x)  # noqa: PLR0124  # NaN is the only number that differs from itself
            if values is None:
                raise UnprocessableRow(origin, OUTSIDE)
            out += values[:n_out]
        return out

    return "transformer", transform, [origin for origin in origins for _ in range(n_out)]


def _basis(knots: list[float], degree: int, size: int) -> Callable[[float], list[float]]:
    """A function that evaluates all ``size`` B-splines on ``knots``; at most ``degree + 1`` values are not zero."""

    def evaluate(x: float) -> list[float]:
        interval = bisect_right(knots, x, degree + 1, size) - 1
        values = [1.0]
        for order in range(1, degree + 1):
            carried = 0.0
            higher: list[float] = []
            for value, right, left in zip(
                values,
                knots[interval + 1 : interval + 1 + order],
                knots[interval + 1 - order : interval + 1],
                strict=True,
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
        out[interval - degree : interval + 1] = values
        return out

    return evaluate


def _wrapped(evaluate: Callable[[float], list[float]], low: float, high: float, size: int) -> Splines:
    """Evaluate periodic splines: the last ``degree`` values belong to the first splines."""
    period = high - low

    def wrapped(x: float) -> list[float]:
        values = evaluate(low + (x - low) % period)
        for position in range(size, len(values)):
            values[position - size] += values[position]
        return values[:size]

    return wrapped


def _outside(
    side: str, evaluate: Callable[[float], list[float]], bound: float, values: list[float], slopes: list[float]
) -> Splines:
    """The function for numbers beyond ``bound``."""
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
