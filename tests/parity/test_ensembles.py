"""Parity of bagging, AdaBoost, voting and stacking with scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from tests.parity import data
from tests.parity.harness import Case, check
from tests.parity.rows import thresholds

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def _edges(part: Any) -> list[tuple[int, float]]:
    return thresholds(part.estimators_)


def _bag(kind: Any, estimator: Any = None, **params: Any) -> Any:
    return kind(estimator, **{"n_estimators": 6, "random_state": 0, **params})


def _boost(kind: Any, estimator: Any = None, **params: Any) -> Any:
    return kind(estimator, **{"n_estimators": 12, "random_state": 0, **params})


BC, BR, AC, AR = BaggingClassifier, BaggingRegressor, AdaBoostClassifier, AdaBoostRegressor
TREE, STUMP = DecisionTreeClassifier(random_state=0), DecisionTreeClassifier(max_depth=3, random_state=0)
NUMBER = DecisionTreeRegressor(max_depth=4, random_state=0)
LOGISTIC = make_pipeline(StandardScaler(), LogisticRegression())
THREE_MODELS = [("tree", STUMP), ("line", LOGISTIC), ("forest", RandomForestClassifier(3, random_state=0))]
THREE_NUMBERS = [("tree", NUMBER), ("line", Ridge()), ("forest", RandomForestRegressor(3, random_state=0))]
PART = {"max_features": 2, "max_samples": 0.5}

CASES: dict[type, list[Case]] = {
    BC: [
        Case("two", _bag(BC), data.binary(), edges=_edges),
        Case("three", _bag(BC), data.three(), edges=_edges),
        Case("ten, few columns", _bag(BC, n_estimators=12, max_features=0.2, bootstrap_features=True), data.many()),
        Case("classes that a sample lacks", _bag(BC, max_samples=6), data.three(), edges=_edges),
        Case("gaps", _bag(BC, **PART), data.gaps(), missing=True),
        Case("extra trees", _bag(BC, ExtraTreeClassifier(random_state=0), bootstrap=False, **PART), data.three()),
        Case("forests", _bag(BC, RandomForestClassifier(2, random_state=0), n_estimators=3), data.three(), weight=0.3),
        Case("linear", _bag(BC, LOGISTIC, **PART), data.three(), parity="close"),
        Case("votes", _bag(BC, Perceptron(), max_samples=5), data.three(), parity="close"),
        Case("sparse", data.sparse(_bag(BC)), data.counts()),
    ],
    BR: [
        Case("one", _bag(BR), data.numbers(), edges=_edges),
        Case("three outputs", _bag(BR), data.outputs(), edges=_edges),
        Case("few columns", _bag(BR, NUMBER, max_features=0.1), data.wide()),
        Case("infinite", make_pipeline(FunctionTransformer(np.log), _bag(BR)), data.costs(), parity="close"),
        Case("gaps", _bag(BR, **PART), data.gaps(), missing=True),
        Case("linear", _bag(BR, LinearRegression(), **PART), data.positive(), parity="close"),
        Case("linear, three outputs", _bag(BR, LinearRegression()), data.outputs(), parity="close"),
        Case("forests", _bag(BR, RandomForestRegressor(2, random_state=0), **PART), data.positive(), weight=0.3),
    ],
    AC: [
        Case("two", _boost(AC), data.binary(), edges=_edges),
        Case("three", _boost(AC, STUMP, learning_rate=0.5), data.three(), edges=_edges),
        Case("ten", _boost(AC, STUMP), data.many(), edges=_edges),
        Case("perfect", _boost(AC, TREE), data.three(), edges=_edges),
        Case("extra trees", _boost(AC, ExtraTreeClassifier(max_depth=2, random_state=0)), data.counts()),
        Case("linear", _boost(AC, LogisticRegression(), n_estimators=4), data.three()),
        Case("linear, two", _boost(AC, Perceptron(random_state=0), n_estimators=4), data.binary()),
        Case("sparse", data.sparse(_boost(AC)), data.counts()),
        Case("gaps", _boost(AC), data.three(), missing=True),
    ],
    AR: [
        Case("linear loss", _boost(AR), data.numbers(), edges=_edges),
        Case("square", _boost(AR, NUMBER, loss="square"), data.positive(), edges=_edges),
        Case("exponential", _boost(AR, ExtraTreeRegressor(max_depth=3), loss="exponential"), data.wide()),
        Case("one", _boost(AR, DecisionTreeRegressor(), n_estimators=1), data.positive()),
        Case("linear", _boost(AR, LinearRegression(), n_estimators=4), data.positive(), parity="close"),
        Case(
            "forests", _boost(AR, RandomForestRegressor(2, random_state=0), n_estimators=3), data.positive(), weight=0.3
        ),
    ],
    VotingClassifier: [
        Case("two", VotingClassifier(THREE_MODELS, voting="soft"), data.binary()),
        Case("three", VotingClassifier(THREE_MODELS, voting="soft", weights=[1, 2.5, 0.5]), data.three()),
        Case(
            "one dropped",
            VotingClassifier([*THREE_MODELS, ("no", "drop")], voting="soft", weights=[1, 2, 3, 4]),
            data.three(),
        ),
    ],
    VotingRegressor: [
        Case("plain", VotingRegressor(THREE_NUMBERS), data.numbers()),
        Case("weights", VotingRegressor([*THREE_NUMBERS, ("no", "drop")], weights=[3, 2, 1, 9]), data.positive()),
    ],
    StackingClassifier: [
        Case("two", StackingClassifier(THREE_MODELS, cv=2), data.binary(), parity="close"),
        Case("three", StackingClassifier(THREE_MODELS, cv=2), data.three(), parity="close"),
        Case(
            "passed through",
            StackingClassifier([("tree", STUMP)], final_estimator=TREE, passthrough=True, cv=2),
            data.gaps(),
            missing=True,
        ),
        Case(
            "scores and classes",
            StackingClassifier(
                [("tree", STUMP), ("ridge", RidgeClassifier())], final_estimator=LogisticRegression(), cv=2
            ),
            data.three(),
            parity="close",
        ),
        Case("classes", StackingClassifier([("tree", STUMP)], TREE, stack_method="predict", cv=2), data.many()),
    ],
    StackingRegressor: [
        Case("plain", StackingRegressor(THREE_NUMBERS, cv=2), data.numbers(), parity="close"),
        Case("passed through", StackingRegressor([("tree", NUMBER)], NUMBER, passthrough=True, cv=2), data.positive()),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])
