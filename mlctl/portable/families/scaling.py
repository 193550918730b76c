"""Compiles StandardScaler, MinMaxScaler, MaxAbsScaler and RobustScaler.

scikit-learn divides an array by the scale, but multiplies a sparse matrix by the inverse of the scale, which gives
other bits. The compiled model does the same.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from mlctl.portable.entry import Entry
from mlctl.portable.ir.columns import ColumnTypes, Compiled
from mlctl.portable.ir.program import Step

Array = NDArray[Any] | None


def standard_scaler(scaler: StandardScaler, table: ColumnTypes) -> Compiled:
    """``(x - mean_) / scale_``, without the parts that are switched off."""
    center = scaler.mean_ if scaler.with_mean else None
    return _standardized(table, center, scaler.scale_ if scaler.with_std else None)


def robust_scaler(scaler: RobustScaler, table: ColumnTypes) -> Compiled:
    """``(x - center_) / scale_``, without the parts that are switched off."""
    center = scaler.center_ if scaler.with_centering else None
    return _standardized(table, center, scaler.scale_ if scaler.with_scaling else None)


def max_abs_scaler(scaler: MaxAbsScaler, table: ColumnTypes) -> Compiled:
    """``x / scale_``, clipped to -1 to 1 if ``clip`` is set."""
    steps, out = _standardized(table, None, scaler.scale_)
    if getattr(scaler, "clip", False):  # since scikit-learn 1.9
        steps = (*steps, Step(op="clip", parity="exact", params={"clip": [-1.0, 1.0]}, tensors={}))
    return steps, out


def minmax_scaler(scaler: MinMaxScaler, table: ColumnTypes) -> Compiled:
    """``x * scale_ + min_``, clipped if ``clip`` is set."""
    table.require_numbers()
    clip = [float(bound) for bound in scaler.feature_range] if scaler.clip else None
    return (_step("rescale", {"clip": clip}, scale=scaler.scale_, shift=scaler.min_),), _columns_after(
        table, scaler.scale_
    )


def _standardized(table: ColumnTypes, center: Array, scale: Array) -> Compiled:
    table.require_numbers()
    if table.sparse and scale is not None:
        return (_step("rescale", {"clip": None}, scale=1.0 / scale, shift=None),), _columns_after(table, scale)
    return (_step("standardize", {}, center=center, scale=scale),), _columns_after(table, center, scale)


def _step(op: str, params: dict[str, Any], **arrays: Array) -> Step:
    absent = {name: None for name, array in arrays.items() if array is None}
    tensors = {name: np.asarray(array, dtype="<f8") for name, array in arrays.items() if array is not None}
    return Step(op=op, parity="exact", params={**params, **absent}, tensors=tensors)


def _columns_after(table: ColumnTypes, *learned: Array) -> ColumnTypes:
    """The output columns. A column without values in training has a scale of NaN, so its output is always missing."""
    unknown = np.zeros(len(table.columns), dtype=bool)
    for array in learned:
        if array is not None:
            unknown |= np.isnan(array)
    columns = (
        replace(column, missing=column.missing or bool(is_unknown))
        for column, is_unknown in zip(table.columns, unknown, strict=True)
    )
    return replace(table, columns=tuple(columns))


ENTRIES = {
    StandardScaler: Entry(standard_scaler, parity="exact"),
    MinMaxScaler: Entry(minmax_scaler, parity="exact"),
    MaxAbsScaler: Entry(max_abs_scaler, parity="exact"),
    RobustScaler: Entry(robust_scaler, parity="exact"),
}
