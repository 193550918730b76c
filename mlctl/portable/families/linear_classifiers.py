"""Compiles linear classifiers: one score for two classes, or one for each class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.svm import LinearSVC

from mlctl.portable.entry import Entry, where_present
from mlctl.portable.families.linear import dense, weighted
from mlctl.portable.input_checks import refuse_missing
from mlctl.portable.ir.columns import ColumnType, ColumnTypes, Compiled
from mlctl.portable.ir.program import NotPortableError, Step


def logistic(model: Any, table: ColumnTypes) -> Compiled:
    """The logistic function for two classes; softmax or one-vs-rest for more."""
    n_classes = len(model.classes_)
    # scikit-learn 1.8 removed it.
    strategy = getattr(model, "multi_class", "auto")
    if strategy in ("auto", "deprecated"):
        return _classes(model, table, one_vs_rest=n_classes > 2 and model.solver == "liblinear")
    if strategy == "ovr" or n_classes > 2:
        return _classes(model, table, one_vs_rest=strategy == "ovr" and n_classes > 2)
    # Softmax over (-score, score) is the logistic function of twice the score.
    return _compiled("logistic", model, table, {}, times=2.0)


def discriminant(model: LinearDiscriminantAnalysis, table: ColumnTypes) -> Compiled:
    """The logistic function for two classes; softmax for more."""
    return _classes(model, table, one_vs_rest=False)


def discriminant_axes(model: LinearDiscriminantAnalysis, table: ColumnTypes) -> Compiled:
    """As a transformer: project the row, which the solver ``svd`` centres, on the most discriminative axes."""
    if model.solver not in ("svd", "eigen"):
        raise NotPortableError(f"does not transform with the solver {model.solver!r}")
    table.require_numbers()
    components = np.ascontiguousarray(model.scalings_[:, : model._max_components].T, dtype="<f8")
    tensors = {"components": components}
    params = {"n_components": len(components), "center": None, "offset": None, "scale": None}
    if model.solver == "svd":
        del params["center"]
        tensors["center"] = np.asarray(model.xbar_, dtype="<f8")
    step = Step(op="project", parity="close", params=params, tensors=tensors)
    return (*refuse_missing(table), step), ColumnTypes(columns=(ColumnType(infinite=True),) * len(components))


def stochastic(model: SGDClassifier, table: ColumnTypes) -> Compiled:
    """Probabilities for losses that have them, else scores."""
    if model.loss == "log_loss":
        return _classes(model, table, one_vs_rest=len(model.classes_) > 2)
    return _compiled("modified_huber" if model.loss == "modified_huber" else "linear_scores", model, table, {})


def scorer(model: Any, table: ColumnTypes) -> Compiled:
    """Scores only."""
    return _compiled("linear_scores", model, table, {})


def ridge(model: RidgeClassifier | RidgeClassifierCV, table: ColumnTypes) -> Compiled:
    """Scores only."""
    if model._label_binarizer.y_type_.startswith("multilabel"):
        raise NotPortableError("predicts several labels for one row, which is not supported")
    return scorer(model, table)


def _classes(model: Any, table: ColumnTypes, one_vs_rest: bool) -> Compiled:
    """Softmax (the logistic function for two classes), or one-vs-rest."""
    params = {"one_vs_rest": one_vs_rest, "uniform": one_vs_rest and _EQUAL_SHARES}
    return _compiled("logistic", model, table, params)


def _compiled(op: str, model: Any, table: ColumnTypes, params: dict[str, Any], times: float = 1.0) -> Compiled:
    n_classes = len(model.classes_)
    if n_classes < 2:
        raise NotPortableError("has a single class, which is not supported")
    coef, intercept = dense(model.coef_) * times, np.asarray(model.intercept_, dtype="<f8") * times
    if len(np.atleast_2d(coef)) != (n_classes if n_classes > 2 else 1):
        # LinearSVC inside Bagging, which gives the rows of an omitted class no weight.
        raise NotPortableError("has classes whose training rows have no weight")
    return (weighted(op, {"n_classes": n_classes, **params}, coef, intercept, table),), None


class _ZeroProbabilities(LinearClassifierMixin):  # type: ignore[misc]  # scikit-learn ships no types
    """A classifier with scores so low that all probabilities are 0."""

    def decision_function(self, X: Any) -> NDArray[np.float64]:  # noqa: N803  # scikit-learn's name
        return np.full((1, 3), -1e6)


def _gives_equal_shares() -> bool:
    """Whether this scikit-learn gives equal shares if all probabilities are 0. Older releases divide 0 by 0."""
    with np.errstate(invalid="ignore"):
        return bool(np.isfinite(_ZeroProbabilities()._predict_proba_lr(None)).all())


_EQUAL_SHARES = _gives_equal_shares()
_SCORER = Entry(scorer, parity="close")

ENTRIES = {
    LogisticRegression: Entry(logistic, parity="close"),
    LogisticRegressionCV: Entry(logistic, parity="close"),
    LinearDiscriminantAnalysis: Entry(discriminant_axes, parity="close", model=discriminant),
    SGDClassifier: Entry(stochastic, parity="close"),
    Perceptron: _SCORER,
    **where_present("sklearn.linear_model", "PassiveAggressiveClassifier", _SCORER),
    LinearSVC: _SCORER,
    RidgeClassifier: Entry(ridge, parity="close", limits="several labels for one row"),
    RidgeClassifierCV: Entry(ridge, parity="close", limits="several labels for one row"),
}
