"""Parity of the selectors with scikit-learn: as transformers, before a model, and as models."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
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
    chi2,
    f_regression,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.parity import data
from tests.parity.harness import Case, check

TREE = DecisionTreeClassifier(max_depth=4, random_state=0)
NUMBER = DecisionTreeRegressor(max_depth=4, random_state=0)
# A last step, so that a selector that also predicts is used as a transformer.
SAME = FunctionTransformer()


def columns_with_one_value() -> tuple[Any, Any]:
    """Iris with missing values and a constant column."""
    x, y = data.gaps()
    return np.column_stack([x[:, :2], np.full(len(x), 3.0), x[:, 2:]]), y


def text() -> tuple[Any, Any]:
    """Text columns, for encoders."""
    frame, y = data.table()
    return frame[["city", "plan"]], y


def univariate(selector: Any, **settings: Any) -> list[Case]:
    """The cases of a univariate selector."""
    return [
        Case("classes", selector(**settings), data.binary()),
        Case("numbers", make_pipeline(selector(f_regression, **settings), NUMBER), data.numbers()),
        Case("gaps refused", make_pipeline(MinMaxScaler(), selector(chi2, **settings)), data.three(), missing=True),
    ]


CASES: dict[type, list[Case]] = {
    VarianceThreshold: [
        Case("gaps", VarianceThreshold(), columns_with_one_value(), missing=True),
        Case("threshold", VarianceThreshold(0.5), data.gaps(), missing=True),
        Case("before a tree", make_pipeline(VarianceThreshold(), TREE), columns_with_one_value(), missing=True),
        Case(
            "sparse",
            make_pipeline(
                OneHotEncoder(handle_unknown="ignore"), VarianceThreshold(0.1), StandardScaler(with_mean=False)
            ),
            text(),
        ),
    ],
    SelectKBest: [*univariate(SelectKBest, k=3), Case("all", SelectKBest(k="all"), data.three())],
    SelectPercentile: univariate(SelectPercentile, percentile=40),
    SelectFpr: univariate(SelectFpr, alpha=0.01),
    SelectFdr: univariate(SelectFdr),
    SelectFwe: univariate(SelectFwe),
    GenericUnivariateSelect: univariate(GenericUnivariateSelect, mode="k_best", param=2),
    SelectFromModel: [
        Case("forest", SelectFromModel(RandomForestClassifier(5, random_state=0)), data.many(), missing=True),
        Case("linear", make_pipeline(SelectFromModel(LinearRegression()), NUMBER), data.numbers(), missing=True),
        Case("gaps", make_pipeline(SelectFromModel(TREE), TREE), data.gaps(), missing=True),
        Case("at most", SelectFromModel(LogisticRegression(), max_features=2, threshold=-np.inf), data.three()),
        Case(
            "fitted",
            SelectFromModel(FrozenEstimator(DecisionTreeClassifier().fit(*data.three())), prefit=True),
            data.three(),
        ),
    ],
    SequentialFeatureSelector: [
        Case("forward", SequentialFeatureSelector(TREE, n_features_to_select=2, cv=2), data.three()),
        Case(
            "backward",
            make_pipeline(SequentialFeatureSelector(TREE, direction="backward", n_features_to_select=2, cv=2), TREE),
            data.gaps(),
            missing=True,
        ),
    ],
    RFE: [
        Case("model", RFE(TREE, n_features_to_select=2), data.gaps(), missing=True),
        Case("number", RFE(NUMBER, n_features_to_select=4), data.numbers()),
        Case("linear", RFE(LinearRegression(), n_features_to_select=2), data.numbers(), parity="close"),
        Case("last", make_pipeline(StandardScaler(), RFE(LogisticRegression())), data.three(), parity="close"),
        Case("selects", make_pipeline(RFE(LinearRegression()), SAME), data.numbers(), missing=True),
        Case("selects for a tree", make_pipeline(RFE(LogisticRegression()), TREE), data.three()),
    ],
    RFECV: [
        Case("model", RFECV(TREE, cv=2), data.three()),
        Case("last", make_pipeline(MinMaxScaler(), RFECV(NUMBER, cv=2, step=3)), data.numbers()),
        Case("selects", make_pipeline(RFECV(TREE, cv=2), SAME), data.gaps(), missing=True),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])
