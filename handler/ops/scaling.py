"""StandardScaler and MinMaxScaler: the same float64 operations in the same order, so equal to the last bit.

Source: the ``transform`` methods in scikit-learn's sklearn/preprocessing/_data.py.
"""

from __future__ import annotations

# Not from typing: importing it would cost a cold start some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from handler.ops import Tensors, Transformer


def standard_scaler(step: Any, tensors: Tensors, n_features: int, generated: bool) -> tuple[str, Transformer]:
    """``(x - mean) / scale``; either part may be absent."""
    mean = tensors.get(step["mean"], "d", n_features).tolist() if step["mean"] else None
    scale = tensors.get(step["scale"], "d", n_features).tolist() if step["scale"] else None

    if mean and scale:
        triples = list(zip(mean, scale, strict=True))

        def transform(row: Sequence[float]) -> Sequence[float]:
            return [(x - m) / s for x, (m, s) in zip(row, triples, strict=True)]
    elif mean:

        def transform(row: Sequence[float]) -> Sequence[float]:
            return [x - m for x, m in zip(row, mean, strict=True)]
    elif scale:

        def transform(row: Sequence[float]) -> Sequence[float]:
            return [x / s for x, s in zip(row, scale, strict=True)]
    else:

        def transform(row: Sequence[float]) -> Sequence[float]:
            return row

    return "transformer", transform


def minmax_scaler(step: Any, tensors: Tensors, n_features: int, generated: bool) -> tuple[str, Transformer]:
    """``x * scale + min``, clipped to the feature range when the scaler clips."""
    scale = tensors.get(step["scale"], "d", n_features).tolist()
    minimum = tensors.get(step["min"], "d", n_features).tolist()
    pairs = list(zip(scale, minimum, strict=True))
    if step["clip"] is None:

        def transform(row: Sequence[float]) -> Sequence[float]:
            return [x * s + m for x, (s, m) in zip(row, pairs, strict=True)]
    else:
        low, high = map(float, step["clip"])

        def transform(row: Sequence[float]) -> Sequence[float]:
            return [min(max(x * s + m, low), high) for x, (s, m) in zip(row, pairs, strict=True)]

    return "transformer", transform


BUILDERS = {"standard_scaler": standard_scaler, "minmax_scaler": minmax_scaler}
