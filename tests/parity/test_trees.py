"""Parity of decision trees, random forests and extra trees with scikit-learn, in every form of the handler."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from mlctl.portable.codegen import bitvectors
from tests.parity import data
from tests.parity.forms import answers, forms
from tests.parity.harness import Case, check, compiled
from tests.parity.rows import probes, schema_of, thresholds


def _edges(part: Any) -> list[tuple[int, float]]:
    return thresholds(getattr(part, "estimators_", [part]))


def _numbers_of_classes() -> data.Data:
    """Two numeric outputs, 4 columns with missing values."""
    x, y = data.gaps()
    return x, np.column_stack([y * 0.1, -y]) + np.nan_to_num(x[:, :2])


def _classifiers(kind: Any, **params: Any) -> list[Case]:
    params = {"random_state": 0, **params}
    return [
        Case("two", kind(**params), data.binary(), edges=_edges),
        Case("three", kind(**params, criterion="entropy"), data.three(), edges=_edges),
        Case("ten", kind(**params, max_depth=6), data.many(), edges=_edges),
        Case("several outputs", kind(**params), data.class_outputs(), edges=_edges),
        Case("gaps", kind(**params), data.gaps(), edges=_edges, missing=True),
        Case("gaps where none were", kind(**params), data.three(), missing=True),
        Case("gaps, several outputs", kind(**params), (data.gaps()[0], data.class_outputs()[1]), missing=True),
        Case("few leaves", kind(**params, max_leaf_nodes=7, class_weight="balanced"), data.many(), edges=_edges),
        Case("monotonic", kind(**params, monotonic_cst=[1] * 5 + [-1] * 5), data.binary(), edges=_edges),
        Case("monotonic, gaps", kind(**params, monotonic_cst=[1, 0, 0, 0]), TWO, missing=True),
        Case("scaled", make_pipeline(StandardScaler(), kind(**params)), data.binary()),
        Case("sparse", data.sparse(kind(**params)), data.counts()),
        Case("sparse, gaps", data.sparse(kind(**params)), data.counts(), missing=True),
    ]


def _regressors(kind: Any, **params: Any) -> list[Case]:
    params = {"random_state": 0, **params}
    return [
        Case("plain", kind(**params), data.numbers(), edges=_edges),
        Case("several outputs", kind(**params), data.outputs(), edges=_edges),
        Case("absolute", kind(**params, criterion="absolute_error", max_depth=4), data.positive(), edges=_edges),
        Case("poisson", kind(**params, criterion="poisson"), data.positive(), edges=_edges),
        Case("gaps", kind(**params), data.gaps(), edges=_edges, missing=True),
        Case("gaps, several outputs", kind(**params), _numbers_of_classes(), missing=True),
        Case("few leaves", kind(**params, max_leaf_nodes=9), data.wide(), edges=_edges),
        Case("monotonic", kind(**params, monotonic_cst=[1, -1, 0, 0, 0]), data.positive(), edges=_edges, missing=True),
        Case("sparse", data.sparse(kind(**params)), data.counts()),
    ]


TWO = (data.three()[0][:100], data.three()[1][:100])
SMALL = {"n_estimators": 6}
SAMPLED = {**SMALL, "bootstrap": True, "max_samples": 0.5}

CASES: dict[type, list[Case]] = {
    DecisionTreeClassifier: _classifiers(DecisionTreeClassifier),
    ExtraTreeClassifier: _classifiers(ExtraTreeClassifier),
    RandomForestClassifier: _classifiers(RandomForestClassifier, **SAMPLED),
    ExtraTreesClassifier: _classifiers(ExtraTreesClassifier, **SMALL),
    DecisionTreeRegressor: _regressors(DecisionTreeRegressor),
    ExtraTreeRegressor: _regressors(ExtraTreeRegressor),
    RandomForestRegressor: _regressors(RandomForestRegressor, **SMALL),
    ExtraTreesRegressor: _regressors(ExtraTreesRegressor, **SAMPLED),
}

HIST = {"max_iter": 8, "random_state": 0, "min_samples_leaf": 5}
FORMS: dict[str, tuple[Any, tuple[Any, Any]]] = {
    "tree": (DecisionTreeClassifier(random_state=0), data.many()),
    "forest": (RandomForestClassifier(8, random_state=0), data.gaps()),
    "outputs": (ExtraTreesClassifier(8, random_state=0), data.class_outputs()),
    "numbers": (ExtraTreesRegressor(8, random_state=0), data.numbers()),
    "number outputs": (RandomForestRegressor(8, random_state=0), _numbers_of_classes()),
    "bagging": (BaggingRegressor(n_estimators=8, max_features=2, random_state=0), data.gaps()),
    "boosting": (GradientBoostingRegressor(n_estimators=8, random_state=0), data.numbers()),
    "boosting, three": (GradientBoostingClassifier(n_estimators=8, random_state=0), data.three()),
    "hist": (HistGradientBoostingRegressor(**HIST), data.gaps()),
    "hist, categories": (HistGradientBoostingClassifier(**HIST, categorical_features=[0, 3]), data.counts()),
    "hist, bit vectors": (HistGradientBoostingClassifier(**{**HIST, "max_iter": 40}, max_leaf_nodes=6), data.gaps()),
    "hist, text": (HistGradientBoostingClassifier(**HIST, categorical_features="from_dtype"), data.mixed()),
    "votes": (AdaBoostClassifier(DecisionTreeClassifier(max_depth=3), n_estimators=8, random_state=0), data.many()),
    "median": (AdaBoostRegressor(n_estimators=8, random_state=0), data.numbers()),
    "median of one": (AdaBoostRegressor(n_estimators=1, random_state=0), data.numbers()),
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])


@pytest.mark.parametrize("name", FORMS)
def test_all_forms_give_the_same_answers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All bits are equal except with bit vectors, also in rows with missing values."""
    part, (x, y) = FORMS[name]
    rows = probes(x, 400, missing=True)
    model = compiled(part.fit(x, y), schema_of(rows, missing=True))
    models, reached = forms(model, monkeypatch)
    values = [[_cell(value) for value in row] for row in (rows if isinstance(rows, np.ndarray) else rows.to_numpy())]
    expected = answers(models["lists"], values)
    assert repr(answers(models["bytes"], values)) == repr(expected)
    generated = answers(models["code"], values)
    if bitvectors.generate(model.steps[-1]) is None:
        assert repr(generated) == repr(expected)
    else:
        # An answer of a classifier is (position, probabilities), or the message of a refusal.
        assert [answer if isinstance(answer, str) else answer[0] for answer in generated] == [
            answer if isinstance(answer, str) else answer[0] for answer in expected
        ]
        numbers = [
            [number for answer in form if not isinstance(answer, str) for number in answer[1]]
            for form in (generated, expected)
        ]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-12)
    assert len(reached) > 100
    has_gaps = any(number != number for row in reached for number in row)
    assert has_gaps == ("missing" in model.steps[-1].tensors)


def _cell(value: Any) -> Any:
    return value if isinstance(value, str) else float(value)
