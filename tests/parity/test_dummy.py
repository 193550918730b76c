"""The dummies and the isotonic regression against scikit-learn."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.preprocessing import LabelBinarizer

from mlctl.portable import dummy, isotonic
from mlctl.portable.program import NotPortableError
from tests.parity import data
from tests.parity.harness import Case, check, compare, compiled
from tests.parity.rows import probes, schema_of


def _column(low: float = -1e3, high: float = 1e3) -> data.Data:
    """One column, and a number that rises with it; values occur twice."""
    random = np.random.default_rng(3)
    x = np.repeat(random.uniform(low, high, size=(60, 1)), 2, axis=0)
    return x, np.cbrt(x[:, 0]) + random.normal(size=120)


def _points(model: Any) -> list[tuple[int, float]]:
    return [(0, float(value)) for value in model.X_thresholds_]


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


@pytest.mark.parametrize("found", CASES, ids=lambda found: found.__name__)
def test_agrees_with_scikit_learn(found: type) -> None:
    check(found, CASES[found])


def test_every_entry_has_cases() -> None:
    assert set(CASES) == {*dummy.ENTRIES, *isotonic.ENTRIES}


@pytest.mark.parametrize("strategy", ["stratified", "uniform"])
def test_a_classifier_that_answers_at_random_is_not_compiled(strategy: str) -> None:
    x, y = data.three()
    model = DummyClassifier(strategy=strategy, random_state=0).fit(x, y)
    with pytest.raises(NotPortableError, match=f"answers at random, with the strategy '{strategy}'"):
        compiled(model, schema_of(x))


def test_sparse_answers_are_not_compiled() -> None:
    x, y = data.class_outputs()
    sparse = LabelBinarizer(sparse_output=True).fit_transform(y[:, 0])
    model = DummyClassifier().fit(x, sparse)
    with pytest.raises(NotPortableError, match="DummyClassifier gives its classes as a sparse matrix"):
        compiled(model, schema_of(x))
    regressor = DummyRegressor(strategy="constant", constant=1.0).fit(x, y[:, 0])
    regressor.constant_ = sparse[:1]
    with pytest.raises(NotPortableError, match="holds its constant as a sparse matrix"):
        compiled(regressor, schema_of(x))


def test_a_constant_that_is_no_number_is_not_compiled() -> None:
    x, _ = data.three()
    with np.errstate(over="ignore"):
        model = DummyRegressor().fit(x, np.full(len(x), 1.7e308))
    with pytest.raises(NotPortableError, match="DummyRegressor has no finite constant for each output"):
        compiled(model, schema_of(x))


def test_an_isotonic_regression_takes_one_column_of_float64() -> None:
    x, y = _column()
    single = IsotonicRegression().fit(x.astype(np.float32), y.astype(np.float32))
    with pytest.raises(NotPortableError, match="IsotonicRegression was fitted on float32"):
        compiled(single, schema_of(x))
    with pytest.raises(NotPortableError, match="IsotonicRegression takes one column where 2 reach it"):
        compiled(IsotonicRegression().fit(x, y), schema_of(np.column_stack([x, x])))


def test_an_isotonic_regression_of_a_frame() -> None:
    x, y = _column()
    frame = pd.DataFrame(x, columns=["size"])
    model = IsotonicRegression(out_of_bounds="clip").fit(frame, y)
    assert compare(model, probes(frame, 100, missing=True), "close", missing=True) == 100
