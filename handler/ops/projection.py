"""Linear projections, and means of groups of columns.

Source: ``transform`` in sklearn/decomposition/_base.py (PCA), _truncated_svd.py, _fastica.py, _factor_analysis.py,
sklearn/random_projection.py and sklearn/cluster/_feature_agglomeration.py.
"""

from __future__ import annotations

from math import fsum
from operator import mul

from handler.ops import InvalidModel, positions
from handler.ops.validation import finite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from handler.ops import Built, Origins, Program, Row

INFINITY = float("inf")


def project(step: Any, program: Program, origins: Origins) -> Built:
    """``((x - center) @ components.T - offset) / scale``. All but ``components`` may be null."""
    width, size = len(origins), step["n_components"]
    if type(size) is not int or size < 1 or not width:
        raise InvalidModel("a projection has one component or more, of one column or more")
    flat = finite(program, step["components"], size * width)
    components = [flat[row * width : (row + 1) * width] for row in range(size)]
    center = finite(program, step["center"], width) if step["center"] is not None else None
    offset = finite(program, step["offset"], size) if step["offset"] is not None else [0.0] * size
    scale = finite(program, step["scale"], size) if step["scale"] is not None else [1.0] * size
    if 0.0 in scale:
        raise InvalidModel("a scale is zero")
    weights = list(zip(components, offset, scale, strict=True))

    def transform(row: Row) -> Row:
        if center:
            row = [x - c for x, c in zip(row, center, strict=True)]
        return [(_total(map(mul, component, row)) - shift) / length for component, shift, length in weights]

    # The origin of a component, for error messages, is its column with the largest weight.
    sizes = [list(map(abs, component)) for component in components]
    out = [origins[weights_of.index(max(weights_of))] for weights_of in sizes]
    return "transformer", transform, out


def pool(step: Any, program: Program, origins: Origins) -> Built:
    """The mean of the columns of each group, added from left to right as in scikit-learn: equal to the last bit."""
    groups = [positions(group, len(origins)) for group in step["groups"]]
    if not all(groups):
        raise InvalidModel("a group of columns is empty")

    def transform(row: Row) -> Row:
        means = []
        for group in groups:
            total = 0.0
            for column in group:
                total += row[column]
            means.append(total / len(group))
        return means

    return "transformer", transform, [origins[group[0]] for group in groups]


def _total(products: Iterable[float]) -> float:
    """The sum of the products, rounded once; infinite if it exceeds float64."""
    try:
        return fsum(products)
    except (OverflowError, ValueError):
        return INFINITY


BUILDERS = {"project": project, "pool": pool}
