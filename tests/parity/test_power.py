"""Parity of PowerTransformer with scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, PowerTransformer

from tests.parity import data
from tests.parity.harness import Case, check, compare

LAMBDAS = (0.0, 1e-17, 3e-16, -3.5, 0.5, 1.0, 2.0, 2.0 + 1e-15, 5.0, 40.0, -40.0, 1e-19, 1e-20)


def _gaps(x: Any) -> data.Data:
    return np.where(np.random.default_rng(5).random(x.shape) < 0.1, np.nan, x), None


CASES: dict[type, list[Case]] = {
    PowerTransformer: [
        Case("numbers", PowerTransformer(), data.binary()),
        Case("gaps", PowerTransformer(), data.gaps(), missing=True),
        Case("sizes", PowerTransformer(), data.costs()),
        Case("unscaled", PowerTransformer(standardize=False), data.numbers()),
        Case("positive", PowerTransformer("box-cox"), data.costs()),
        Case("positive gaps", PowerTransformer("box-cox"), _gaps(data.costs()[0]), missing=True),
        Case("positive unscaled", PowerTransformer("box-cox", standardize=False), data.costs()),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])


@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
@pytest.mark.parametrize("power", LAMBDAS)
def test_every_power_agrees_near_zero_and_for_large_numbers(method: str, power: float) -> None:
    part = PowerTransformer(method, standardize=False).fit(data.costs()[0][:, :1])
    part.lambdas_ = np.array([power])
    sizes = [0.0, -0.0, 5e-324, 1e-300, 1e-30, 1e-9, 0.3, 1.0, 1 + 1e-12, 7.0, 1e6, 1e30, 3e38]
    compare(part, np.array([[sign * size] for size in sizes for sign in (1.0, -1.0)]), "close")


@pytest.mark.parametrize("standardize", [True, False])
def test_infinite_powers_are_refused_only_if_scaled(standardize: bool) -> None:
    part = PowerTransformer(standardize=standardize).fit(data.costs()[0][:, :2])
    part.lambdas_ = np.array([40.0, -40.0])
    compare(part, np.array([[1e30, 1.0], [-1e30, 1.0], [1.0, 1e30], [1.0, -1e30], [1.0, 1.0]]), "close")


def test_infinite_input_is_refused() -> None:
    part = make_pipeline(PolynomialFeatures((9, 9), include_bias=False), PowerTransformer()).fit([[0.5], [1.0], [1.1]])
    compare(part, np.array([[3e38], [-3e38], [1.0]]), "close")
