"""Parity of TransformedTargetRegressor with scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor

from tests.parity import data
from tests.parity.harness import Case, check

TREE = DecisionTreeRegressor(max_depth=5, random_state=0)
TREES = MultiOutputRegressor(TREE)
LOGARITHM = FunctionTransformer(np.log1p, inverse_func=np.expm1, validate=True)


def of(regressor: Any, transformer: Any = None, **settings: Any) -> TransformedTargetRegressor:
    return TransformedTargetRegressor(regressor, transformer=transformer, check_inverse=False, **settings)


CASES: dict[type, list[Case]] = {
    TransformedTargetRegressor: [
        Case("none", of(TREE), data.numbers()),
        Case("functions", of(TREE, func=np.log1p, inverse_func=np.expm1), data.positive(), parity="close"),
        Case("exact functions", of(TREE, func=np.sqrt, inverse_func=np.square), data.positive()),
        Case("far out", of(LinearRegression(), func=np.log, inverse_func=np.exp), data.positive(), parity="close"),
        Case("logarithm", of(LinearRegression(), LOGARITHM), data.positive(), parity="close"),
        Case("standard", of(TREE, StandardScaler()), data.numbers()),
        Case("no mean", of(TREE, StandardScaler(with_mean=False)), data.numbers()),
        Case("no scale", of(TREE, StandardScaler(with_std=False)), data.numbers()),
        Case("neither", of(TREE, StandardScaler(with_mean=False, with_std=False)), data.numbers()),
        Case("minmax", of(TREE, MinMaxScaler((-3, 5))), data.numbers()),
        Case("largest", of(TREE, MaxAbsScaler()), data.numbers()),
        Case("robust", of(TREE, RobustScaler()), data.numbers()),
        Case("robust in part", of(TREE, RobustScaler(with_scaling=False)), data.numbers()),
        Case("power", of(TREE, PowerTransformer()), data.numbers(), parity="close"),
        Case("power far out", of(LinearRegression(), PowerTransformer()), data.wide(), parity="close"),
        Case("box-cox", of(TREE, PowerTransformer("box-cox")), data.positive(), parity="close"),
        Case(
            "box-cox far out",
            of(LinearRegression(), PowerTransformer("box-cox", standardize=False)),
            data.positive(),
            parity="close",
        ),
        Case("quantiles", of(TREE, QuantileTransformer(n_quantiles=50)), data.numbers(), parity="close"),
        Case(
            "quantiles far out",
            of(LinearRegression(), QuantileTransformer(n_quantiles=20)),
            data.numbers(),
            parity="close",
        ),
        Case(
            "normal",
            of(LinearRegression(), QuantileTransformer(n_quantiles=20, output_distribution="normal")),
            data.numbers(),
            parity="close",
        ),
        Case("several", of(TREE, make_pipeline(LOGARITHM, "passthrough", StandardScaler())), data.positive(), "close"),
        Case("outputs", of(TREES, StandardScaler()), data.outputs()),
        Case("outputs of powers", of(TREES, PowerTransformer()), data.outputs(), parity="close"),
        Case("outputs of quantiles", of(TREES, QuantileTransformer(n_quantiles=10)), data.outputs(), parity="close"),
        Case("at the end", make_pipeline(StandardScaler(), of(make_pipeline(MinMaxScaler(), TREE))), data.numbers()),
        Case("gaps", of(TREE, MinMaxScaler()), (data.gaps()[0], data.gaps()[1] / 3), missing=True),
    ]
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])
