"""Scalers: the float64 operations of scikit-learn in the same order, so equal to the last bit.

Missing values (NaN) stay missing. Source: the ``transform`` methods in sklearn/preprocessing/_data.py.
"""

from __future__ import annotations

from handler.ops import InvalidModel, bounds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from handler.ops import Built, Origins, Program, Row, Transformer


def standardize(step: Any, program: Program, origins: Origins) -> Built:
    """``(x - center) / scale``. Either part may be null."""
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

    # Unlike IEEE 754, Python raises an error for a division by zero. No scaler of scikit-learn divides by zero.
    if scale and 0.0 in scale:
        raise InvalidModel("a scale is zero")
    return "transformer", transform, origins


def rescale(step: Any, program: Program, origins: Origins) -> Built:
    """``x * scale + shift``, then clipped to the bounds. Shift and bounds may be null."""
    scale = program.tensor(step["scale"], "d", len(origins)).tolist()
    shift = _numbers(step["shift"], program, origins)
    if shift:
        pairs = list(zip(scale, shift, strict=True))

        def rescaled(row: Row) -> list[float]:
            return [x * s + m for x, (s, m) in zip(row, pairs, strict=True)]
    else:

        def rescaled(row: Row) -> list[float]:
            return [x * s for x, s in zip(row, scale, strict=True)]

    return "transformer", rescaled if step["clip"] is None else _clipped(rescaled, step["clip"]), origins


def clip(step: Any, program: Program, origins: Origins) -> Built:
    """Clip each number to the bounds."""
    return "transformer", _clipped(list, step["clip"]), origins


def _clipped(function: Transformer, limits: Any) -> Transformer:
    low, high = bounds(limits)

    def transform(row: Row) -> Row:
        # With this order of arguments, NaN stays NaN.
        return [min(max(x, low), high) for x in function(row)]

    return transform


def _numbers(name: Any, program: Program, origins: Origins) -> Sequence[float] | None:
    return program.tensor(name, "d", len(origins)).tolist() if name is not None else None


BUILDERS = {"standardize": standardize, "rescale": rescale, "clip": clip}
