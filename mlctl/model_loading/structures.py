"""Checks array indices that compiled code of scikit-learn and SciPy uses without a bounds check.

An invalid index in the nodes of a tree or in a sparse matrix crashes the process. pickle_audit checks types and sizes;
this module checks the content after the model is loaded and before it is used.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlctl.model_loading.refusals import Unusable

_HINT = "It may be damaged, or made to do harm. Save the fitted model again: joblib.dump(model, 'model.joblib')"
_NO_LEAF = -1
_SPARSE = ("csr", "csc", "bsr")
# They ask their trees without a look at how many columns these take.
_ASK_UNCHECKED = {"BaseForest", "BaseGradientBoosting"}
_ATOMS = (str, bytes, bytearray, int, float, complex, bool, type(None), type)


def check(model: Any) -> None:
    """Raise Unusable for a model in which a tree, a search tree, a spline or a sparse matrix points beyond itself."""
    for part in _parts(model):
        try:
            sound = _is_sound(part)
        except (Unusable, MemoryError):
            raise
        except Exception:
            # Parts that are missing or of other types.
            sound = False
        if not sound:
            raise Unusable(f"holds {type(part).__name__} whose arrays do not fit together", _HINT)


def _parts(model: Any) -> Iterator[Any]:
    """The model and every object in it, each once."""
    # By identity, for which they are kept: what is freed gives its identity to another.
    visited: dict[int, Any] = {}
    level = [model]
    while level:
        part = level.pop()
        if isinstance(part, _ATOMS) or id(part) in visited:
            continue
        visited[id(part)] = part
        yield part
        if isinstance(part, dict):
            level += [*part.keys(), *part.values()]
        elif isinstance(part, (list, tuple, set, frozenset)):
            level += part
        elif isinstance(part, np.ndarray) and part.dtype.hasobject and part.dtype.names is None:
            level += part.ravel().tolist()
        level += _attributes(part).values()


def _attributes(part: Any) -> dict[str, Any]:
    try:
        found = object.__getattribute__(part, "__dict__")
    except AttributeError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_sound(part: Any) -> bool:
    name, attributes = type(part).__name__, _attributes(part)
    if name == "Tree":
        return _is_tree(part)
    if name == "TreePredictor":
        return _is_predictor(part)
    if name.startswith(("KDTree", "BallTree")):
        return _is_search_tree(part, name)
    if getattr(type(part), "__module__", "").startswith("scipy."):
        return _is_of_scipy(part)
    features = attributes.get("n_features_in_")
    if type(attributes.get("tree_")).__name__ == "Tree":
        return bool(attributes["tree_"].n_features == features)
    if "_predictors" in attributes:
        nodes = [each.nodes for stage in attributes["_predictors"] for each in stage]
        return all(_within(each["feature_idx"][each["is_leaf"] == 0], features) for each in nodes)
    if "estimators_" in attributes and _ASK_UNCHECKED & {each.__name__ for each in type(part).__mro__}:
        members = attributes["estimators_"]
        members = members.ravel().tolist() if isinstance(members, np.ndarray) else members
        return all(each.n_features_in_ == features for each in members)
    return True


def _within(indices: Any, end: Any) -> bool:
    """Whether all of ``indices`` are at least 0 and less than ``end``."""
    return indices.size == 0 or bool((indices >= 0).all() and (indices < end).all())


def _follow(children: Any, inner: NDArray[np.bool_]) -> bool:
    """Whether the children of ``inner`` nodes are among the nodes, each behind its parent: no path has a loop."""
    below = np.asarray(children, dtype=np.int64)[inner]
    return _within(below, len(inner)) and bool((below > np.flatnonzero(inner)).all())


def _is_tree(tree: Any) -> bool:
    """sklearn.tree._tree.Tree."""
    nodes = tree.__getstate__()["nodes"]
    left, right = nodes["left_child"], nodes["right_child"]
    inner = left != _NO_LEAF
    sound = len(nodes) == tree.node_count > 0 and _follow(left, inner) and _follow(right, inner)
    return sound and _within(nodes["feature"][inner], tree.n_features)


def _is_predictor(predictor: Any) -> bool:
    """TreePredictor of histogram gradient boosting."""
    nodes = predictor.nodes
    inner = nodes["is_leaf"] == 0
    categorical = nodes["bitset_idx"][inner & (nodes["is_categorical"] != 0)]
    bitsets = [predictor.raw_left_cat_bitsets, predictor.binned_left_cat_bitsets]
    sound = len(nodes) > 0 and _follow(nodes["left"], inner) and _follow(nodes["right"], inner)
    return sound and all(each.shape[1:] == (8,) and _within(categorical, len(each)) for each in bitsets)


def _is_search_tree(tree: Any, name: str) -> bool:
    """KDTree and BallTree of sklearn.neighbors: node i has the children 2i + 1 and 2i + 2."""
    state = tree.__getstate__()
    data, rows, nodes, bounds = (np.asarray(each) for each in state[:4])
    levels, count, metric, weights = state[5], state[6], state[11], state[12]
    size, columns = data.shape
    if rows.shape != (size,) or not _within(rows, size) or len(nodes) != count or count != 2**levels - 1:
        return False
    first, last = nodes["idx_start"], nodes["idx_end"]
    leaf = np.arange(count) >= count // 2
    sound = _within(first, size + 1) and _within(last, size + 1) and bool((first <= last).all())
    sound = sound and bool((nodes["is_leaf"] != 0)[leaf].all()) and nodes["radius"].shape == (count,)
    sound = sound and bounds.shape == (2 if name.startswith("KDTree") else 1, count, columns)
    return sound and (weights is None or len(weights) == size) and _is_metric(metric, columns)


def _is_metric(metric: Any, columns: int) -> bool:
    """A distance of sklearn.metrics: (power, vector, matrix); some have a number for each column."""
    name = type(metric).__name__
    _, vector, matrix = metric.__getstate__()
    sizes = (np.asarray(vector).shape[0], np.asarray(matrix).shape)
    if name.startswith("SEuclidean"):
        return bool(sizes[0] == columns)
    if name.startswith("Mahalanobis"):
        return bool(sizes[1] == (columns, columns))
    return not name.startswith("Minkowski") or sizes[0] in (0, columns)


def _is_of_scipy(part: Any) -> bool:
    """Sparse matrices and B-splines; what else SciPy has is Python."""
    if getattr(part, "format", None) in _SPARSE:
        part.check_format(full_check=True)
    elif getattr(part, "format", None) == "coo":
        part._check()
    elif "BSpline" in type(part).__name__:
        order, knots = part.k, part.t
        return bool(order >= 0 and knots.ndim == 1 and len(knots) - order - 1 >= order + 1
                    and len(part.c) >= len(knots) - order - 1)  # fmt: skip
    return True
