"""The audit accepts every estimator of scikit-learn, however it was fitted and saved."""

import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, chi2, mutual_info_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import fbeta_score, log_loss, make_scorer
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold, ShuffleSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC

from mlctl.model_loading import structures
from mlctl.pickle_audit import audit
from tests.support.fitted_models import ESTIMATORS, fit, instances

pytestmark = pytest.mark.filterwarnings("ignore")


def recognised_in_every_form(path: Path, model: Any) -> None:
    for protocol in range(6):
        path.write_bytes(pickle.dumps(model, protocol=protocol))
        found = audit(path)
        assert found.recognised, (protocol, found)
        joblib.dump(model, str(path), protocol=protocol)
        found = audit(path)
        assert found.recognised, ("joblib", protocol, found)
        assert found.known == found.types
        if isinstance(model, BaseEstimator):
            assert found.sklearn_version == sklearn.__version__
    joblib.dump(model, str(path), compress=3)
    assert audit(path).recognised


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_each_estimator_is_recognised(tmp_path: Path, name: str) -> None:
    for estimator in instances(name):
        model = fit(estimator)
        recognised_in_every_form(tmp_path / "model", model)
        structures.check(model)


def _composed() -> dict[str, Any]:
    """Models as people put them together, not fitted, and what they are fitted on."""
    rng = np.random.RandomState(0)
    x = rng.rand(60, 3) + 0.1
    y = rng.randint(0, 3, 60)
    words = np.array(["u", "v", "w"])
    objects = words[y].astype(object)
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": words[y]})
    table["k"] = table["c"].astype("category")
    columns = ColumnTransformer(
        [
            ("n", make_pipeline(SimpleImputer(), StandardScaler()), ["a", "b"]),
            ("c", OneHotEncoder(sparse_output=False), slice("c", "k")),
            ("o", OrdinalEncoder(), np.array([False, False, True, False])),
        ],
        remainder=KBinsDiscretizer(2, encode="ordinal"),
    )
    texts = [f"word{at % 5} other{at % 3}" for at in range(60)]
    scorers = {"f": make_scorer(fbeta_score, beta=2, average="macro"), "l": make_scorer(log_loss, labels=[0, 1, 2])}
    regression = LogisticRegression(max_iter=5)
    return {
        "columns": (make_pipeline(columns, RandomForestClassifier(2, random_state=np.random.RandomState(1))), table, y),
        "pandas": (make_pipeline(columns, SVC()).set_output(transform="pandas"), table, words[y]),
        "objects": (RandomForestClassifier(2, class_weight={"u": 1, "v": 2.5, "w": np.float64(1)}), x, objects),
        "search": (GridSearchCV(make_pipeline(StandardScaler(), regression),
                   {"logisticregression": [regression, SVC()], "standardscaler": [StandardScaler(), "passthrough"]},
                   cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=1), scoring=scorers, refit="f"), x, y),
        "splits": (GridSearchCV(regression, {"C": [1, 2]}, cv=ShuffleSplit(2), scoring="roc_auc_ovr"), x, y),
        "folds": (GridSearchCV(regression, {"C": np.logspace(0, 1, 2)}, cv=[(np.arange(30), np.arange(30, 60))]), x, y),
        "functions": (make_pipeline(FunctionTransformer(np.log1p, np.expm1), Ridge()), x, y),
        "target": (TransformedTargetRegressor(Ridge(), func=np.sqrt, inverse_func=np.square), x, y),
        "texts": (make_pipeline(TfidfVectorizer(ngram_range=(1, 2), stop_words=["word1"]), SGDClassifier()), texts, y),
        "words": (CountVectorizer(vocabulary={"word1", "word2"}, dtype=np.float32), texts, y),
        "stacking": (StackingClassifier([("a", regression), ("b", SVC())], cv=2), x, y),
        "union": (make_pipeline(make_union(SelectKBest(chi2, k=1), SelectKBest(mutual_info_classif, k=1))), x, y),
        "start": (GradientBoostingClassifier(n_estimators=2, init=regression), x, y),
        # It keeps a method of its own for the scorer.
        "stopping": (HistGradientBoostingClassifier(max_iter=3, early_stopping=True, scoring="accuracy"), x, y),
        "neighbors": (KNeighborsRegressor(algorithm="ball_tree", metric="mahalanobis", metric_params={"VI": np.eye(3)}),
                      x, y),
        "numbers": (RandomForestClassifier(np.int64(2), max_depth=np.int32(3), ccp_alpha=np.float64(0)), x, y),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(_composed()))
def test_models_as_people_make_them_are_recognised(tmp_path: Path, name: str) -> None:
    model, *data = _composed()[name]
    recognised_in_every_form(tmp_path / "model", model.fit(*data))


def test_metadata_requests_are_recognised(tmp_path: Path) -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        weighted = LogisticRegression(max_iter=5).set_fit_request(sample_weight=True)
        model = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), weighted)
        model.fit(np.arange(12.0).reshape(6, 2), [0, 1, 0, 1, 0, 1], sample_weight=np.ones(6))
    recognised_in_every_form(tmp_path / "model", model)


def test_names_of_columns_that_pandas_keeps_as_objects_are_recognised(tmp_path: Path) -> None:
    for index in (pd.Index(["a", "b"], dtype=object), pd.RangeIndex(2), pd.Index([3, 5])):
        recognised_in_every_form(tmp_path / "model", {"columns": index})
