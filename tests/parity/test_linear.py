"""Parity of the linear regressions with scikit-learn."""

from typing import Any

import numpy as np
import pytest
import sklearn.linear_model
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    Lars,
    LarsCV,
    Lasso,
    LassoCV,
    LassoLars,
    LassoLarsCV,
    LassoLarsIC,
    LinearRegression,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    OrthogonalMatchingPursuit,
    OrthogonalMatchingPursuitCV,
    PoissonRegressor,
    QuantileRegressor,
    RANSACRegressor,
    Ridge,
    RidgeCV,
    SGDRegressor,
    TheilSenRegressor,
    TweedieRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.svm import LinearSVR
from sklearn.tree import DecisionTreeRegressor

from mlctl.portable.families import linear
from mlctl.portable.ir.program import NotPortableError
from tests.parity import data
from tests.parity.harness import Case, check, compare, compiled
from tests.parity.rows import probes, schema_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def _one_column() -> data.Data:
    """Data with a target of shape (rows, 1). Predictions have the same shape."""
    x, y = data.numbers()
    return x, y.reshape(-1, 1)


def _both(part: Any) -> list[Case]:
    """Cases with one and several outputs, sizes from 1e-6 to 1e6, and a target of one column."""
    return [
        Case("one", part, data.numbers()),
        Case("several", part, data.outputs()),
        Case("sizes", part, data.wide()),
        Case("one column", part, _one_column()),
    ]


def _one(part: Any, other: Any) -> list[Case]:
    return [Case("one", part, data.numbers()), Case("other", other, data.numbers()), Case("sizes", part, data.wide())]


def _several(part: Any, other: Any) -> list[Case]:
    return [Case("several", part, data.outputs()), Case("other", other, data.outputs())]


def _descent(kind: Any) -> list[Case]:
    return [
        Case("scaled", make_pipeline(StandardScaler(), kind(random_state=0)), data.numbers()),
        Case("averaged", make_pipeline(MaxAbsScaler(), kind(average=True, random_state=0)), data.wide()),
        Case("no intercept", kind(fit_intercept=False, random_state=0), data.positive()),
    ]


_TREE_INSIDE = RANSACRegressor(DecisionTreeRegressor(max_depth=3, random_state=0), min_samples=40, random_state=0)

CASES: dict[type, list[Case]] = {
    LinearRegression: [
        *_both(LinearRegression()),
        Case("positive", LinearRegression(positive=True), data.outputs()),
        Case("no intercept", LinearRegression(fit_intercept=False), data.outputs()),
    ],
    Ridge: [
        *_both(Ridge()),
        Case("an alpha an output", Ridge(alpha=np.array([0.1, 1.0, 9.0]), fit_intercept=False), data.outputs()),
    ],
    RidgeCV: _both(RidgeCV(alphas=(0.1, 1.0, 10.0))),
    Lasso: _both(Lasso(alpha=0.1)),
    LassoCV: _one(LassoCV(cv=2, max_iter=200), LassoCV(cv=2, max_iter=200, positive=True, fit_intercept=False)),
    ElasticNet: _both(ElasticNet(alpha=0.1)),
    ElasticNetCV: _one(ElasticNetCV(cv=2, max_iter=200), ElasticNetCV(cv=2, l1_ratio=[0.2, 0.9], max_iter=200)),
    MultiTaskLasso: _several(MultiTaskLasso(), MultiTaskLasso(alpha=0.1, fit_intercept=False)),
    MultiTaskLassoCV: _several(MultiTaskLassoCV(cv=2, max_iter=200), MultiTaskLassoCV(cv=2, fit_intercept=False)),
    MultiTaskElasticNet: _several(MultiTaskElasticNet(), MultiTaskElasticNet(alpha=0.1, fit_intercept=False)),
    MultiTaskElasticNetCV: _several(MultiTaskElasticNetCV(cv=2, max_iter=200), MultiTaskElasticNetCV(cv=3)),
    Lars: _both(Lars(n_nonzero_coefs=3)),
    LarsCV: _one(LarsCV(cv=2), LarsCV(cv=2, fit_intercept=False)),
    LassoLars: _both(LassoLars(alpha=0.1)),
    LassoLarsCV: _one(LassoLarsCV(cv=2), LassoLarsCV(cv=2, positive=True)),
    LassoLarsIC: _one(LassoLarsIC(), LassoLarsIC(criterion="bic", fit_intercept=False)),
    OrthogonalMatchingPursuit: _both(OrthogonalMatchingPursuit(n_nonzero_coefs=2)),
    OrthogonalMatchingPursuitCV: _one(
        OrthogonalMatchingPursuitCV(cv=2, max_iter=4), OrthogonalMatchingPursuitCV(cv=2, fit_intercept=False)
    ),
    BayesianRidge: _one(BayesianRidge(), BayesianRidge(fit_intercept=False)),
    ARDRegression: _one(ARDRegression(), ARDRegression(fit_intercept=False)),
    HuberRegressor: _one(HuberRegressor(), HuberRegressor(epsilon=1.1, fit_intercept=False)),
    TheilSenRegressor: [
        Case("one", TheilSenRegressor(max_subpopulation=50, random_state=0), data.numbers()),
        Case("other", TheilSenRegressor(max_subpopulation=50, fit_intercept=False, random_state=0), data.positive()),
    ],
    QuantileRegressor: _one(QuantileRegressor(alpha=0.01), QuantileRegressor(quantile=0.9, fit_intercept=False)),
    LinearSVR: _one(LinearSVR(random_state=0), LinearSVR(fit_intercept=False, random_state=0)),
    SGDRegressor: _descent(SGDRegressor),
    PoissonRegressor: [
        Case("one", PoissonRegressor(), data.positive()),
        Case("no intercept", PoissonRegressor(alpha=0.01, fit_intercept=False), data.positive()),
        Case("sizes", PoissonRegressor(max_iter=20), data.numbers()),
    ],
    GammaRegressor: [
        Case("one", GammaRegressor(), data.positive()),
        Case("no intercept", GammaRegressor(alpha=0.01, fit_intercept=False), data.positive()),
    ],
    TweedieRegressor: [
        Case("auto, identity", TweedieRegressor(power=0), data.numbers()),
        Case("auto, log", TweedieRegressor(power=1.5), data.positive()),
        Case("log", TweedieRegressor(power=0, link="log"), data.positive()),
        Case("identity", TweedieRegressor(power=1, link="identity", alpha=0.1), data.positive()),
    ],
    PLSRegression: _both(PLSRegression(n_components=2)),
    PLSCanonical: _both(PLSCanonical(n_components=1)),
    CCA: _both(CCA(n_components=1, scale=False)),
    RANSACRegressor: [
        Case("one", RANSACRegressor(random_state=0), data.numbers(), parity="close"),
        Case("several", RANSACRegressor(min_samples=8, random_state=0), data.outputs(), parity="close"),
        Case("tree", _TREE_INSIDE, data.numbers(), parity="exact"),
    ],
}
# Deprecated since scikit-learn 1.8.
_PASSIVE = getattr(sklearn.linear_model, "PassiveAggressiveRegressor", None)
if _PASSIVE is not None:
    CASES[_PASSIVE] = _descent(_PASSIVE)


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])


def test_every_entry_has_cases() -> None:
    assert set(CASES) == set(linear.ENTRIES)


def test_a_sparse_coef_gives_the_same_answers_as_a_dense_one() -> None:
    x, y = data.numbers()
    model = SGDRegressor(penalty="l1", alpha=10, random_state=0).fit(x, y).sparsify()
    assert compare(model, probes(x, 200), "close") == 200


def test_an_intermediate_sparse_matrix_keeps_close_parity() -> None:
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OneHotEncoder

    frame, target = data.table()
    frame = frame.fillna({"city": "Lima", "plan": "basic", "income": 0.0})
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]),
        (MaxAbsScaler(), ["income", "age"]),
        sparse_threshold=1,
    )
    model = make_pipeline(columns, Ridge()).fit(frame, target == "yes")
    assert compare(model, probes(frame, 300), "close") == 300


def test_a_prediction_beyond_float64_is_refused() -> None:
    x, y = data.positive()
    model = PoissonRegressor().fit(x, y)
    rows = np.repeat(np.sign(model.coef_)[None, :], 3, axis=0) * np.array([[1.0], [1e6], [-1e6]])
    with np.errstate(over="ignore"):
        assert not np.isfinite(model.predict(rows[1:2])[0])
    assert model.predict(rows[2:])[0] == 0.0
    assert compare(model, rows, "close") == 3


def test_scores_beyond_float64_equal_plain_sums() -> None:
    x, y = data.positive()
    model = PoissonRegressor().fit(x, y)
    model.coef_ = np.array([1e280, -1e280, 1e300, 1.0, 0.0])
    huge = 3e38
    rows = np.array([[-huge, 0, 0, 1, 1], [huge, huge, 0, 1, 1], [0, huge, 0, 1, 1], [0, 0, 0, 1, 1.0]])
    assert compare(model, rows, "close") == 4


@pytest.mark.parametrize("fault", [float("nan"), float("inf")])
def test_a_coefficient_that_is_not_finite_is_not_compiled(fault: float) -> None:
    x, y = data.numbers()
    model = Ridge().fit(x, y)
    model.coef_[3] = fault
    with pytest.raises(NotPortableError, match="Ridge has a coefficient that is not a finite number"):
        compiled(model, schema_of(x))
