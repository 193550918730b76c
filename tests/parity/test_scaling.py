"""Parity of the scalers with scikit-learn."""

import pytest
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from tests.parity import data
from tests.parity.harness import Case, check

CASES: dict[type, list[Case]] = {
    StandardScaler: [
        Case("numbers", StandardScaler(), data.binary()),
        Case("gaps", StandardScaler(), data.gaps(), missing=True),
        Case("no mean", StandardScaler(with_mean=False), data.wide()),
        Case("no scale", StandardScaler(with_std=False), data.wide()),
    ],
    MinMaxScaler: [
        Case("numbers", MinMaxScaler(), data.binary()),
        Case("clipped", MinMaxScaler(feature_range=(-2, 3), clip=True), data.gaps(), missing=True),
        Case("sizes", MinMaxScaler(), data.wide()),
    ],
    MaxAbsScaler: [
        Case("numbers", MaxAbsScaler(), data.binary()),
        Case("gaps", MaxAbsScaler(), data.gaps(), missing=True),
    ],
    RobustScaler: [
        Case("numbers", RobustScaler(), data.binary()),
        Case("gaps", RobustScaler(), data.gaps(), missing=True),
        Case("unit variance", RobustScaler(unit_variance=True, quantile_range=(10, 90)), data.wide()),
        Case("neither", RobustScaler(with_centering=False, with_scaling=False), data.wide()),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])
