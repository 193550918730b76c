"""Random forests of any size without training: scikit-learn's own trees, filled with random splits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.tree._tree import Tree

N_FEATURES = 20
N_CLASSES = 3
N_TREES = 100
LEAF = -1
# As in a forest grown on noisy data without a limit, nearly all leaves hold one class alone.
PURE = 0.95


def forest(nodes: int, seed: int = 0) -> Pipeline:
    """A fitted classifier of ``nodes`` nodes in all, give or take a tree's rounding, for rows of numbers in [0, 1)."""
    dice = np.random.default_rng(seed)
    fitted = RandomForestClassifier(N_TREES, max_depth=1, random_state=seed, n_jobs=1)
    fitted.fit(dice.random((30, N_FEATURES)), np.arange(30) % N_CLASSES)
    for estimator in fitted.estimators_:
        estimator.tree_ = _tree(max(2, nodes // N_TREES // 2), estimator.tree_, dice)
    return Pipeline([("model", fitted)])


def rows(count: int, seed: int = 1) -> list[list[float]]:
    """Rows that such a forest takes."""
    found: list[list[float]] = np.random.default_rng(seed).random((count, N_FEATURES)).tolist()
    return found


def _tree(leaves: int, template: Any, dice: np.random.Generator) -> Tree:
    """A tree whose nodes part what reaches them at random, 1 to 4 up to 4 to 1, down to single leaves.

    In the order in which scikit-learn grows one: the left child is the next node.
    """
    left, right, share, depth = _shape(leaves, dice)
    inner = left != LEAF
    nodes = np.zeros(len(left), dtype=template.__getstate__()["nodes"].dtype)
    nodes["left_child"], nodes["right_child"] = left, right
    nodes["feature"] = np.where(inner, dice.integers(0, N_FEATURES, len(left)), -2)
    # Rows are even over [0, 1): a threshold sends as many of them left as there are leaves.
    nodes["threshold"] = np.where(inner, share, -2.0)
    nodes["n_node_samples"] = nodes["weighted_n_node_samples"] = 1
    values = np.zeros((len(left), 1, N_CLASSES))
    values[np.arange(len(left)), 0, dice.integers(0, N_CLASSES, len(left))] = 1.0
    mixed = np.flatnonzero(dice.random(len(left)) > PURE)
    parts = dice.integers(1, 4, (len(mixed), N_CLASSES))
    values[mixed, 0] = parts / parts.sum(axis=1, keepdims=True)
    tree = Tree(N_FEATURES, np.array([N_CLASSES], dtype=np.intp), 1)
    tree.__setstate__({"max_depth": depth, "node_count": len(nodes), "nodes": nodes, "values": values})
    return tree


def _shape(leaves: int, dice: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], int]:
    """``(left, right, share, depth)``: children (LEAF for a leaf), and the part of the leaves that is on the left.

    A subtree of n leaves has 2 n - 1 nodes, so each knows where its right child stands.
    """
    total = 2 * leaves - 1
    left, right = np.full(total, LEAF), np.full(total, LEAF)
    share = np.zeros(total)
    at, size, depth = np.array([0]), np.array([leaves]), 0
    while len(at):
        is_inner = size > 1
        at, size = at[is_inner], size[is_inner]
        to_left = np.clip(np.rint(size * dice.uniform(0.2, 0.8, len(size))).astype(int), 1, size - 1)
        left[at], right[at] = at + 1, at + 2 * to_left
        share[at] = to_left / np.maximum(size, 1)
        at, size = np.concatenate([at + 1, at + 2 * to_left]), np.concatenate([to_left, size - to_left])
        depth += len(to_left) > 0
    return left, right, share, depth
