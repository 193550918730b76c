"""Decision trees, random forests and extra trees, all as one ``forest`` or ``forest_regressor`` operation."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from mlctl.portable.composition import refuse_missing
from mlctl.portable.program import NotPortableError, Step
from mlctl.portable.table import Compiled, Table

LEAF = -1


def single_tree(tree: Any, table: Table) -> Compiled:
    """A tree is a forest of one: dividing its fractions, or its value, by 1 changes no bit."""
    return _forest(tree, [tree], table)


def ensemble(forest: Any, table: Table) -> Compiled:
    """The trees in their order, which fixes the order of the sums."""
    return _forest(forest, forest.estimators_, table)


def _forest(fitted: Any, trees: Sequence[Any], table: Table) -> Compiled:
    table.require_numbers()
    if fitted.n_outputs_ != 1:
        raise NotPortableError(f"predicts {fitted.n_outputs_} outputs; one is supported")
    # The leaves of a regressor hold one value.
    n_values = int(fitted.n_classes_) if is_classifier(fitted) else 1
    parts = [_relabel(tree.tree_) for tree in trees]
    sizes = np.array([len(part.feature) for part in parts])
    roots = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    feature = np.concatenate([part.feature for part in parts])
    leaves = np.concatenate([part.values for part in parts])[:, :n_values]
    # Most leaves of a deep forest are pure and alike: each distinct row of fractions is kept once.
    values, row_of_leaf = np.unique(leaves, axis=0, return_inverse=True)
    child = np.concatenate([part.child + root for part, root in zip(parts, roots, strict=True)])
    child[feature == LEAF] = row_of_leaf.reshape(-1)
    params: dict[str, Any] = {"n_trees": len(trees), "n_features": len(table.columns)}
    if is_classifier(fitted):
        params["n_classes"] = n_values
    tensors = {
        "threshold": np.concatenate([part.threshold for part in parts]).astype("<f8"),
        "values": np.ascontiguousarray(values, dtype="<f8"),
        "feature": feature.astype("<i4"),
        "child": child.astype("<u4"),
        "roots": roots.astype("<u4"),
    }
    # Trees take missing values in an array, some kinds of them, and never in a sparse matrix.
    takes_missing = not table.sparse and trees[0]._support_missing_values(np.empty((1, len(table.columns))))
    if table.missing and takes_missing:
        tensors["missing"] = np.concatenate([part.missing for part in parts]).astype("|u1")
    else:
        params["missing"] = None
    op = "forest" if is_classifier(fitted) else "forest_regressor"
    step = Step(op=op, parity="exact", params=params, tensors=tensors)
    return (step,) if takes_missing else (*refuse_missing(table), step), None


class _Tree(NamedTuple):
    """The nodes of one tree in their new order; ``missing``: 0 where a missing value goes left, 1 right."""

    feature: NDArray[Any]
    threshold: NDArray[Any]
    child: NDArray[Any]
    missing: NDArray[Any]
    values: NDArray[Any]


def _relabel(tree: Any) -> _Tree:
    """One tree, level by level from the root.

    Siblings become neighbours, so one ``child`` number leads to both, and children lie behind
    their parent, so no walk can loop.
    """
    order = [np.array([0])]
    while len(inner := order[-1][tree.children_left[order[-1]] != LEAF]):
        order.append(np.column_stack([tree.children_left[inner], tree.children_right[inner]]).reshape(-1))
    nodes = np.concatenate(order)
    position = np.empty(tree.node_count, dtype=np.int64)
    position[nodes] = np.arange(len(nodes))
    is_leaf = tree.children_left[nodes] == LEAF
    feature = np.where(is_leaf, LEAF, tree.feature[nodes])
    threshold = np.where(is_leaf, 0.0, tree.threshold[nodes])
    child = np.where(is_leaf, 0, position[tree.children_left[nodes]])
    missing = np.where(is_leaf | (tree.missing_go_to_left[nodes] != 0), 0, 1)
    return _Tree(feature, threshold, child, missing, tree.value[nodes[is_leaf], 0, :])


COMPILERS: dict[type, Callable[[Any, Table], Compiled]] = {
    DecisionTreeClassifier: single_tree,
    DecisionTreeRegressor: single_tree,
    ExtraTreeClassifier: single_tree,
    ExtraTreeRegressor: single_tree,
    RandomForestClassifier: ensemble,
    RandomForestRegressor: ensemble,
    ExtraTreesClassifier: ensemble,
    ExtraTreesRegressor: ensemble,
}
