"""PowerTransformer: Yeo-Johnson and Box-Cox. log1p and expm1 differ in the last bits between machines.

Missing values (NaN) stay missing. Source: scipy/stats/_morestats.py (``_yeojohnson_transform``),
scipy/special (``boxcox``), sklearn/preprocessing/_data.py (``_check_input``), and of scikit-learn up to 1.6
``_yeo_johnson_transform`` there.
"""

from __future__ import annotations

from math import copysign, exp, expm1, log, log1p
from sys import float_info

from handler.ops import InvalidModel, UnprocessableRow
from handler.ops.validation import finite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from handler.ops import Built, Origins, Program, Row

    Function = Callable[[float], float]

INFINITY = float("inf")
EPSILON = float_info.epsilon
NOT_POSITIVE = "must be above zero for this model"


def power(step: Any, program: Program, origins: Origins) -> Built:
    """Transform each column with its lambda. Box-Cox refuses a number of 0 or less."""
    make = METHODS.get(step["method"])
    if make is None:
        raise InvalidModel("a power transform has one of three methods")
    functions = [make(exponent) for exponent in finite(program, step["lambdas"], len(origins))]

    def transform(row: Row) -> Row:
        return [function(x) for function, x in zip(functions, row, strict=True)]

    def transform_positive(row: Row) -> Row:
        for origin, x in zip(origins, row, strict=True):
            if x <= 0:
                raise UnprocessableRow(origin, NOT_POSITIVE)
        return transform(row)

    return "transformer", transform_positive if make is _box_cox else transform, origins


def _yeo_johnson(power: float) -> Function:
    """Yeo-Johnson in the form that keeps the digits of small numbers."""
    return _two_sided(power, lambda exponent: lambda x: _finite_or_infinite(expm1, exponent * log1p(x)) / exponent)


def _yeo_johnson_of_powers(power: float) -> Function:
    """Yeo-Johnson in the form of scikit-learn up to 1.6, which loses the digits of small numbers."""

    def one_sided(exponent: float) -> Function:
        def transform(x: float) -> float:
            try:
                raised: float = (x + 1.0) ** exponent
            except OverflowError:
                raised = INFINITY
            return (raised - 1.0) / exponent

        return transform

    return _two_sided(power, one_sided)


def _two_sided(power: float, one_sided: Callable[[float], Function]) -> Function:
    """``one_sided(power)`` from zero up, and ``one_sided(2 - power)`` mirrored below; a power of 0 is the logarithm."""
    above = log1p if abs(power) < EPSILON else one_sided(power)
    below = log1p if abs(power - 2.0) <= EPSILON else one_sided(2.0 - power)

    def transform(x: float) -> float:
        return above(x) if x >= 0 else -below(-x)

    return transform


def _box_cox(power: float) -> Function:
    if abs(power) < 1e-19:
        return log

    def transform(x: float) -> float:
        exponent = power * log(x)
        if exponent >= 709.78:
            return copysign(_finite_or_infinite(exp, exponent - log(abs(power))), power) - 1.0 / power
        return expm1(exponent) / power

    return transform


def _finite_or_infinite(function: Function, x: float) -> float:
    """The result, or infinity beyond float64, as in NumPy."""
    try:
        return function(x)
    except OverflowError:
        return INFINITY


METHODS = {"yeo-johnson": _yeo_johnson, "yeo-johnson of powers": _yeo_johnson_of_powers, "box-cox": _box_cox}
BUILDERS = {"power": power}
