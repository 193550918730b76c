"""NumPy's universal functions of one number, element by element.

Like NumPy, they return NaN or an infinity where Python raises an error. Source: the documentation of each
function in NumPy; the limits are those of C99, annex F.
"""

from __future__ import annotations

import math

from handler.ops import InvalidModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from handler.ops import Built, Origins, Program, Row

    Function = Callable[[float], float]

INFINITY = math.inf
NAN = math.nan


def ufunc(step: Any, program: Program, origins: Origins) -> Built:
    """Apply the function to each number."""
    name = step["function"]
    if type(name) is not str or name not in FUNCTIONS:
        raise InvalidModel(f"unknown function {name!r}")
    function = FUNCTIONS[name]

    def transform(row: Row) -> Row:
        return [function(x) for x in row]

    return "transformer", transform, origins


def _domain(function: Function) -> Function:
    """Return NaN for a number outside the domain."""

    def computed(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return NAN

    return computed


def _log(function: Function, pole: float) -> Function:
    """A logarithm: minus infinity at its pole, NaN below the pole."""

    def computed(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return -INFINITY if x == pole else NAN

    return computed


def _growing(function: Function, odd: bool = False) -> Function:
    """An exponential: infinity beyond float64, with the sign of the number for an odd function."""

    def computed(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return -INFINITY if odd and x < 0 else INFINITY

    return computed


def _whole(function: Callable[[float], int]) -> Function:
    """Round to a whole number. A zero keeps its sign; NaN and infinities stay as they are."""

    def computed(x: float) -> float:
        return float(function(x)) or math.copysign(0.0, x) if x - x == 0 else x

    return computed


def _arctanh(x: float) -> float:
    try:
        return math.atanh(x)
    except ValueError:
        return math.copysign(INFINITY, x) if x in (1.0, -1.0) else NAN


def _reciprocal(x: float) -> float:
    return 1.0 / x if x else math.copysign(INFINITY, x)


def _sign(x: float) -> float:
    return 1.0 if x > 0 else -1.0 if x < 0 else 0.0 if x == 0 else x


def _truth(function: Callable[[float], bool]) -> Function:
    return lambda x: 1.0 if function(x) else 0.0


FUNCTIONS: dict[str, Function] = {
    "absolute": abs,
    "arccos": _domain(math.acos),
    "arccosh": _domain(math.acosh),
    "arcsin": _domain(math.asin),
    "arcsinh": math.asinh,
    "arctan": math.atan,
    "arctanh": _arctanh,
    "cbrt": math.cbrt,
    "ceil": _whole(math.ceil),
    "cos": _domain(math.cos),
    "cosh": _growing(math.cosh),
    "degrees": math.degrees,
    "exp": _growing(math.exp),
    "exp2": _growing(math.exp2),
    "expm1": _growing(math.expm1),
    "fabs": abs,
    "floor": _whole(math.floor),
    "isfinite": _truth(math.isfinite),
    "isinf": _truth(math.isinf),
    "isnan": _truth(math.isnan),
    "log": _log(math.log, 0.0),
    "log10": _log(math.log10, 0.0),
    "log1p": _log(math.log1p, -1.0),
    "log2": _log(math.log2, 0.0),
    "negative": lambda x: -x,
    "positive": lambda x: x,
    "radians": math.radians,
    "reciprocal": _reciprocal,
    # Python rounds half to even, as IEEE 754 does.
    "rint": _whole(round),
    "sign": _sign,
    "sin": _domain(math.sin),
    "sinh": _growing(math.sinh, odd=True),
    "sqrt": _domain(math.sqrt),
    "square": lambda x: x * x,
    "tan": _domain(math.tan),
    "tanh": math.tanh,
    "trunc": _whole(math.trunc),
}

BUILDERS = {"ufunc": ufunc}
