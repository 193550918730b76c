"""QuantileTransformer: the position of a number among the quantiles of the training data.

Missing values (NaN) stay missing. Source: sklearn/preprocessing/_data.py (``_transform_col``), and NumPy's ``interp``.
The normal distribution's inverse: M. J. Wichura, "Algorithm AS 241: The Percentage Points of the Normal
Distribution", Applied Statistics 37 (1988), PPND16, for probabilities from 1.4e-11 on.
"""

from __future__ import annotations

from bisect import bisect_right
from math import log, sqrt

from handler.ops import InvalidModel, UnprocessableRow, bounds
from handler.ops.validation import finite, flag, rising

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from handler.ops import Built, Origins, Program, Row

INFINITY = float("inf")
# For the normal distribution, a number this close to the outermost quantiles counts as beyond them.
BOUNDS = 1e-7
NEGATIVE = "is negative, and this model accepts no negative numbers"


def quantiles(step: Any, program: Program, origins: Origins) -> Built:
    """The share of the training data below each number, or the number with this share in the normal distribution.

    ``normal`` is null, or the lowest and the highest result. ``sparse``: scikit-learn uses a sparse matrix, so zeros
    stay zeros. ``refuse_negative``: the sparse matrix accepts no negative numbers.
    """
    references = rising(finite(program, step["references"]))
    size = len(references)
    flat = finite(program, step["quantiles"], size * len(origins))
    if not size:
        raise InvalidModel("quantiles need a reference or more")
    columns = [rising(flat[start : start + size]) for start in range(0, len(flat), size)]
    sparse, refuse_negative = flag(step["sparse"]), flag(step["refuse_negative"])
    if step["normal"] is None:
        functions = [_uniform(column, references) for column in columns]
    else:
        low, high = bounds(step["normal"])
        functions = [_normal(column, references, low, high) for column in columns]

    def transform(row: Row) -> Row:
        return [function(x) for function, x in zip(functions, row, strict=True)]

    def transform_stored(row: Row) -> Row:
        return [function(x) if x else 0.0 for function, x in zip(functions, row, strict=True)]

    def transform_positive(row: Row) -> Row:
        for origin, x in zip(origins, row, strict=True):
            if x < 0:
                raise UnprocessableRow(origin, NEGATIVE)
        return transform_stored(row)

    if not sparse:
        return "transformer", transform, origins
    return "transformer", transform_positive if refuse_negative else transform_stored, origins


def _uniform(quantiles: list[float], references: list[float]) -> Callable[[float], float]:
    share = _share(quantiles, references)
    lowest, highest = quantiles[0], quantiles[-1]

    def transform(x: float) -> float:
        if x == lowest:
            return 0.0
        return 1.0 if x == highest else share(x)

    return transform


def _normal(quantiles: list[float], references: list[float], low: float, high: float) -> Callable[[float], float]:
    share = _share(quantiles, references)
    lowest, highest = quantiles[0], quantiles[-1]

    def transform(x: float) -> float:
        if x - BOUNDS < lowest:
            return low
        if x + BOUNDS > highest:
            return high
        return min(max(inverse_normal(share(x)), low), high)

    return transform


def _share(quantiles: list[float], references: list[float]) -> Callable[[float], float]:
    """The mean of the interpolations from below and from above, which differ at equal quantiles."""
    mirrored = [-x for x in reversed(quantiles)], [-y for y in reversed(references)]

    def share(x: float) -> float:
        return 0.5 * (_interpolated(x, quantiles, references) - _interpolated(-x, *mirrored))

    return share


def _interpolated(x: float, xs: list[float], ys: list[float]) -> float:
    index = bisect_right(xs, x)
    if not 0 < index < len(xs):
        # A missing value sorts to an end, and stays missing.
        return x if x != x else ys[min(index, len(xs) - 1)]  # noqa: PLR0124  # NaN differs from itself
    low = xs[index - 1]
    if low == x:
        return ys[index - 1]
    slope = (ys[index] - ys[index - 1]) / (xs[index] - low)
    return slope * (x - low) + ys[index - 1]


def inverse_normal(share: float) -> float:
    """The number below which the standard normal distribution has ``share``, with a relative error of 1e-15.

    It is infinite for a share within 1.4e-11 of 0 or 1, and NaN for NaN.
    """
    distance = share - 0.5
    if abs(distance) <= 0.425:
        squared = 0.180625 - distance * distance
        return distance * _ratio(squared, CENTRE)
    tail = share if distance < 0 else 1.0 - share
    if not tail > 1.4e-11:
        return tail if tail != tail else (-INFINITY if distance < 0 else INFINITY)  # noqa: PLR0124  # NaN
    quantile = _ratio(sqrt(-log(tail)) - 1.6, TAIL)
    return -quantile if distance < 0 else quantile


def _ratio(x: float, coefficients: tuple[tuple[float, ...], tuple[float, ...]]) -> float:
    """The quotient of two polynomials, by Horner's rule."""
    above = below = 0.0
    for numerator, denominator in zip(*coefficients, strict=True):
        above = above * x + numerator
        below = below * x + denominator
    return above / below


# (numerator, denominator) of the rational approximations, from the highest power to the constant.
CENTRE = (
    (
        2.5090809287301226727e3,
        3.3430575583588128105e4,
        6.7265770927008700853e4,
        4.5921953931549871457e4,
        1.3731693765509461125e4,
        1.9715909503065514427e3,
        1.3314166789178437745e2,
        3.3871328727963666080e0,
    ),
    (
        5.2264952788528545610e3,
        2.8729085735721942674e4,
        3.9307895800092710610e4,
        2.1213794301586595867e4,
        5.3941960214247511077e3,
        6.8718700749205790830e2,
        4.2313330701600911252e1,
        1.0,
    ),
)
TAIL = (
    (
        7.74545014278341407640e-4,
        2.27238449892691845833e-2,
        2.41780725177450611770e-1,
        1.27045825245236838258e0,
        3.64784832476320460504e0,
        5.76949722146069140550e0,
        4.63033784615654529590e0,
        1.42343711074968357734e0,
    ),
    (
        1.05075007164441684324e-9,
        5.47593808499534494600e-4,
        1.51986665636164571966e-2,
        1.48103976427480074590e-1,
        6.89767334985100004550e-1,
        1.67638483018380384940e0,
        2.05319162663775882187e0,
        1.0,
    ),
)

BUILDERS = {"quantiles": quantiles}
