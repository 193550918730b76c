"""Parity of the isotonic regression with scikit-learn."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.isotonic import IsotonicRegression

from mlctl.portable.families import isotonic
from mlctl.portable.ir.program import NotPortableError
from tests.parity import data
from tests.parity.harness import Case, check, compare, compiled
from tests.parity.rows import probes, schema_of


def _column(low: float = -1e3, high: float = 1e3) -> data.Data:
    """One column and a target that rises with it. Some values occur twice."""
    random = np.random.default_rng(3)
    x = np.repeat(random.uniform(low, high, size=(60, 1)), 2, axis=0)
    return x, np.cbrt(x[:, 0]) + random.normal(size=120)


def _points(model: Any) -> list[tuple[int, float]]:
    return [(0, float(value)) for value in model.X_thresholds_]


CASES: dict[type, list[Case]] = {
    IsotonicRegression: [
        Case("clip", IsotonicRegression(out_of_bounds="clip"), _column(), edges=_points),
        Case("nan", IsotonicRegression(), _column(), edges=_points),
        Case("raise", IsotonicRegression(out_of_bounds="raise"), _column(), edges=_points),
        Case("falling", IsotonicRegression(increasing=False, out_of_bounds="clip"), _column(), edges=_points),
        Case("bounds", IsotonicRegression(y_min=-1, y_max=2, out_of_bounds="clip"), _column(), edges=_points),
        Case("far", IsotonicRegression(out_of_bounds="clip"), _column(-1e30, 1e30), edges=_points),
        Case("one point", IsotonicRegression(), (np.ones((4, 1)), np.arange(4.0))),
        Case("one point, raise", IsotonicRegression(out_of_bounds="raise"), (np.ones((4, 1)), np.arange(4.0))),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])


def test_every_entry_has_cases() -> None:
    assert set(CASES) == set(isotonic.ENTRIES)


def test_an_isotonic_regression_needs_one_column_of_float64() -> None:
    x, y = _column()
    single = IsotonicRegression().fit(x.astype(np.float32), y.astype(np.float32))
    with pytest.raises(NotPortableError, match="IsotonicRegression was fitted on float32"):
        compiled(single, schema_of(x))
    with pytest.raises(NotPortableError, match="IsotonicRegression expects one column but gets 2"):
        compiled(IsotonicRegression().fit(x, y), schema_of(np.column_stack([x, x])))


def test_an_isotonic_regression_fitted_on_a_frame_agrees() -> None:
    x, y = _column()
    frame = pd.DataFrame(x, columns=["size"])
    model = IsotonicRegression(out_of_bounds="clip").fit(frame, y)
    assert compare(model, probes(frame, 100, missing=True), "close", missing=True) == 100
