"""Parity of QuantileTransformer with scikit-learn."""

import importlib
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import QuantileTransformer

from tests.parity import data
from tests.parity.harness import Case, check, compare


def _edges(part: Any) -> Iterator[tuple[int, float]]:
    """The quantiles, and values so close to the ends that they count as outside."""
    part = part[-1] if isinstance(part, Pipeline) else part
    for column, quantiles in enumerate(part.quantiles_.T[:4]):
        yield from ((column, float(quantile)) for quantile in quantiles)
        for offset in (-1.5e-7, -1e-7, -0.5e-7, 0.5e-7, 1e-7, 1.5e-7):
            yield from ((column, float(quantiles[end]) + offset) for end in (0, -1))


def _case(name: str, rows: data.Data, missing: bool = False, **settings: Any) -> Case:
    part = QuantileTransformer(random_state=0, **settings)
    return Case(name, part, rows, edges=_edges, missing=missing)


def _sparse(name: str, rows: data.Data, missing: bool = False, **settings: Any) -> Case:
    part = data.sparse(QuantileTransformer(random_state=0, **settings))
    return Case(f"sparse {name}", part, rows, edges=lambda fitted: [(2, 3.0), *_edges(fitted)], missing=missing)


CASES: dict[type, list[Case]] = {
    QuantileTransformer: [
        _case("numbers", data.binary(), n_quantiles=300),
        _case("few", data.numbers(), n_quantiles=10),
        _case("one", data.three(), n_quantiles=1),
        _case("two", data.three(), n_quantiles=2, output_distribution="normal"),
        _case("ties", data.three(), n_quantiles=100),
        _case("ties normal", data.counts(), n_quantiles=100, output_distribution="normal"),
        _case("normal", data.binary(), n_quantiles=200, output_distribution="normal"),
        _case("sizes", data.wide(), n_quantiles=50, output_distribution="normal"),
        _case("gaps", data.gaps(), missing=True, n_quantiles=40),
        _case("gaps normal", data.gaps(), missing=True, n_quantiles=40, output_distribution="normal"),
        _case("subsample", data.numbers(), n_quantiles=20, subsample=50),
        _sparse("uniform", data.counts(), n_quantiles=30),
        _sparse("normal", data.counts(), n_quantiles=30, output_distribution="normal"),
        _sparse("ignored", data.counts(), n_quantiles=30, ignore_implicit_zeros=True),
        _sparse("ignored normal", data.gaps(), True, n_quantiles=9, ignore_implicit_zeros=True),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_equal_quantiles_give_the_mean_of_both_sides(distribution: str) -> None:
    x = np.array([[0.0], [1.0], [1.0], [1.0], [2.0], [2.0], [5.0]])
    part = QuantileTransformer(n_quantiles=7, output_distribution=distribution).fit(x)
    compare(part, np.array([[value] for value in (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 6.0)]), "close")


def test_the_inverse_of_the_normal_distribution_is_accurate_to_1e_15() -> None:
    inverse = importlib.import_module("handler.ops.quantiles").inverse_normal
    shares = [*np.linspace(0.0005, 0.9995, 1999), *np.logspace(-10.8, -1, 500), *(1 - np.logspace(-10.8, -1, 500))]
    for share in map(float, shares):
        expected = NormalDist().inv_cdf(share)
        assert abs(inverse(share) - expected) <= 1e-15 * abs(expected)
    assert inverse(0.5) == 0.0
    assert [inverse(0.0), inverse(1.0), inverse(1e-12)] == [-np.inf, np.inf, -np.inf]
    assert np.isnan(inverse(np.nan))
