"""Parity of PolynomialFeatures with scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.tree import DecisionTreeClassifier

from tests.parity import data
from tests.parity.harness import Case, check, compare


def _few(columns: int) -> data.Data:
    return np.ascontiguousarray(data.numbers()[0][:, :columns]), None


SETTINGS: list[dict[str, Any]] = [
    {"degree": 0},
    {"degree": 1},
    {"degree": 2},
    {"degree": 3, "include_bias": False},
    {"degree": 4, "order": "F"},
    {"degree": (0, 2)},
    {"degree": (1, 3)},
    {"degree": (2, 2)},
    {"degree": (3, 5), "include_bias": False},
    {"degree": (2, 4)},
    {"degree": 3, "interaction_only": True},
    {"degree": (2, 3), "interaction_only": True, "include_bias": False},
    {"degree": (2, 9), "interaction_only": True},
]
CASES: dict[type, list[Case]] = {
    PolynomialFeatures: [
        *(Case(f"dense {settings}", PolynomialFeatures(**settings), data.three()) for settings in SETTINGS),
        # For high degrees scikit-learn computes one column after the other, which is slow.
        *(
            Case(
                f"sparse {settings}",
                data.sparse(PolynomialFeatures(**settings), width=3),
                (data.counts()[0][:, :3], None),
                weight=0.05 if np.max(settings["degree"]) > 3 else 1.0,
            )
            for settings in SETTINGS
        ),
        *(Case(f"one column {degree}", PolynomialFeatures(degree), _few(1)) for degree in (2, 7, (3, 4))),
        Case("two columns", PolynomialFeatures(7, interaction_only=True), _few(2)),
        Case("sizes", PolynomialFeatures(2), data.wide(), weight=0.5),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])


def test_products_beyond_float64_are_infinite_and_the_next_model_refuses_them() -> None:
    rows = np.array([[1e38, 2.0], [3e38, 3e38], [-3e38, 1.0], [3e38, 0.0], [1.0, 2.0]])
    part = PolynomialFeatures(9).fit(rows)
    compare(part, rows, "exact")
    model = make_pipeline(PolynomialFeatures(9), DecisionTreeClassifier(random_state=0))
    x, y = data.three()
    compare(model.fit(x[:, :2], y), rows, "exact")


def test_zero_times_infinity_is_zero_in_a_sparse_matrix_and_nan_in_an_array() -> None:
    few, rows = np.ones((3, 2)), np.array([[1.0, 3e38], [2.0, 3e38], [2.0, -3e38], [1.0, 0.0], [1.0, 1e30]])
    for degree in (2, 3, (3, 3), 4, (4, 5)):
        high = PolynomialFeatures((5, 5), include_bias=False)
        compare(data.sparse(high, PolynomialFeatures(degree), width=2).fit(few), rows, "exact")
        compare(make_pipeline(high, PolynomialFeatures(degree)).fit(few), rows - [[2.0, 0.0]], "exact")
