"""Models of known types whose arrays are not those that scikit-learn writes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

FEATURES = np.random.RandomState(0).rand(40, 2)
LABELS = np.array(["a", "b"] * 20)
FAR = 2**40


def with_nodes(tree: Any, **values: int) -> None:
    """Change the root of a sklearn.tree._tree.Tree."""
    state = tree.__getstate__()
    nodes = state["nodes"].copy()
    for field, value in values.items():
        nodes[field][0] = value
    tree.__setstate__(state | {"nodes": nodes})


def tree(**values: int) -> Any:
    model = DecisionTreeClassifier(max_depth=2, random_state=0).fit(FEATURES, LABELS)
    with_nodes(model.tree_, **values)
    return model


def boosted() -> Any:
    model = GradientBoostingClassifier(n_estimators=1, max_depth=2, random_state=0).fit(FEATURES, LABELS)
    with_nodes(model.estimators_[0, 0].tree_, left_child=FAR, right_child=FAR)
    return model


def histogram(**values: int) -> Any:
    model = HistGradientBoostingClassifier(max_iter=1, min_samples_leaf=5).fit(FEATURES, LABELS)
    for field, value in values.items():
        model._predictors[0][0].nodes[field][0] = value
    return model


def neighbors(algorithm: str, part: int, **values: int) -> Any:
    model = KNeighborsClassifier(algorithm=algorithm).fit(FEATURES, LABELS)
    state = list(model._tree.__getstate__())
    state[part] = state[part].copy()
    for field, value in values.items():
        state[part][field if state[part].dtype.names else slice(None)] = value
    model._tree.__setstate__(tuple(state))
    return model


def sparse() -> Any:
    model = SGDClassifier(random_state=0).fit(FEATURES, LABELS).sparsify()
    model.coef_.indices[:] = 2**30
    return model


def forest() -> Any:
    model = RandomForestClassifier(2, max_depth=2, random_state=0).fit(FEATURES, LABELS)
    wide = np.hstack([FEATURES] * 50)
    model.estimators_[1] = DecisionTreeClassifier(random_state=0).fit(wide, (LABELS == "b").astype(float))
    return model


CRAFTED: dict[str, Callable[[], Any]] = {
    "a child that is not there": lambda: tree(left_child=FAR, right_child=FAR),
    "a feature that is not there": lambda: tree(feature=FAR),
    "a tree of gradient boosting": boosted,
    "a child of histogram boosting": lambda: histogram(left=2**31, right=2**31),
    "a feature of histogram boosting": lambda: histogram(feature_idx=FAR),
    "a bitset of histogram boosting": lambda: histogram(is_categorical=1, bitset_idx=2**31),
    "rows of a k-d tree": lambda: neighbors("kd_tree", 1, all=FAR),
    "nodes of a ball tree": lambda: neighbors("ball_tree", 2, idx_start=FAR, idx_end=2 * FAR),
    "a node that is its own child": lambda: tree(left_child=0, right_child=0),
    "a tree of a forest with more columns": forest,
    "columns of a sparse matrix": sparse,
}
