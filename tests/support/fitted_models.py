"""Fitted models for the tests of the audit: each estimator of scikit-learn, and models as people make them."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import all_estimators
from sklearn.utils._test_common.instance_generator import _construct_instances

ESTIMATORS: dict[str, Any] = dict(all_estimators())
_RNG = np.random.RandomState(0)
_X = np.abs(_RNG.rand(40, 4)) + 0.1
_LABELS = _RNG.randint(0, 3, 40)
_TEXTS = [f"word{at % 5} other{at % 3}" for at in range(40)]
# What an estimator is fitted on, where it is not four columns of positive numbers and three classes.
_DATA: dict[str, tuple[Any, ...]] = {
    "CountVectorizer": (_TEXTS,),
    "TfidfVectorizer": (_TEXTS,),
    "HashingVectorizer": (_TEXTS,),
    "DictVectorizer": ([{"a": 1.0, "b": "x"}, {"a": 2.0}],),
    "FeatureHasher": ([{"a": 1.0}],),
    "LabelBinarizer": (_LABELS,),
    "LabelEncoder": (_LABELS,),
    "MultiLabelBinarizer": ([{1, 2}, {3}],),
    "IsotonicRegression": (_X[:, 0], _LABELS + 0.5),
    "PatchExtractor": (_RNG.rand(2, 8, 8),),
    "ClassifierChain": (_X, np.stack([_LABELS > 0, _LABELS > 1], axis=1).astype(int)),
    "SparseCoder": (_X[:, :3],),
}
_TWO = np.stack([_LABELS, _LABELS + 1.0], axis=1)


def _targets(estimator: BaseEstimator) -> list[tuple[Any, ...]]:
    """Data to try, the likely first."""
    name = type(estimator).__name__
    given = [_DATA[name]] if name in _DATA else []
    return [
        *given,
        (_X, _LABELS),
        (_X, (_LABELS > 0).astype(int)),
        (_X, _TWO),
        (_X, _LABELS + 1.0),
        (_X @ _X.T, _LABELS),
        (_X[:, 0], _LABELS),
    ]


def fit(estimator: BaseEstimator) -> BaseEstimator:
    """The estimator, fitted on the first data that it takes."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        problems: list[Exception] = []
        for data in _targets(estimator):
            try:
                return estimator.fit(*data)
            except Exception as error:  # whatever does not fit these data may fit the next
                problems.append(error)
    raise problems[0]


def instances(name: str) -> Iterator[BaseEstimator]:
    """The estimator with parameters that scikit-learn's own tests use, not fitted."""
    if name == "FrozenEstimator":
        yield ESTIMATORS[name](fit(ESTIMATORS["Ridge"]()))
        return
    for estimator in _construct_instances(ESTIMATORS[name]):
        small = {"n_estimators": 3, "max_iter": 250 if name == "TSNE" else 5, "n_init": 1}
        given = {key: value for key, value in small.items() if key in estimator.get_params(deep=False)}
        yield estimator.set_params(**given)
