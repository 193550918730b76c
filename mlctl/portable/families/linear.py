"""Compiles linear regressions: ``X @ coef_.T + intercept_``, with or without a link."""

from typing import Any

import numpy as np
import sklearn.linear_model
from numpy.typing import NDArray
from sklearn._loss.link import IdentityLink, LogLink
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.linear_model import GammaRegressor, PoissonRegressor, RANSACRegressor, SGDRegressor, TweedieRegressor
from sklearn.svm import LinearSVR

from mlctl.portable.entry import Entry, Inner, where_present
from mlctl.portable.ir.columns import ColumnTypes, Compiled
from mlctl.portable.ir.program import NotPortableError, Step

_LINKS = {IdentityLink: "identity", LogLink: "log"}
# Classes of sklearn.linear_model that predict like LinearModel.
_PLAIN = (
    *("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV"),
    *("MultiTaskLasso", "MultiTaskLassoCV", "MultiTaskElasticNet", "MultiTaskElasticNetCV"),
    *("Lars", "LarsCV", "LassoLars", "LassoLarsCV", "LassoLarsIC"),
    *("OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV", "BayesianRidge", "ARDRegression"),
    *("HuberRegressor", "TheilSenRegressor", "QuantileRegressor"),
)


def linear(model: Any, table: ColumnTypes) -> Compiled:
    """A score for each row of ``coef_``, or one score if ``coef_`` is a vector."""
    coef = dense(model.coef_)
    outputs = len(coef) if coef.ndim == 2 else None
    return _regression({"link": "identity", "outputs": outputs}, coef, model.intercept_, table)


def flat(model: Any, table: ColumnTypes) -> Compiled:
    """Like ``linear``, for a model with one output, whose ``coef_`` may be a sparse matrix of one row."""
    return _regression({"link": "identity", "outputs": None}, dense(model.coef_).ravel(), model.intercept_, table)


def generalized(model: Any, table: ColumnTypes) -> Compiled:
    """The inverse of the link (identity or logarithm) of one score."""
    link = _LINKS[type(model._base_loss.link)]
    return _regression({"link": link, "outputs": None}, dense(model.coef_), model.intercept_, table)


def partial_least_squares(model: Any, table: ColumnTypes) -> Compiled:
    """The centred row, then a score for each output; a number if the target was a vector.

    Only as a model: in a Pipeline no other part can follow, because ``fit_transform`` returns a tuple.
    """
    outputs = None if model._predict_1d and len(model.coef_) == 1 else len(model.coef_)
    center = {"center": np.asarray(model._x_mean, dtype="<f8")}
    centered = Step(op="standardize", parity="exact", params={"scale": None}, tensors=center)
    steps, out = _regression({"link": "identity", "outputs": outputs}, dense(model.coef_), model.intercept_, table)
    return (centered, *steps), out


def ransac(model: RANSACRegressor, table: ColumnTypes, inner: Inner) -> Compiled:
    """The model fitted to the inliers."""
    table.require_numbers()
    return inner("estimator_", model.estimator_, table.as_array(), last=True)


def dense(coef: Any) -> NDArray[np.float64]:
    """``coef_`` as a dense array of float64."""
    return np.asarray(coef.toarray() if hasattr(coef, "toarray") else coef, dtype="<f8")


def weighted(op: str, params: dict[str, Any], coef: NDArray[np.float64], intercept: Any, table: ColumnTypes) -> Step:
    """The step ``op``, with coefficients of shape (width,) or (scores, width), and an intercept for each score."""
    table.require_numbers()
    rows = np.atleast_2d(coef)
    biases = np.broadcast_to(np.asarray(intercept, dtype="<f8"), len(rows))
    if not (np.isfinite(rows).all() and np.isfinite(biases).all()):
        raise NotPortableError("has a coefficient that is not a finite number")
    return Step(op=op, parity="close", params=params, tensors={"coef": rows, "intercept": biases})


def _regression(params: dict[str, Any], coef: NDArray[np.float64], intercept: Any, table: ColumnTypes) -> Compiled:
    return (weighted("linear", params, coef, intercept, table),), None


ENTRIES = {
    **{getattr(sklearn.linear_model, name): Entry(linear, parity="close") for name in _PLAIN},
    LinearSVR: Entry(linear, parity="close"),
    SGDRegressor: Entry(flat, parity="close"),
    **where_present("sklearn.linear_model", "PassiveAggressiveRegressor", Entry(flat, parity="close")),
    PoissonRegressor: Entry(generalized, parity="close"),
    GammaRegressor: Entry(generalized, parity="close"),
    TweedieRegressor: Entry(generalized, parity="close"),
    PLSRegression: Entry(partial_least_squares, parity="close"),
    PLSCanonical: Entry(partial_least_squares, parity="close"),
    CCA: Entry(partial_least_squares, parity="close"),
    RANSACRegressor: Entry(ransac, parity="delegated", holds_parts=True, skips_input_checks=True),
}
