"""A regressor of a transformed target, and the inverses that nothing else needs.

Source: sklearn/compose/_target.py (``predict``), sklearn/preprocessing/_data.py (``inverse_transform``
of PowerTransformer and QuantileTransformer), scipy/special/_boxcox.pxd (``inv_boxcox``), the ``ndtr`` of
Cephes (here by ``erfc``), and numpy.interp.
"""

from __future__ import annotations

from bisect import bisect_right
from math import erfc, exp, inf, log1p, nan, sqrt

from handler.ops import NO_NUMBER, InvalidModel, UnprocessableRow, everything

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from handler.ops import Built, Origins, Program, Row

# Of QuantileTransformer: how near to 0 and 1 the outermost quantiles are taken.
BOUNDS = 1e-7
# numpy.spacing(1.0): from here on PowerTransformer takes an exponent for another one.
SPACING = 2.220446049250313e-16
ROOT_2 = sqrt(2.0)


def target(step: Any, program: Program, origins: Origins) -> Built:
    """The numbers of the model in the first block through the transformers in the second."""
    model, inverse = step["blocks"]
    outputs = inverse["columns"]
    if not everything(model["columns"], len(origins)) or not outputs or not everything(outputs, len(outputs)):
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
        found = predictor(row)
        numbers: Row = found if kind == "regressors" else [found]
        if len(numbers) != len(outputs):
            raise InvalidModel("a transformed target needs a number for each output")
        if any(number - number != 0 for number in numbers):
            raise UnprocessableRow(None, NO_NUMBER)
        try:
            for function in functions:
                numbers = function(numbers)
        except UnprocessableRow:
            # It would name a feature, and this is about an answer.
            raise UnprocessableRow(None, NO_NUMBER) from None
        if any(number - number != 0 for number in numbers):
            raise UnprocessableRow(None, NO_NUMBER)
        return numbers if kind == "regressors" else numbers[0]

    return kind, predict, []


def invert_power(step: Any, program: Program, origins: Origins) -> Built:
    """The inverse of the Box-Cox or the Yeo-Johnson transformation, with an exponent for each column."""
    lambdas = program.tensor(step["lambdas"], "d", len(origins)).tolist()
    if step["method"] not in METHODS or any(each - each != 0 for each in lambdas):
        raise InvalidModel("a power needs a known method and finite exponents")
    function = METHODS[step["method"]]

    def transform(row: Row) -> Row:
        return [function(x, each) for x, each in zip(row, lambdas, strict=True)]

    return "transformer", transform, origins


def invert_quantile(step: Any, program: Program, origins: Origins) -> Built:
    """From a share, or its place in the normal distribution, to the quantile: interpolated, and bound by the outermost.

    ``quantiles``: [columns, references], flat.
    """
    references: Any = program.tensor(step["references"], "d").tolist()
    size, normal = len(references), step["normal"]
    flat: Any = program.tensor(step["quantiles"], "d", size * len(origins)).tolist()
    if type(normal) is not bool or any(each - each != 0 for each in flat + references):
        raise InvalidModel("quantiles are finite numbers, of the normal or the uniform distribution")
    if size < 1 or any(references[at] >= references[at + 1] for at in range(size - 1)):
        raise InvalidModel("references grow from one to the next")
    quantiles = [flat[start : start + size] for start in range(0, len(flat), size)]
    edge = BOUNDS if normal else 0.0

    def inverted(x: float, known: list[float]) -> float:
        share = 0.5 * erfc(-x / ROOT_2) if normal else x
        if share != share:  # noqa: PLR0124  # NaN alone differs from itself
            return share
        # In the order and with the sums of scikit-learn.
        if share - edge < 0.0 or share <= references[0]:
            return known[0]
        if share + edge > 1.0 or share >= references[-1]:
            return known[-1]
        at = bisect_right(references, share) - 1
        slope = (known[at + 1] - known[at]) / (references[at + 1] - references[at])
        return float(slope * (share - references[at]) + known[at])

    def transform(row: Row) -> Row:
        return [inverted(x, known) for x, known in zip(row, quantiles, strict=True)]

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
    """As IEEE 754 has it: NaN of a negative number, an infinity of 0 to a negative power."""
    if base < 0:
        return nan
    if base == 0:
        return 0.0 if exponent > 0 else inf
    return float(base**exponent)


METHODS: dict[str, Callable[[float, float], float]] = {"box-cox": _box_cox, "yeo-johnson": _yeo_johnson}

BUILDERS = {"target": target, "invert_power": invert_power, "invert_quantile": invert_quantile}
