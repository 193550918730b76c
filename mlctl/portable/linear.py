"""Logistic regression."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from mlctl.portable.program import NotPortableError, Step


def logistic(model: LogisticRegression) -> Step:
    """Two classes: the logistic function of one score; more: softmax over a score a class."""
    n_classes = len(model.classes_)
    strategy = getattr(model, "multi_class", "auto")  # gone since scikit-learn 1.8
    if strategy not in ("auto", "deprecated") or (n_classes > 2 and model.solver == "liblinear"):
        raise NotPortableError("LogisticRegression with one-versus-rest classes is not supported")
    return Step(
        op="logistic",
        parity="close",
        params={"n_classes": n_classes},
        tensors={
            "coef": np.ascontiguousarray(model.coef_, dtype="<f8"),
            "intercept": np.atleast_1d(np.asarray(model.intercept_, dtype="<f8")),
        },
    )


COMPILERS: dict[type, Callable[[Any], Step]] = {LogisticRegression: logistic}
