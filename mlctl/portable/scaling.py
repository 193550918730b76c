"""StandardScaler and MinMaxScaler."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from mlctl.portable.program import Step


def standard_scaler(scaler: StandardScaler) -> Step:
    """``(x - mean_) / scale_``, each part only where the scaler has it."""
    params: dict[str, Any] = {}
    tensors = {}
    for parameter, wanted, array in (
        ("mean", scaler.with_mean, scaler.mean_),
        ("scale", scaler.with_std, scaler.scale_),
    ):
        if wanted:
            tensors[parameter] = np.asarray(array, dtype="<f8")
        else:
            params[parameter] = None
    return Step(op="standard_scaler", parity="exact", params=params, tensors=tensors)


def minmax_scaler(scaler: MinMaxScaler) -> Step:
    """``x * scale_ + min_``, clipped where the scaler clips."""
    clip = [float(bound) for bound in scaler.feature_range] if scaler.clip else None
    tensors = {"scale": np.asarray(scaler.scale_, dtype="<f8"), "min": np.asarray(scaler.min_, dtype="<f8")}
    return Step(op="minmax_scaler", parity="exact", params={"clip": clip}, tensors=tensors)


COMPILERS: dict[type, Callable[[Any], Step]] = {StandardScaler: standard_scaler, MinMaxScaler: minmax_scaler}
