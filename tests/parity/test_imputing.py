"""Parity of SimpleImputer and MissingIndicator with scikit-learn."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tests.parity import data
from tests.parity.harness import Case, check

TREE = DecisionTreeClassifier(random_state=0)


def empty() -> tuple[Any, Any]:
    """Data with missing values, and a column that has no value."""
    x, y = data.gaps()
    return np.column_stack([x[:, 0], np.full(len(x), np.nan), x[:, 1:]]), y


def marked(value: float) -> tuple[Any, Any]:
    """Data in which a number marks missing values."""
    x, y = data.gaps()
    return np.where(np.isnan(x), value, np.round(x)), y


def partly() -> tuple[Any, Any]:
    """Data with missing values in two of four columns."""
    x, y = data.gaps()
    return np.column_stack([x[:, :2], data.three()[0][:, 2:]]), y


def text(value: Any = np.nan) -> tuple[pd.DataFrame, Any]:
    """Two text columns in which ``value`` marks missing values."""
    frame, y = data.table()
    return frame[["city", "plan"]].fillna(value) if value == value else frame[["city", "plan"]], y


CASES: dict[type, list[Case]] = {
    SimpleImputer: [
        Case("mean", SimpleImputer(), data.gaps(), missing=True),
        Case("median", SimpleImputer(strategy="median", add_indicator=True), data.gaps(), missing=True),
        Case("most frequent", SimpleImputer(strategy="most_frequent"), data.gaps(), missing=True),
        Case("constant", SimpleImputer(strategy="constant", fill_value=-7), data.gaps(), missing=True),
        Case("function", SimpleImputer(strategy=np.std), data.gaps(), missing=True),
        Case("empty", SimpleImputer(add_indicator=True), empty(), missing=True),
        Case("empty kept", SimpleImputer(keep_empty_features=True, strategy="median"), empty(), missing=True),
        Case("empty constant", SimpleImputer(strategy="constant"), empty(), missing=True),
        Case("text", SimpleImputer(strategy="most_frequent", add_indicator=True), text()),
        Case("text constant", SimpleImputer(strategy="constant", fill_value="none"), text()),
        Case("both", SimpleImputer(strategy="most_frequent"), data.table()),
        Case("minus one", SimpleImputer(missing_values=-1), marked(-1.0), missing=True),
        Case("zero", SimpleImputer(missing_values=0, strategy="median", add_indicator=True), marked(0.0), missing=True),
        Case("never seen", SimpleImputer(missing_values=-999.0), data.three()),
        Case("a word", SimpleImputer(missing_values="?", strategy="most_frequent", add_indicator=True), text("?")),
        Case("a word constant", SimpleImputer(missing_values="?", strategy="constant", fill_value="no"), text("?")),
        Case("all marked", SimpleImputer(missing_values=-1), (np.where([[1, 0]], -1.0, data.three()[0][:, :2]), None)),
        Case("before", make_pipeline(StandardScaler(), SimpleImputer(), TREE), data.gaps(), missing=True),
        Case(
            "one-hot integers",
            make_pipeline(
                OneHotEncoder(dtype=np.int8, sparse_output=False, handle_unknown="ignore"),
                SimpleImputer(missing_values=0, strategy="constant", fill_value=3),
                StandardScaler(),
            ),
            text(),
        ),
        Case(
            "sparse",
            make_pipeline(
                ColumnTransformer(
                    [("a", OneHotEncoder(handle_unknown="ignore"), ["city"]), ("b", StandardScaler(), ["income"])],
                    sparse_threshold=1,
                ),
                SimpleImputer(add_indicator=True),
            ),
            data.table(),
        ),
    ],
    MissingIndicator: [
        Case("missing only", MissingIndicator(), partly()),
        Case("refused", MissingIndicator(), partly(), missing=True),
        Case("new ones", MissingIndicator(error_on_new=False), partly(), missing=True),
        Case("all", MissingIndicator(features="all"), partly(), missing=True),
        Case("minus one", MissingIndicator(missing_values=-1), marked(-1.0), missing=True),
        Case("text", MissingIndicator(error_on_new=False), data.table(), missing=True),
        Case("a word", MissingIndicator(missing_values="?"), text("?")),
        Case("sparse", make_pipeline(MissingIndicator(sparse=True), StandardScaler(with_mean=False)), data.gaps()),
        Case(
            "beside",
            make_pipeline(FeatureUnion([("a", SimpleImputer()), ("b", MissingIndicator())]), StandardScaler(), TREE),
            data.gaps(),
            missing=True,
        ),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])
