"""The scalers: the same float64 operations in the same order, so equal to the last bit.

A missing value (NaN) stays one. Source: the ``transform`` methods in sklearn/preprocessing/_data.py.
"""

from __future__ import annotations

from handler.ops import InvalidModel, bounds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from handler.ops import Built, Origins, Program, Row, Transformer


def standardize(step: Any, program: Program, origins: Origins) -> Built:
    """``(x - center) / scale``; either part may be absent."""
    center = _numbers(step["center"], program, origins)
    scale = _numbers(step["scale"], program, origins)

    if center and scale:
        triples = list(zip(center, scale, strict=True))

        def transform(row: Row) -> Row:
            return [(x - c) / s for x, (c, s) in zip(row, triples, strict=True)]
    elif center:

        def transform(row: Row) -> Row:
            return [x - c for x, c in zip(row, center, strict=True)]
    elif scale:

        def transform(row: Row) -> Row:
            return [x / s for x, s in zip(row, scale, strict=True)]
    else:

        def transform(row: Row) -> Row:
            return row

    # Python, unlike IEEE 754, has no answer to a division by zero; no scaler of scikit-learn makes one.
    if scale and 0.0 in scale:
        raise InvalidModel("a scale is zero")
    return "transformer", transform, origins


def rescale(step: Any, program: Program, origins: Origins) -> Built:
    """``x * scale + shift``, the shift where there is one, then clipped where there are bounds."""
    scale = program.tensor(step["scale"], "d", len(origins)).tolist()
    shift = _numbers(step["shift"], program, origins)
    if shift:
        pairs = list(zip(scale, shift, strict=True))

        def moved(row: Row) -> list[float]:
            return [x * s + m for x, (s, m) in zip(row, pairs, strict=True)]
    else:

        def moved(row: Row) -> list[float]:
            return [x * s for x, s in zip(row, scale, strict=True)]

    return "transformer", moved if step["clip"] is None else _clipped(moved, step["clip"]), origins


def clip(step: Any, program: Program, origins: Origins) -> Built:
    """``x``, brought into the bounds."""
    return "transformer", _clipped(list, step["clip"]), origins


def _clipped(function: Transformer, given: Any) -> Transformer:
    low, high = bounds(given)

    def transform(row: Row) -> Row:
        # In this order NaN stays NaN.
        return [min(max(x, low), high) for x in function(row)]

    return transform


def _numbers(name: Any, program: Program, origins: Origins) -> Sequence[float] | None:
    return program.tensor(name, "d", len(origins)).tolist() if name is not None else None


BUILDERS = {"standardize": standardize, "rescale": rescale, "clip": clip}
