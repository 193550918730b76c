"""Projections onto other axes, and means of groups of columns.

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
    """``((x - center) @ components.T - offset) / scale``; each of the three but ``components`` may be absent."""
    width, size = len(origins), step["n_components"]
    if type(size) is not int or size < 1 or not width:
        raise InvalidModel("a projection has one component or more, of one column or more")
    flat = finite(program, step["components"], size * width)
    components = [flat[at * width : (at + 1) * width] for at in range(size)]
    center = finite(program, step["center"], width) if step["center"] is not None else None
    offset = finite(program, step["offset"], size) if step["offset"] is not None else [0.0] * size
    scale = finite(program, step["scale"], size) if step["scale"] is not None else [1.0] * size
    if 0.0 in scale:
        raise InvalidModel("a scale is zero")
    weights = list(zip(components, offset, scale, strict=True))

    def transform(row: Row) -> Row:
        if center:
            row = [x - c for x, c in zip(row, center, strict=True)]
        return [(_total(map(mul, component, row)) - moved) / length for component, moved, length in weights]

    # Of the columns that a component mixes the one that weighs most, for the words of a refusal.
    sizes = [list(map(abs, each)) for each in components]
    out = [origins[each.index(max(each))] for each in sizes]
    return "transformer", transform, out


def pool(step: Any, program: Program, origins: Origins) -> Built:
    """The mean of the columns of each group: added up from left to right, so equal to the last bit."""
    groups = [positions(group, len(origins)) for group in step["groups"]]
    if not all(groups):
        raise InvalidModel("a group of columns is empty")

    def transform(row: Row) -> Row:
        means = []
        for group in groups:
            total = 0.0
            for at in group:
                total += row[at]
            means.append(total / len(group))
        return means

    return "transformer", transform, [origins[group[0]] for group in groups]


def _total(products: Iterable[float]) -> float:
    """Their sum, rounded once; infinite where products or sum leave float64."""
    try:
        return fsum(products)
    except (OverflowError, ValueError):
        return INFINITY


BUILDERS = {"project": project, "pool": pool}
