"""Parity of Normalizer with scikit-learn."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, PolynomialFeatures

from tests.parity import data
from tests.parity.harness import Case, check, compare

NORMS = ("l1", "l2", "max")


def _case(norm: str, name: str, part: object, rows: data.Data) -> Case:
    return Case(f"{name} {norm}", part, rows, parity="exact" if norm == "max" else "close")


CASES: dict[type, list[Case]] = {
    Normalizer: [
        *(_case(norm, "sizes", Normalizer(norm), data.wide()) for norm in NORMS),
        *(_case(norm, "classes", Normalizer(norm), data.three()) for norm in NORMS),
        *(_case(norm, "sparse", data.sparse(Normalizer(norm)), data.counts()) for norm in NORMS),
        *(_case(norm, "one column", Normalizer(norm), (data.counts()[0][:, :1], None)) for norm in NORMS),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])


@pytest.mark.parametrize("norm", NORMS)
def test_rows_of_zeros_and_tiny_numbers_stay_unchanged(norm: str) -> None:
    part = Normalizer(norm).fit(np.ones((2, 2)))
    smallest = 10 * np.finfo(np.float64).eps
    tiny = [smallest, np.nextafter(smallest, 0), np.nextafter(smallest, 1), 1e-17, 5e-324, 0.0, -0.0]
    rows = np.array([[value, 0.0] for value in tiny] + [[0.0, -value] for value in tiny])
    compare(part, rows, "exact" if norm == "max" else "close")


@pytest.mark.parametrize("norm", NORMS)
def test_a_sparse_row_is_divided_by_any_norm_above_zero(norm: str) -> None:
    part = data.sparse(Normalizer(norm)).fit(data.counts()[0])
    rows = np.array([[99.0, first, 0.0, last] for first in (1e-17, 0.0, 3.0) for last in (0.0, 1e-20, -4.0)])
    compare(part, rows, "exact" if norm == "max" else "close")


def test_a_norm_beyond_float64_gives_zeros() -> None:
    # The fourth power of 1e60 is finite, its square is not.
    part = make_pipeline(PolynomialFeatures((4, 4)), Normalizer("l2")).fit(np.ones((2, 2)))
    compare(part, np.array([[1e60, 1.0], [1e60, 1e60], [1e38, -1e38]]), "close")


def test_infinite_input_is_refused() -> None:
    part = make_pipeline(PolynomialFeatures((4, 4)), Normalizer("max")).fit(np.ones((2, 2)))
    compare(part, np.array([[1e80, 1.0], [1e70, -1e78], [1.0, 2.0]]), "exact")
