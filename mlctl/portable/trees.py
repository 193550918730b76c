"""Decision trees, random forests and extra trees, all as one ``forest`` operation."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from mlctl.portable.program import NotPortableError, Step

LEAF = -1


def single_tree(tree: DecisionTreeClassifier | ExtraTreeClassifier) -> Step:
    """A tree is a forest of one: dividing its fractions by 1 changes no bit."""
    return _forest(tree, [tree])


def ensemble(forest: RandomForestClassifier | ExtraTreesClassifier) -> Step:
    """The trees in their order, which fixes the order of the sums."""
    return _forest(forest, forest.estimators_)


def _forest(fitted: Any, trees: Sequence[Any]) -> Step:
    if fitted.n_outputs_ != 1:
        raise NotPortableError(f"{type(fitted).__name__} predicts {fitted.n_outputs_} outputs; one is supported")
    n_classes = int(fitted.n_classes_)
    parts = [_relabel(tree.tree_) for tree in trees]
    sizes = np.array([len(part[0]) for part in parts])
    roots = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    feature = np.concatenate([part[0] for part in parts])
    threshold = np.concatenate([part[1] for part in parts])
    leaves = np.concatenate([part[3] for part in parts])[:, :n_classes]
    # Most leaves of a deep forest are pure and alike: each distinct row of fractions is kept once.
    values, row_of_leaf = np.unique(leaves, axis=0, return_inverse=True)
    child = np.concatenate([part[2] + root for part, root in zip(parts, roots, strict=True)])
    child[feature == LEAF] = row_of_leaf.reshape(-1)
    return Step(
        op="forest",
        parity="exact",
        params={"n_trees": len(trees), "n_classes": n_classes},
        tensors={
            "threshold": threshold.astype("<f8"),
            "values": np.ascontiguousarray(values, dtype="<f8"),
            "feature": feature.astype("<i4"),
            "child": child.astype("<u4"),
            "roots": roots.astype("<u4"),
        },
    )


def _relabel(tree: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """``(feature, threshold, child, leaf values)`` of one tree, level by level from the root.

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
    return feature, threshold, child, tree.value[nodes[is_leaf], 0, :]


COMPILERS: dict[type, Callable[[Any], Step]] = {
    DecisionTreeClassifier: single_tree,
    ExtraTreeClassifier: single_tree,
    RandomForestClassifier: ensemble,
    ExtraTreesClassifier: ensemble,
}
