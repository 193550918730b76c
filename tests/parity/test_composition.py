"""Parity of pipelines, column transformers, feature unions and frozen estimators with scikit-learn."""

from typing import Any

import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.parity import data
from tests.parity.harness import Case, check

TREE = DecisionTreeClassifier(max_depth=4, random_state=0)
WORDS = OneHotEncoder(handle_unknown="ignore")
DENSE = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
CODES = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
FILLED = make_pipeline(SimpleImputer(), StandardScaler())


def words_of(frame: Any) -> list[str]:
    """The names of the text columns, as a column function of a ColumnTransformer."""
    return [name for name in frame.columns if frame[name].dtype == object]


def columns(*parts: tuple[str, Any, Any], **settings: Any) -> ColumnTransformer:
    return ColumnTransformer(list(parts), **settings)


BOTH = columns(("numbers", FILLED, ["age", "income"]), ("words", WORDS, ["city", "plan"]))

CASES: dict[type, list[Case]] = {
    Pipeline: [
        Case("numbers", make_pipeline(StandardScaler(), TREE), data.binary()),
        Case(
            "nested",
            make_pipeline(make_pipeline(SimpleImputer(), "passthrough"), None, TREE),
            data.gaps(),
            missing=True,
        ),
        Case("transforms", make_pipeline(SimpleImputer(), MinMaxScaler()), data.gaps(), missing=True),
        Case("columns", make_pipeline(BOTH, TREE), data.table()),
        Case("outputs", make_pipeline(RobustScaler(), DecisionTreeRegressor(max_depth=3)), data.numbers()),
        Case("close", make_pipeline(StandardScaler(), LogisticRegression()), data.three(), parity="close"),
    ],
    ColumnTransformer: [
        Case("names", BOTH, data.table()),
        Case(
            "positions", columns(("a", StandardScaler(), [1, -1]), remainder="passthrough"), data.gaps(), missing=True
        ),
        Case("slice", columns(("a", "passthrough", slice(2, 4)), remainder=MaxAbsScaler()), data.binary()),
        Case("mask", columns(("a", "drop", [True, False, False, True]), remainder="passthrough"), data.three()),
        Case("function", columns(("a", CODES, words_of), remainder=SimpleImputer(add_indicator=True)), data.table()),
        Case("selector", columns(("a", CODES, make_column_selector(dtype_exclude="number"))), data.table()),
        Case("dense", columns(("a", WORDS, ["city"]), ("b", FILLED, ["age"]), sparse_threshold=0), data.table()),
        Case("sparse", columns(("a", WORDS, ["city"]), ("b", FILLED, ["age"]), sparse_threshold=1), data.table()),
        Case(
            "weights",
            columns(
                ("a", FILLED, ["age"]),
                ("b", WORDS, ["city"]),
                ("c", "passthrough", ["income"]),
                remainder="drop",
                transformer_weights={"a": -2.5, "b": 0.1, "c": 3},
            ),
            data.table(),
        ),
        Case(
            "weighted remainder",
            columns(("a", "drop", [0]), remainder="passthrough", transformer_weights={"remainder": 1 / 3}),
            data.gaps(),
            missing=True,
        ),
        Case(
            "nested",
            columns(
                ("a", columns(("b", StandardScaler(), [1]), remainder="passthrough"), [3, 0, 2]),
                ("c", make_pipeline(SimpleImputer(), "passthrough"), [0]),
            ),
            data.gaps(),
            missing=True,
        ),
    ],
    FeatureUnion: [
        Case("two", FeatureUnion([("a", StandardScaler()), ("b", MinMaxScaler())]), data.binary()),
        Case(
            "weights",
            FeatureUnion(
                [("a", StandardScaler()), ("b", "drop"), ("c", "passthrough"), ("d", MaxAbsScaler())],
                transformer_weights={"a": 0.3, "c": -7},
            ),
            data.gaps(),
            missing=True,
        ),
        Case("sparse", FeatureUnion([("a", WORDS), ("b", columns(("b", FILLED, ["age"])))]), data.table()),
        Case("dense", FeatureUnion([("a", DENSE), ("b", columns(("b", FILLED, ["age"])))]), data.table()),
        Case("one", FeatureUnion([("a", "drop"), ("b", RobustScaler())]), data.numbers()),
        Case(
            "scaled sparse",
            make_pipeline(
                FeatureUnion([("a", WORDS), ("b", columns(("b", FILLED, ["age"])))]),
                StandardScaler(with_mean=False),
            ),
            data.table(),
        ),
        Case("model", make_pipeline(FeatureUnion([("a", DENSE), ("b", CODES)]), TREE), data.table()),
    ],
    FrozenEstimator: [
        Case("transformer", FrozenEstimator(StandardScaler().fit(data.binary()[0])), data.binary()),
        Case("model", FrozenEstimator(TREE.fit(*data.three())), data.three()),
        Case(
            "inside",
            make_pipeline(FrozenEstimator(SimpleImputer().fit(data.gaps()[0])), TREE),
            data.gaps(),
            missing=True,
        ),
        Case("close", FrozenEstimator(LinearRegression().fit(*data.numbers())), data.numbers(), parity="close"),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])
