"""Linear models with any coefficients and rows: correctly rounded dot products, and the answers of scikit-learn."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.svm import LinearSVC

from tests.parity.harness import compare, compiled, loaded
from tests.parity.rows import schema_of

NUMBERS = st.floats(min_value=-1e12, max_value=1e12)
WIDTH = 4
ROWS = st.lists(NUMBERS, min_size=WIDTH, max_size=WIDTH)


def fitted(kind: Any, n_classes: int, coef: list[list[float]], intercept: list[float], **params: Any) -> Any:
    """A classifier with these coefficients: one row per class, or the first row only for two classes."""
    x = np.eye(max(n_classes, 2), WIDTH)
    model = kind(**params).fit(np.vstack([x, x]), list(range(n_classes)) * 2)
    scores = 1 if n_classes == 2 else n_classes
    model.coef_, model.intercept_ = np.array(coef[:scores]), np.array(intercept[:scores])
    return model


@given(ROWS, ROWS, NUMBERS)
def test_a_score_is_the_rounded_exact_dot_product_plus_the_intercept(
    coef: list[float], row: list[float], intercept: float
) -> None:
    model = LinearRegression().fit(np.eye(WIDTH), np.arange(WIDTH))
    model.coef_, model.intercept_ = np.array(coef), intercept
    predict = loaded(compiled(model, schema_of(np.eye(WIDTH))))
    # There is one rounding for each product, one for their sum, and one for the addition of the intercept.
    dot = float(sum(Fraction(weight * value) for weight, value in zip(coef, row, strict=True)))
    assert predict(row) == dot + intercept
    assert predict(row) == pytest.approx(
        model.predict([row])[0], rel=1e-9, abs=1e-15 * np.abs(np.multiply(coef, row)).sum()
    )


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (LogisticRegression, {}),
        (SGDClassifier, {"loss": "log_loss"}),
        (SGDClassifier, {"loss": "modified_huber"}),
        (LinearSVC, {}),
    ],
    ids=["softmax", "rest", "huber", "scores"],
)
@given(st.sampled_from([2, 3, 4]), st.lists(ROWS, min_size=4, max_size=4), ROWS, ROWS)
def test_any_classifier_agrees_with_scikit_learn(
    kind: Any, params: dict[str, Any], n_classes: int, coef: list[list[float]], intercept: list[float], row: list[float]
) -> None:
    # Products and sums of whole numbers do not depend on the order, so the classes do not either.
    whole = np.round(np.array(coef) / 1e6), np.round(np.array(intercept) / 1e6), np.round(np.array(row) / 1e6)
    # Dividing by a power of two is exact. Small scores give probabilities other than 0 and 1.
    model = fitted(kind, n_classes, (whole[0] / 2**20).tolist(), (whole[1] / 2**20).tolist(), **params)
    assert compare(model, whole[2][None, :], "close") == 1
    assert compare(model, whole[2][None, :] / 2**18, "close") == 1


@given(
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20),
    st.lists(NUMBERS, min_size=1, max_size=5),
    st.sampled_from(["nan", "clip", "raise"]),
)
def test_any_isotonic_regression_agrees_with_scikit_learn(
    points: list[tuple[float, float]], inputs: list[float], out_of_bounds: str
) -> None:
    x, y = np.array(points).T
    assume(np.ptp(x) == 0 or np.diff(np.unique(x)).min() > 1e-3)
    model = IsotonicRegression(out_of_bounds=out_of_bounds).fit(x.reshape(-1, 1), y)
    rows = np.array([*inputs, *x]).reshape(-1, 1)
    predict = loaded(compiled(model, schema_of(rows)))
    assert predict.kind == "regressor"
    if out_of_bounds == "clip":
        # Between points of opposite sign, a result near 0 is a difference of large numbers.
        scale = 1e-9 * float(np.abs(model.y_thresholds_).max())
        for value in rows[:, 0].tolist():
            assert predict([value]) == pytest.approx(model.predict([[value]])[0], rel=1e-9, abs=scale)
    else:
        compare(model, x.reshape(-1, 1), "close")
