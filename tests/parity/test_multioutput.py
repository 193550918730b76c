"""Parity of models of several outputs with scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.parity import data
from tests.parity.harness import Case, check

TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
NUMBER = DecisionTreeRegressor(max_depth=3, random_state=0)
GAPS = (data.gaps()[0], np.column_stack([data.gaps()[1], data.three()[0][:, 0]]))
TEXT = (data.table()[0][["city", "plan"]], data.table()[0][["age", "age"]].to_numpy())

CASES: dict[type, list[Case]] = {
    MultiOutputRegressor: [
        Case("three", MultiOutputRegressor(NUMBER), data.outputs()),
        Case("gaps", MultiOutputRegressor(make_pipeline(StandardScaler(), NUMBER)), GAPS, missing=True),
        Case(
            "close", make_pipeline(StandardScaler(), MultiOutputRegressor(LinearRegression())), data.outputs(), "close"
        ),
    ],
    MultiOutputClassifier: [
        Case("two", MultiOutputClassifier(TREE), data.class_outputs()),
        Case("text", MultiOutputClassifier(TREE), (GAPS[0], np.where(GAPS[1] > 1, "many", "few")), missing=True),
        Case("close", MultiOutputClassifier(LogisticRegression(max_iter=5000)), data.class_outputs(), "close"),
    ],
    RegressorChain: [
        Case("three", RegressorChain(NUMBER), data.outputs()),
        Case("ordered", RegressorChain(NUMBER, order=[2, 0, 1]), data.outputs(), missing=True),
        Case("sparse", make_pipeline(OneHotEncoder(handle_unknown="ignore"), RegressorChain(NUMBER)), TEXT),
        Case("close", RegressorChain(LinearRegression(), order=[1, 2, 0]), data.outputs(), "close"),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])
