"""Regressors of a transformed target, and the inverse transformations of the target.

Source: sklearn/compose/_target.py (``predict``), sklearn/preprocessing/_data.py (``inverse_transform``
of PowerTransformer and QuantileTransformer), scipy/special/_boxcox.pxd (``inv_boxcox``), ``ndtr`` of
Cephes (computed with ``erfc``), and numpy.interp.
"""

from __future__ import annotations

from bisect import bisect_right
from math import erfc, exp, inf, log1p, nan, sqrt

from handler.ops import NO_NUMBER, InvalidModel, UnprocessableRow, is_all_columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from handler.ops import Built, Origins, Program, Row

# QuantileTransformer gives a share this close to 0 or 1 the outermost quantile.
BOUNDS = 1e-7
# numpy.spacing(1.0): PowerTransformer treats an exponent within this distance of 0 or 2 as 0 or 2.
SPACING = 2.220446049250313e-16
ROOT_2 = sqrt(2.0)


def target(step: Any, program: Program, origins: Origins) -> Built:
    """Apply the transformers in the second block to the predictions of the model in the first."""
    model, inverse = step["blocks"]
    outputs = inverse["columns"]
    if not is_all_columns(model["columns"], len(origins)) or not outputs or not is_all_columns(outputs, len(outputs)):
        raise InvalidModel("a transformed target takes all columns, and all outputs of its model")
    kind, transformers, predictor = program.model(model["steps"], origins)
    if kind != ("regressor" if len(outputs) == 1 else "regressors"):
        raise InvalidModel("a transformed target needs a regressor with as many outputs as its inverse takes")
    functions, out = program.transformers(inverse["steps"], [0] * len(outputs))
    if len(out) != len(outputs):
        raise InvalidModel("the inverse of a target gives as many numbers as it takes")

    def predict(row: Row) -> Any:
        for transform in transformers:
            row = transform(row)
        predicted = predictor(row)
        numbers: Row = predicted if kind == "regressors" else [predicted]
        if len(numbers) != len(outputs):
            raise InvalidModel("a transformed target needs a number for each output")
        if any(number - number != 0 for number in numbers):
            raise UnprocessableRow(None, NO_NUMBER)
        try:
            for function in functions:
                numbers = function(numbers)
        except UnprocessableRow:
            # The error would name a feature, but the number is a prediction.
            raise UnprocessableRow(None, NO_NUMBER) from None
        if any(number - number != 0 for number in numbers):
            raise UnprocessableRow(None, NO_NUMBER)
        return numbers if kind == "regressors" else numbers[0]

    return kind, predict, []


def invert_power(step: Any, program: Program, origins: Origins) -> Built:
    """The inverse of the Box-Cox or the Yeo-Johnson transformation, with an exponent for each column."""
    lambdas = program.tensor(step["lambdas"], "d", len(origins)).tolist()
    if step["method"] not in METHODS or any(exponent - exponent != 0 for exponent in lambdas):
        raise InvalidModel("a power needs a known method and finite exponents")
    function = METHODS[step["method"]]

    def transform(row: Row) -> Row:
        return [function(x, exponent) for x, exponent in zip(row, lambdas, strict=True)]

    return "transformer", transform, origins


def invert_quantile(step: Any, program: Program, origins: Origins) -> Built:
    """From a share, or its number in the normal distribution, to the quantile, by interpolation within the outermost.

    ``quantiles``: [columns, references], flat.
    """
    references: Any = program.tensor(step["references"], "d").tolist()
    size, normal = len(references), step["normal"]
    flat: Any = program.tensor(step["quantiles"], "d", size * len(origins)).tolist()
    if type(normal) is not bool or any(number - number != 0 for number in flat + references):
        raise InvalidModel("quantiles are finite numbers, and normal is true or false")
    if size < 1 or any(references[index] >= references[index + 1] for index in range(size - 1)):
        raise InvalidModel("references increase from one to the next")
    quantiles = [flat[start : start + size] for start in range(0, len(flat), size)]
    edge = BOUNDS if normal else 0.0

    def inverted(x: float, quantiles_of: list[float]) -> float:
        share = 0.5 * erfc(-x / ROOT_2) if normal else x
        if share != share:  # noqa: PLR0124  # NaN is the only number that differs from itself
            return share
        # The same order and sums as in scikit-learn.
        if share - edge < 0.0 or share <= references[0]:
            return quantiles_of[0]
        if share + edge > 1.0 or share >= references[-1]:
            return quantiles_of[-1]
        index = bisect_right(references, share) - 1
        slope = (quantiles_of[index + 1] - quantiles_of[index]) / (references[index + 1] - references[index])
        return float(slope * (share - references[index]) + quantiles_of[index])

    def transform(row: Row) -> Row:
        return [inverted(x, column) for x, column in zip(row, quantiles, strict=True)]

    return "transformer", transform, origins


def _box_cox(x: float, power: float) -> float:
    try:
        return exp(x) if power == 0 else exp(log1p(power * x) / power)
    except OverflowError:
        return inf
    except ValueError:
        if power * x != -1.0:
            return nan
        return 0.0 if power > 0 else inf


def _yeo_johnson(x: float, power: float) -> float:
    try:
        if x >= 0:
            return exp(x) - 1.0 if abs(power) < SPACING else _power(x * power + 1.0, 1.0 / power) - 1.0
        if abs(power - 2.0) > SPACING:
            return 1.0 - _power(-(2.0 - power) * x + 1.0, 1.0 / (2.0 - power))
        return 1.0 - exp(-x)
    except OverflowError:
        return inf if x >= 0 else -inf


def _power(base: float, exponent: float) -> float:
    """A power as in IEEE 754: NaN for a negative base, infinity for 0 to a negative power."""
    if base < 0:
        return nan
    if base == 0:
        return 0.0 if exponent > 0 else inf
    return float(base**exponent)


METHODS: dict[str, Callable[[float, float], float]] = {"box-cox": _box_cox, "yeo-johnson": _yeo_johnson}

BUILDERS = {"target": target, "invert_power": invert_power, "invert_quantile": invert_quantile}
