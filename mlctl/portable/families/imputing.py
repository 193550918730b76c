"""Compiles SimpleImputer and MissingIndicator."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.impute import MissingIndicator, SimpleImputer

from mlctl.portable.entry import Entry
from mlctl.portable.input_checks import refuse_both, refuse_infinite
from mlctl.portable.ir.columns import ColumnType, ColumnTypes, Compiled
from mlctl.portable.ir.json_values import is_nan, plain
from mlctl.portable.ir.program import NotPortableError, Step

Steps = tuple[Step, ...]


def simple_imputer(imputer: SimpleImputer, table: ColumnTypes) -> Compiled:
    """Replace missing values by learned ones. A column without values in training is dropped, as in scikit-learn.

    ``add_indicator`` adds a column of 1.0 and 0.0 for each column that had gaps in training. If nothing can be missing
    and the columns stay the same, there is no step.
    """
    marker = _marker(imputer.missing_values)
    fitted_type = np.dtype(getattr(imputer, "_fill_dtype", imputer._fit_dtype))
    if fitted_type.kind != "O":
        table.require_numbers()
    checks, table = _checked(marker, table)
    statistics = imputer.statistics_
    keep = [column for column, value in enumerate(statistics) if imputer.keep_empty_features or not is_nan(value)]
    # As in transform: a model fitted on float32 fills in float32 values.
    fill = [plain(value) for value in statistics[keep].astype(fitted_type)]
    if any(value is None for value in fill):
        raise NotPortableError("replaces missing values with a missing value")
    indicators = imputer.indicator_.features_.tolist() if imputer.add_indicator else []
    dtype = _dtype_after(imputer, fitted_type, table)
    columns = [
        ColumnType(text=column.text or (gaps and isinstance(value, str)), dtype=dtype)
        for column, value in zip(table.pick(keep).columns, fill, strict=True)
        for gaps in [column.missing or marker is not None]
    ]
    out = replace(table, columns=(*columns, *[ColumnType(dtype=dtype)] * len(indicators)))
    if not table.missing and marker is None and not indicators and len(keep) == len(table.columns):
        return checks, out
    params = {"keep": keep, "fill": fill, "indicators": indicators, **_marker_params(marker)}
    return (*checks, Step(op="impute", parity="exact", params=params, tensors={})), out


def missing_indicator(part: MissingIndicator, table: ColumnTypes) -> Compiled:
    """1.0 for each missing value, else 0.0, in the columns that had gaps in training, or in all.

    With ``error_on_new``, a gap in a column without gaps in training is refused.
    """
    marker = _marker(part.missing_values)
    checks, table = _checked(marker, table)
    reported = part.features_.tolist()
    refuses = part.features == "missing-only" and part.error_on_new
    refused = sorted(set(range(len(table.columns))) - set(reported)) if refuses else []
    params = {"columns": reported, "refused": refused, **_marker_params(marker)}
    sparse = table.sparse if part.sparse == "auto" else bool(part.sparse)
    out = ColumnTypes(columns=(ColumnType(dtype="bool"),) * len(reported), sparse=sparse)
    return (*checks, Step(op="indicate", parity="exact", params=params, tensors={})), out


def _marker(missing: Any) -> str | float | None:
    """The marker of a missing value: None for NaN, else text or a number."""
    if is_nan(missing):
        return None
    if isinstance(missing, str | int | float | np.number):
        return plain(missing)
    raise NotPortableError(f"uses {missing!r} for missing values; NaN, text and numbers are supported")


def _marker_params(marker: str | float | None) -> dict[str, Any]:
    return {} if marker is None else {"missing": marker}


def _checked(marker: str | float | None, table: ColumnTypes) -> tuple[Steps, ColumnTypes]:
    """Refuse infinite numbers, and also NaN if the marker of a missing value is another value."""
    return refuse_infinite(table) if marker is None else refuse_both(table)


def _dtype_after(imputer: SimpleImputer, fitted_type: "np.dtype[Any]", table: ColumnTypes) -> str:
    """The type of the output array. The strategies most_frequent and constant keep the type of the input."""
    if fitted_type.kind == "O":
        return "object"
    dtype = np.dtype(table.dtype)
    if imputer.strategy not in ("most_frequent", "constant") and dtype.kind != "f":
        return "float64"
    return dtype.name


ENTRIES = {
    SimpleImputer: Entry(
        simple_imputer,
        parity="exact",
        skips_input_checks=True,
        limits="None and pandas.NA as missing_values; filling in NaN",
    ),
    MissingIndicator: Entry(
        missing_indicator, parity="exact", skips_input_checks=True, limits="None and pandas.NA as missing_values"
    ),
}
