"""Normalizer against scikit-learn."""

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


@pytest.mark.parametrize("found", CASES, ids=lambda found: found.__name__)
def test_agrees_with_scikit_learn(found: type) -> None:
    check(found, CASES[found])


@pytest.mark.parametrize("norm", NORMS)
def test_rows_of_zeros_and_of_almost_nothing_stay_as_they_are(norm: str) -> None:
    part = Normalizer(norm).fit(np.ones((2, 2)))
    smallest = 10 * np.finfo(np.float64).eps
    near = [smallest, np.nextafter(smallest, 0), np.nextafter(smallest, 1), 1e-17, 5e-324, 0.0, -0.0]
    rows = np.array([[one, 0.0] for one in near] + [[0.0, -one] for one in near])
    compare(part, rows, "exact" if norm == "max" else "close")


@pytest.mark.parametrize("norm", NORMS)
def test_a_sparse_row_is_divided_by_whatever_is_not_zero(norm: str) -> None:
    part = data.sparse(Normalizer(norm)).fit(data.counts()[0])
    rows = np.array([[99.0, one, 0.0, other] for one in (1e-17, 0.0, 3.0) for other in (0.0, 1e-20, -4.0)])
    compare(part, rows, "exact" if norm == "max" else "close")


def test_a_norm_that_leaves_float64_leaves_zeros() -> None:
    # Fourth powers of 1e60 are finite; their squares are not.
    part = make_pipeline(PolynomialFeatures((4, 4)), Normalizer("l2")).fit(np.ones((2, 2)))
    compare(part, np.array([[1e60, 1.0], [1e60, 1e60], [1e38, -1e38]]), "close")


def test_what_is_infinite_before_it_is_refused() -> None:
    part = make_pipeline(PolynomialFeatures((4, 4)), Normalizer("max")).fit(np.ones((2, 2)))
    compare(part, np.array([[1e80, 1.0], [1e70, -1e78], [1.0, 2.0]]), "exact")
