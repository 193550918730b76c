"""Parity of the linear classifiers with scikit-learn."""

import importlib
from typing import Any

import numpy as np
import pytest
import sklearn.linear_model
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from mlctl.portable.families import linear_classifiers
from mlctl.portable.ir.program import NotPortableError
from tests.parity import data
from tests.parity.harness import Case, check, compare, compiled, loaded, plain_rows
from tests.parity.rows import probes, schema_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
OLD = "multi_class" in LogisticRegression().get_params()  # gone since scikit-learn 1.8


def _cases(part: Any, other: Any) -> list[Case]:
    """Cases with two, three and ten classes."""
    return [
        Case("two", part, data.binary()),
        Case("two, scaled", make_pipeline(StandardScaler(), other), data.binary()),
        Case("three", part, data.three()),
        Case("three, other", other, data.three()),
        Case("ten", part, data.many(), weight=0.5),
    ]


def _descent(kind: Any, **params: Any) -> list[Case]:
    return _cases(kind(random_state=0, **params), kind(fit_intercept=False, random_state=0, **params))


CASES: dict[type, list[Case]] = {
    LogisticRegression: [
        *_cases(LogisticRegression(max_iter=50), LogisticRegression(fit_intercept=False, C=100, max_iter=50)),
        Case("liblinear", LogisticRegression(solver="liblinear"), data.binary()),
    ],
    LogisticRegressionCV: _cases(
        LogisticRegressionCV(Cs=2, cv=2, max_iter=30), LogisticRegressionCV(Cs=[0.1], cv=2, max_iter=30)
    ),
    LinearDiscriminantAnalysis: _cases(
        LinearDiscriminantAnalysis(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    ),
    SGDClassifier: [
        *_descent(SGDClassifier, loss="log_loss"),
        *_descent(SGDClassifier, loss="modified_huber"),
        *_descent(SGDClassifier),
        Case("averaged", SGDClassifier(loss="log_loss", average=True, random_state=0), data.three()),
    ],
    Perceptron: _descent(Perceptron),
    LinearSVC: [
        *_descent(LinearSVC, max_iter=100),
        Case("two, together", LinearSVC(multi_class="crammer_singer", max_iter=100, random_state=0), data.binary()),
        Case("together", LinearSVC(multi_class="crammer_singer", max_iter=100, random_state=0), data.three()),
    ],
    RidgeClassifier: _cases(RidgeClassifier(), RidgeClassifier(fit_intercept=False, class_weight="balanced")),
    RidgeClassifierCV: _cases(RidgeClassifierCV(), RidgeClassifierCV(alphas=[0.5, 5], cv=2, fit_intercept=False)),
}
if OLD:
    CASES[LogisticRegression] += [
        Case("liblinear, three", LogisticRegression(solver="liblinear"), data.three()),
        Case("rest, three", LogisticRegression(multi_class="ovr"), data.three()),
        Case("rest, two", LogisticRegression(multi_class="ovr", max_iter=50), data.binary()),
        Case("softmax, two", LogisticRegression(multi_class="multinomial", max_iter=50), data.binary()),
    ]
# Deprecated since scikit-learn 1.8.
_PASSIVE = getattr(sklearn.linear_model, "PassiveAggressiveClassifier", None)
if _PASSIVE is not None:
    CASES[_PASSIVE] = _descent(_PASSIVE)


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])


def test_every_entry_has_cases() -> None:
    assert set(CASES) == set(linear_classifiers.ENTRIES)


@pytest.mark.parametrize("loss", ["log_loss", "modified_huber"])
def test_rows_without_a_probability_for_any_class_agree(loss: str) -> None:
    x, y = data.three()
    model = SGDClassifier(loss=loss, random_state=0).fit(x, y)
    model.coef_ = -np.abs(model.coef_)
    rows = np.abs(probes(x, 200)) * 1e3 + 1
    with np.errstate(all="ignore"):
        probabilities = model.predict_proba(rows)
    assert (probabilities[~np.isnan(probabilities[:, 0])] == 1 / 3).all()
    assert compare(model, rows, "close") == 200


@pytest.mark.parametrize("kind", [SGDClassifier, LogisticRegression, LinearSVC])
@pytest.mark.parametrize("source", [data.binary, data.three])
def test_a_sparse_coef_gives_the_same_answers_as_a_dense_one(kind: Any, source: Any) -> None:
    x, y = source()
    model = kind(max_iter=50, random_state=0).fit(x, y).sparsify()
    assert compare(model, probes(x, 100), "close") == 100


def test_a_tie_or_a_score_of_zero_gives_the_first_class() -> None:
    x, y = data.many()
    model = Perceptron(random_state=0).fit(x, y)
    model.coef_[3:7] = model.coef_[2]
    model.intercept_[3:7] = model.intercept_[2]
    assert compare(model, x[:200], "close") == 200
    binary = Perceptron(random_state=0, fit_intercept=False).fit(x[:50], y[:50] > 4)
    assert compare(binary, np.zeros((1, x.shape[1])), "close") == 1


@pytest.mark.parametrize("huge", [1e290, -1e290])
@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=20),
        SGDClassifier(loss="log_loss", random_state=0),
        SGDClassifier(loss="modified_huber", random_state=0),
        LinearSVC(max_iter=20, random_state=0),
    ],
    ids=["logistic", "log_loss", "modified_huber", "scores"],
)
@pytest.mark.parametrize("source", [data.binary, data.three])
def test_scores_beyond_float64_agree_with_scikit_learn(model: Any, huge: float, source: Any) -> None:
    x, y = source()
    model = model.fit(x, y)
    model.coef_[0, 1:3] = (huge, -huge)
    rows = np.zeros((3, x.shape[1]))
    rows[0, 1], rows[1, 1], rows[2, 1] = 3e38, -3e38, 1e-290
    assert compare(model, rows, "close") == 3
    # inf - inf is NaN, but some BLAS kernels return inf, so scikit-learn's answer depends on the processor.
    undefined = np.zeros((1, x.shape[1]))
    undefined[0, 1:3] = 3e38
    predict = loaded(compiled(model, schema_of(x)))
    with pytest.raises(importlib.import_module("handler.ops").UnprocessableRow):
        predict(plain_rows(undefined)[0])


def test_multilabel_targets_are_not_compiled() -> None:
    x, y = data.three()
    model = RidgeClassifier().fit(x, np.column_stack([y == 0, x[:, 0] > 5]).astype(int))
    with pytest.raises(NotPortableError, match="RidgeClassifier predicts several labels for one row"):
        compiled(model, schema_of(x))


def test_a_single_class_is_not_compiled() -> None:
    x, _ = data.three()
    model = RidgeClassifier().fit(x, np.ones(len(x), dtype=int))
    with pytest.raises(NotPortableError, match="RidgeClassifier has a single class"):
        compiled(model, schema_of(x))


@pytest.mark.parametrize("solver", ["svd", "eigen"])
@pytest.mark.parametrize("n_components", [None, 1])
def test_a_discriminant_in_the_middle_of_a_pipeline_is_a_transformer(solver: str, n_components: int | None) -> None:
    x, y = data.three()
    axes = LinearDiscriminantAnalysis(solver=solver, n_components=n_components)
    model = make_pipeline(axes, LogisticRegression()).fit(x, y)
    assert compare(model, probes(x, 200), "close") == 200


def test_a_discriminant_without_axes_is_not_a_transformer() -> None:
    x, y = data.three()
    model = make_pipeline(LinearDiscriminantAnalysis(), LogisticRegression()).fit(x, y)
    model[0].solver = "lsqr"
    with pytest.raises(NotPortableError, match="does not transform with the solver 'lsqr'"):
        compiled(model, schema_of(x))
