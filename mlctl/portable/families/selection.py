"""Compiles feature selectors: a fitted selector is a fixed set of columns."""

from typing import Any

import numpy as np
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)
from sklearn.utils import get_tags

from mlctl.portable.entry import Entry, Inner
from mlctl.portable.families.composition import frames, select
from mlctl.portable.input_checks import refuse_both, refuse_infinite
from mlctl.portable.ir.columns import ColumnTypes, Compiled
from mlctl.portable.ir.program import NotPortableError, Step


def selector(part: Any, table: ColumnTypes) -> tuple[tuple[Step, ...], ColumnTypes]:
    """The selected columns.

    A missing value in any column, selected or not, is refused unless the selector accepts missing values:
    VarianceThreshold does, and a selector with an estimator if the estimator does. Source:
    sklearn/feature_selection/_base.py.
    """
    table.require_numbers()
    accepts_missing = get_tags(part).input_tags.allow_nan
    if frames(part) and (table.infinite or (table.missing and not accepts_missing)):
        # It checks an array, but not a data frame. Which of them it gets is not known here.
        raise NotPortableError("outputs data frames, and may refuse missing or infinite values")
    checks, table = refuse_infinite(table) if accepts_missing else refuse_both(table)
    steps, out = select(np.flatnonzero(part.get_support()).tolist(), table)
    return (*checks, *steps), out if frames(part) else out.as_array()


def recursive_elimination(part: RFE, table: ColumnTypes, inner: Inner) -> Compiled:
    """The selected columns."""
    return selector(part, table)


def last_recursive_elimination(part: RFE, table: ColumnTypes, inner: Inner) -> Compiled:
    """The selected columns, and the estimator fitted on them."""
    steps, out = selector(part, table)
    added, end = inner("estimator_", part.estimator_, out, last=True)
    return (*steps, *added), end


_SELECTOR = Entry(selector, parity="exact", skips_input_checks=True)
_RECURSIVE_ELIMINATION = Entry(
    recursive_elimination,
    parity="delegated",
    holds_parts=True,
    model=last_recursive_elimination,
    skips_input_checks=True,
)

ENTRIES = {
    VarianceThreshold: _SELECTOR,
    SelectKBest: _SELECTOR,
    SelectPercentile: _SELECTOR,
    SelectFpr: _SELECTOR,
    SelectFdr: _SELECTOR,
    SelectFwe: _SELECTOR,
    GenericUnivariateSelect: _SELECTOR,
    SelectFromModel: _SELECTOR,
    SequentialFeatureSelector: _SELECTOR,
    RFE: _RECURSIVE_ELIMINATION,
    RFECV: _RECURSIVE_ELIMINATION,
}
