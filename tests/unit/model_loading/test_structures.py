"""The look at the arrays of a loaded model: what scikit-learn writes passes, what points beyond itself does not."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import BaggingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer
from sklearn.tree import DecisionTreeClassifier

from mlctl.model_loading import structures
from mlctl.model_loading.refusals import Unusable
from mlctl.pickle_audit import audit
from tests.support.crafted import CRAFTED, FEATURES, LABELS

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("make", CRAFTED.values(), ids=CRAFTED)
def test_arrays_that_point_beyond_themselves_are_refused(tmp_path: Any, make: Callable[[], Any]) -> None:
    path = tmp_path / "model"
    path.write_bytes(pickle.dumps(make()))
    assert audit(path).recognised
    # Wherever in the model they are.
    for model in (make(), make_pipeline(make()), {"a": [np.array([make(), None], dtype=object)]}):
        with pytest.raises(Unusable, match="whose arrays do not fit together") as caught:
            structures.check(model)
        assert caught.value.hint


def test_a_spline_and_other_sparse_matrices_are_looked_at() -> None:
    spline = SplineTransformer().fit(FEATURES)
    structures.check(spline)
    spline.bsplines_[0].k = 10**6
    with pytest.raises(Unusable, match="BSpline"):
        structures.check(spline)
    sparse = pytest.importorskip("scipy.sparse")
    for kind, part in (("csr", "indptr"), ("csc", "indices"), ("bsr", "indices"), ("coo", "row")):
        matrix = sparse.random(6, 6, 0.5, kind, random_state=0)
        structures.check(matrix)
        getattr(matrix, part)[-1] = 10**6
        with pytest.raises(Unusable, match="matrix"):
            structures.check(matrix)


def test_an_object_in_a_circle_ends() -> None:
    model = DecisionTreeClassifier(max_depth=2).fit(FEATURES, LABELS)
    model.itself = [model]
    structures.check(model)


FITTED: dict[str, Any] = {
    "a tree that grows by its best node": DecisionTreeClassifier(max_leaf_nodes=9),
    "a tree that was pruned": DecisionTreeClassifier(ccp_alpha=0.01),
    "a root alone": DecisionTreeClassifier(max_depth=1, min_samples_split=100),
    "a forest": RandomForestClassifier(2),
    "trees of some columns each": BaggingClassifier(DecisionTreeClassifier(), 3, max_features=1),
    "trees in a chain, each with a column more": ClassifierChain(DecisionTreeClassifier()),
    "categories": HistGradientBoostingClassifier(max_iter=3, categorical_features=[0], min_samples_leaf=2),
    "many leaves": HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=50, min_samples_leaf=1),
} | {
    f"{metric} in a {algorithm}": KNeighborsClassifier(
        algorithm=algorithm, metric=metric, metric_params=parameters, leaf_size=size
    )
    for algorithm, metric, parameters, size in (
        ("ball_tree", "minkowski", {"w": np.array([1.0, 2.0])}, 3),
        ("kd_tree", "chebyshev", None, 1),
        ("ball_tree", "seuclidean", {"V": np.array([1.0, 2.0])}, 100),
        ("ball_tree", "mahalanobis", {"VI": np.eye(2)}, 3),
        ("ball_tree", "haversine", None, 3),
    )
}


@pytest.mark.parametrize("model", FITTED.values(), ids=FITTED)
def test_what_scikit_learn_writes_passes(model: Any) -> None:
    target = np.stack([LABELS == "a"] * 3, axis=1).astype(int) if isinstance(model, ClassifierChain) else LABELS
    structures.check(pickle.loads(pickle.dumps(model.fit(np.floor(FEATURES * 4), target))))
