"""Parity of parameter searches and threshold classifiers with scikit-learn."""

from typing import Any

import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.model_selection._search_successive_halving import HalvingGridSearchCV, HalvingRandomSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mlctl.portable.registry import ENTRIES
from tests.parity import data
from tests.parity.harness import Case, check

TREE = DecisionTreeClassifier(random_state=0)
NUMBER = DecisionTreeRegressor(random_state=0)
DEPTHS = {"max_depth": [2, 4]}
PIPE = make_pipeline(StandardScaler(), TREE)


def searches(search: Any, **settings: Any) -> list[Case]:
    """Cases for a search over classifiers, regressors, pipelines and transformers."""
    return [
        Case("classes", search(TREE, DEPTHS, cv=2, **settings), data.three()),
        Case("number", make_pipeline(StandardScaler(), search(NUMBER, DEPTHS, cv=2, **settings)), data.numbers()),
        Case(
            "pipeline",
            search(PIPE, {"decisiontreeclassifier__max_depth": [2, 3]}, cv=2, **settings),
            data.gaps(),
            missing=True,
        ),
        Case(
            "transforms",
            make_pipeline(
                search(StandardScaler(), {"with_mean": [True, False]}, cv=2, scoring=_constant_score, **settings), TREE
            ),
            data.three(),
        ),
        Case(
            "close",
            search(LinearRegression(), {"fit_intercept": [True, False]}, cv=2, **settings),
            data.numbers(),
            parity="close",
        ),
    ]


def _constant_score(*_: Any) -> float:
    """A score for transformers."""
    return 0.0


HALVING = {"min_resources": 30, "random_state": 0}
LOGISTIC = LogisticRegression(max_iter=5000)

CASES: dict[type, list[Case]] = {
    GridSearchCV: searches(GridSearchCV),
    RandomizedSearchCV: searches(RandomizedSearchCV, n_iter=2, random_state=0),
    HalvingGridSearchCV: searches(HalvingGridSearchCV, **HALVING),
    HalvingRandomSearchCV: searches(HalvingRandomSearchCV, **HALVING),
    FixedThresholdClassifier: [
        Case("automatic", FixedThresholdClassifier(TREE), data.binary()),
        Case("probability", FixedThresholdClassifier(TREE.set_params(max_depth=3), threshold=0.8), data.binary()),
        Case(
            "first class",
            FixedThresholdClassifier(DecisionTreeClassifier(max_depth=2), threshold=0.3, pos_label="benign"),
            data.binary(),
        ),
        Case("score", FixedThresholdClassifier(RidgeClassifier(), threshold=0.2), data.binary(), parity="close"),
        Case(
            "score of the first class",
            FixedThresholdClassifier(RidgeClassifier(), pos_label="benign"),
            data.binary(),
            parity="close",
        ),
        Case(
            "at the end",
            make_pipeline(StandardScaler(), FixedThresholdClassifier(LOGISTIC, threshold=0.9)),
            data.binary(),
            parity="close",
        ),
    ],
    TunedThresholdClassifierCV: [
        Case("tuned", TunedThresholdClassifierCV(DecisionTreeClassifier(max_depth=3), cv=2), data.binary()),
        Case(
            "scores",
            TunedThresholdClassifierCV(make_pipeline(StandardScaler(), RidgeClassifier()), cv=2),
            data.binary(),
            parity="close",
        ),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])


def test_halving_searches_are_supported_without_the_experimental_import() -> None:
    assert {HalvingGridSearchCV, HalvingRandomSearchCV} <= set(ENTRIES)
