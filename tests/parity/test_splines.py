"""Parity of SplineTransformer with scikit-learn."""

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer

from tests.parity import data
from tests.parity.harness import Case, check, compare

EXTRAPOLATIONS = ("error", "constant", "linear", "continue", "periodic")
NEW = "handle_missing" in inspect.signature(SplineTransformer).parameters  # scikit-learn 1.8
# Knots of three columns, in ascending order.
KNOTS = np.array([[4.0, 2.0, 1.0], [4.5, 2.1, 2.0], [6.0, 3.0, 5.0], [8.0, 4.4, 7.0]])


def _edges(part: Any) -> Iterator[tuple[int, float]]:
    for column, spline in enumerate(part.bsplines_):
        yield from ((column, float(knot)) for knot in spline.t)


def _case(name: str, rows: data.Data, missing: bool = False, weight: float = 1.0, **settings: Any) -> Case:
    return Case(name, SplineTransformer(**settings), rows, edges=_edges, missing=missing, weight=weight)


def _three() -> data.Data:
    return np.ascontiguousarray(data.three()[0][:, :3]), None


CASES: dict[type, list[Case]] = {
    SplineTransformer: [
        *(
            _case(f"{extrapolation} {degree}", _three(), extrapolation=extrapolation, degree=degree, n_knots=6)
            for extrapolation in EXTRAPOLATIONS
            for degree in (0, 1, 2, 3, 5)
        ),
        *(
            _case(f"{extrapolation} own knots", _three(), extrapolation=extrapolation, knots=KNOTS)
            for extrapolation in EXTRAPOLATIONS
        ),
        *(
            _case(f"{extrapolation} ties", data.counts(), extrapolation=extrapolation, knots="quantile", degree=2)
            for extrapolation in EXTRAPOLATIONS
        ),
        *(
            _case(
                f"{extrapolation} sparse {degree}",
                data.three(),
                extrapolation=extrapolation,
                degree=degree,
                sparse_output=True,
                include_bias=False,
                weight=0.3,
            )
            for extrapolation in EXTRAPOLATIONS
            for degree in (0, 1, 3)
            if (extrapolation, degree) != ("periodic", 0)  # which scikit-learn cannot transform
        ),
        _case("sizes", data.wide(), n_knots=4, include_bias=False),
        _case("two knots", data.numbers(), n_knots=2, extrapolation="linear"),
        _case("constant column", (np.column_stack([_three()[0], np.full(150, 3.0)]), None), knots="quantile"),
    ],
}
if NEW:
    CASES[SplineTransformer] += [
        _case(
            f"{extrapolation} gaps",
            data.gaps(),
            missing=True,
            handle_missing="zeros",
            extrapolation=extrapolation,
            sparse_output=sparse,
        )
        for extrapolation in EXTRAPOLATIONS
        for sparse in (False, True)
        if not sparse or extrapolation in ("constant", "linear")
    ]


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])


@pytest.mark.parametrize("extrapolation", EXTRAPOLATIONS)
@pytest.mark.parametrize("missing", ["error", "zeros"])
def test_infinite_input_is_refused_or_accepted_as_in_scikit_learn(extrapolation: str, missing: str) -> None:
    settings = {"handle_missing": missing} if NEW else {}
    splines = SplineTransformer(extrapolation=extrapolation, n_knots=3, degree=2, **settings)
    part = make_pipeline(PolynomialFeatures((9, 9), include_bias=False), splines).fit([[0.5], [1.0], [1.1]])
    rows = np.array([[3e38], [-3e38], [1.0], [0.9]])
    # A sum of infinities gives NaN in other columns than in scikit-learn, so these cases have no infinite rows.
    compare(
        part, rows[2:] if NEW and missing == "zeros" and extrapolation in ("continue", "periodic") else rows, "close"
    )
