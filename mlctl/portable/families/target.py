"""Compiles TransformedTargetRegressor: a regressor, and the inverse of the target's transformer."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from mlctl.portable.entry import Entry, Inner
from mlctl.portable.families.functions import columns_after, ufunc, ufunc_name
from mlctl.portable.input_checks import checked, refuse_both
from mlctl.portable.ir.columns import ColumnType, ColumnTypes, Compiled
from mlctl.portable.ir.program import Block, NotPortableError, Step, parity_of

Steps = tuple[Step, ...]


def transformed_target(part: TransformedTargetRegressor, table: ColumnTypes, inner: Inner) -> Compiled:
    """The predictions of the regressor, transformed back to the scale of the target."""
    outputs = part.transformer_.n_features_in_
    if (part._training_dim == 1) != (outputs == 1):
        raise NotPortableError("was fitted on a target table of one column; a one-dimensional target is supported")
    steps, out = inner("regressor_", part.regressor_, table, last=True)
    if out is not None:
        raise NotPortableError("has no model inside")
    inverse, _ = _inverse(part.transformer_, ColumnTypes(columns=(ColumnType(),) * outputs))
    blocks = (
        Block(columns=tuple(range(len(table.columns))), steps=steps),
        Block(columns=tuple(range(outputs)), steps=inverse),
    )
    return (Step(op="target", parity=parity_of((*steps, *inverse)), params={}, tensors={}, blocks=blocks),), None


def _inverse(transformer: Any, table: ColumnTypes) -> tuple[Steps, ColumnTypes]:
    """The inverse of a transformer of the target, and its output columns."""
    if type(transformer) is Pipeline:
        steps: Steps = ()
        for _, step in reversed(transformer.steps):
            if step is not None and not (isinstance(step, str) and step == "passthrough"):
                added, table = _inverse(step, table)
                steps += added
        return steps, table
    if type(transformer) is FunctionTransformer:
        return _inverse_function(transformer, table)
    inverse = _INVERSES.get(type(transformer))
    if inverse is None:
        raise NotPortableError(f"transforms the target with {type(transformer).__name__}, which is not supported")
    checks, table = checked(table)
    infinite = type(transformer) is PowerTransformer
    columns = (replace(column, missing=column.missing or infinite, infinite=infinite) for column in table.columns)
    return (*checks, *inverse(transformer)), replace(table, columns=tuple(columns))


def _inverse_function(part: FunctionTransformer, table: ColumnTypes) -> tuple[Steps, ColumnTypes]:
    checks, table = refuse_both(table) if part.validate else ((), table)
    if part.inverse_func is None:
        return checks, table
    name = ufunc_name(part.inverse_func)
    if part.inv_kw_args:
        raise NotPortableError(f"calls numpy.{name} with arguments, which is not supported")
    return (*checks, ufunc(name)), columns_after(name, table)


def _standard(scaler: StandardScaler) -> Steps:
    """``x * scale_ + mean_``."""
    scale = scaler.scale_ if scaler.with_std else None
    return _rescaled(scaler.n_features_in_, scale, scaler.mean_ if scaler.with_mean else None)


def _robust(scaler: RobustScaler) -> Steps:
    """``x * scale_ + center_``."""
    scale = scaler.scale_ if scaler.with_scaling else None
    center = scaler.center_ if scaler.with_centering else None
    return _rescaled(scaler.n_features_in_, scale, center)


def _max_abs(scaler: MaxAbsScaler) -> Steps:
    """``x * scale_``."""
    return _rescaled(scaler.n_features_in_, scaler.scale_, None)


def _minmax(scaler: MinMaxScaler) -> Steps:
    """``(x - min_) / scale_``."""
    return (_step("standardize", center=scaler.min_, scale=scaler.scale_),)


def _power(transformer: PowerTransformer) -> Steps:
    """The inverse of the scaler, then of the power."""
    scaled = _standard(transformer._scaler) if transformer.standardize else ()
    params = {"method": transformer.method}
    return (*scaled, replace(_step("invert_power", lambdas=transformer.lambdas_), params=params, parity="close"))


def _quantile(transformer: QuantileTransformer) -> Steps:
    """Interpolation between the quantiles."""
    step = _step("invert_quantile", quantiles=transformer.quantiles_.T, references=transformer.references_)
    params = {"normal": transformer.output_distribution == "normal"}
    return (replace(step, params=params, parity="close"),)


def _rescaled(width: int, scale: Any, shift: Any) -> Steps:
    if scale is None and shift is None:
        return ()
    absent = {"clip": None} if shift is not None else {"clip": None, "shift": None}
    arrays = {"scale": np.ones(width) if scale is None else scale, **({} if shift is None else {"shift": shift})}
    return (replace(_step("rescale", **arrays), params=absent),)


def _step(op: str, **arrays: Any) -> Step:
    tensors = {name: np.ascontiguousarray(array, dtype="<f8") for name, array in arrays.items()}
    return Step(op=op, parity="exact", params={}, tensors=tensors)


_INVERSES: dict[type, Callable[[Any], Steps]] = {
    StandardScaler: _standard,
    MinMaxScaler: _minmax,
    MaxAbsScaler: _max_abs,
    RobustScaler: _robust,
    PowerTransformer: _power,
    QuantileTransformer: _quantile,
}

ENTRIES = {
    TransformedTargetRegressor: Entry(
        transformed_target,
        parity="delegated",
        holds_parts=True,
        skips_input_checks=True,
        limits="functions other than NumPy's of one number; transformers other than scalers, power and quantiles",
    )
}
