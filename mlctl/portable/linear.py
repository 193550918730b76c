"""Logistic regression, and the linear regressions that predict alike."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge

from mlctl.portable.program import NotPortableError, Step
from mlctl.portable.table import Compiled, Table


def logistic(model: LogisticRegression, table: Table) -> Compiled:
    """Two classes: the logistic function of one score; more: softmax over a score a class."""
    n_classes = len(model.classes_)
    strategy = getattr(model, "multi_class", "auto")  # gone since scikit-learn 1.8
    if strategy not in ("auto", "deprecated") or (n_classes > 2 and model.solver == "liblinear"):
        raise NotPortableError("with one-versus-rest classes is not supported")
    return _linear("logistic", {"n_classes": n_classes}, model, table)


def linear(model: LinearRegression | Ridge | Lasso | ElasticNet, table: Table) -> Compiled:
    """One score, which is the answer."""
    if model.coef_.ndim != 1:
        raise NotPortableError("predicts a table of outputs; one number is supported")
    return _linear("linear", {}, model, table)


def _linear(op: str, params: dict[str, Any], model: Any, table: Table) -> Compiled:
    table.require_numbers()
    tensors = {
        "coef": np.ascontiguousarray(model.coef_, dtype="<f8"),
        "intercept": np.atleast_1d(np.asarray(model.intercept_, dtype="<f8")),
    }
    return (Step(op=op, parity="close", params=params, tensors=tensors),), None


COMPILERS: dict[type, Callable[[Any, Table], Compiled]] = {
    LogisticRegression: logistic,
    LinearRegression: linear,
    Ridge: linear,
    Lasso: linear,
    ElasticNet: linear,
}
