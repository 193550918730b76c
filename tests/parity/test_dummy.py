"""Parity of the dummy models with scikit-learn."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.preprocessing import LabelBinarizer

from mlctl.portable.families import dummy
from mlctl.portable.ir.program import NotPortableError
from tests.parity import data
from tests.parity.harness import Case, check, compiled
from tests.parity.rows import schema_of

CASES: dict[type, list[Case]] = {
    DummyRegressor: [
        Case("mean", DummyRegressor(), data.numbers()),
        Case("median", DummyRegressor(strategy="median"), data.outputs()),
        Case("quantile", DummyRegressor(strategy="quantile", quantile=0.3), data.outputs()),
        Case("constant", DummyRegressor(strategy="constant", constant=7), data.numbers()),
        Case("constants", DummyRegressor(strategy="constant", constant=[1.5, -2, 0.1]), data.outputs()),
        Case("one column", DummyRegressor(), (data.numbers()[0], data.numbers()[1].reshape(-1, 1))),
        Case("text", DummyRegressor(), (data.table()[0], np.arange(len(data.table()[0])) / 7), missing=True),
    ],
    DummyClassifier: [
        Case("prior", DummyClassifier(), data.three()),
        Case("text", DummyClassifier(), data.table(), missing=True),
        Case("most frequent", DummyClassifier(strategy="most_frequent"), data.many()),
        Case("constant", DummyClassifier(strategy="constant", constant="benign"), data.binary()),
        Case("several, prior", DummyClassifier(), data.class_outputs()),
        Case("several, most frequent", DummyClassifier(strategy="most_frequent"), data.class_outputs()),
        Case("several, constant", DummyClassifier(strategy="constant", constant=[2, 0]), data.class_outputs()),
        Case("one class", DummyClassifier(), (data.three()[0], np.zeros(150, dtype=int))),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])


def test_every_entry_has_cases() -> None:
    assert set(CASES) == set(dummy.ENTRIES)


@pytest.mark.parametrize("strategy", ["stratified", "uniform"])
def test_a_classifier_that_answers_at_random_is_not_compiled(strategy: str) -> None:
    x, y = data.three()
    model = DummyClassifier(strategy=strategy, random_state=0).fit(x, y)
    with pytest.raises(NotPortableError, match=f"predicts at random with the strategy '{strategy}'"):
        compiled(model, schema_of(x))


def test_sparse_answers_are_not_compiled() -> None:
    x, y = data.class_outputs()
    sparse = LabelBinarizer(sparse_output=True).fit_transform(y[:, 0])
    model = DummyClassifier().fit(x, sparse)
    with pytest.raises(NotPortableError, match="DummyClassifier returns its classes as a sparse matrix"):
        compiled(model, schema_of(x))
    regressor = DummyRegressor(strategy="constant", constant=1.0).fit(x, y[:, 0])
    regressor.constant_ = sparse[:1]
    with pytest.raises(NotPortableError, match="has a sparse matrix as its constant"):
        compiled(regressor, schema_of(x))


def test_a_constant_that_is_not_finite_is_not_compiled() -> None:
    x, _ = data.three()
    with np.errstate(over="ignore"):
        model = DummyRegressor().fit(x, np.full(len(x), 1.7e308))
    with pytest.raises(NotPortableError, match="DummyRegressor has no finite constant for each output"):
        compiled(model, schema_of(x))
