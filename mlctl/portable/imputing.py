"""SimpleImputer."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer

from mlctl.portable.program import NotPortableError, Step
from mlctl.portable.table import Column, Compiled, Table
from mlctl.portable.values import is_nan, plain


def simple_imputer(imputer: SimpleImputer, table: Table) -> Compiled:
    """The learned value for each missing one; a column without one value in training goes, as in scikit-learn.

    ``add_indicator`` adds a column of 1.0 and 0.0 for each that had gaps in training. Where nothing
    can be missing and no column comes or goes there is nothing to do, and no step.
    """
    if not is_nan(imputer.missing_values):
        raise NotPortableError(f"takes {imputer.missing_values!r} for missing; here a missing value is NaN")
    fitted_type = np.dtype(getattr(imputer, "_fill_dtype", imputer._fit_dtype))
    if fitted_type.kind != "O":
        table.require_numbers()
    statistics = imputer.statistics_
    keep = [at for at, value in enumerate(statistics) if imputer.keep_empty_features or not is_nan(value)]
    # As transform does: a float32 model fills in float32 values.
    fill = [plain(value) for value in statistics[keep].astype(fitted_type)]
    if any(value is None for value in fill):
        raise NotPortableError("fills in a missing value for a missing value")
    indicators = imputer.indicator_.features_.tolist() if imputer.add_indicator else []
    columns = [
        Column(text=column.text or (column.missing and isinstance(value, str)))
        for column, value in zip(table.pick(keep).columns, fill, strict=True)
    ]
    out = replace(table, columns=(*columns, *[Column()] * len(indicators)))
    if not table.missing and not indicators and len(keep) == len(table.columns):
        return (), out
    params = {"keep": keep, "fill": fill, "indicators": indicators}
    return (Step(op="impute", parity="exact", params=params, tensors={}),), out


COMPILERS: dict[type, Callable[[Any, Table], Compiled]] = {SimpleImputer: simple_imputer}
