"""Makes random forests of any size without training: scikit-learn's trees with random splits."""

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
# Nearly all leaves have one class only, as in a forest grown on noisy data without a limit.
PURE = 0.95


def forest(nodes: int, seed: int = 0) -> Pipeline:
    """A fitted classifier with about ``nodes`` nodes (rounded per tree), for rows of numbers in [0, 1)."""
    random = np.random.default_rng(seed)
    fitted = RandomForestClassifier(N_TREES, max_depth=1, random_state=seed, n_jobs=1)
    fitted.fit(random.random((30, N_FEATURES)), np.arange(30) % N_CLASSES)
    for estimator in fitted.estimators_:
        estimator.tree_ = _tree(max(2, nodes // N_TREES // 2), estimator.tree_, random)
    return Pipeline([("model", fitted)])


def rows(count: int, seed: int = 1) -> list[list[float]]:
    """Random rows for such a forest."""
    values: list[list[float]] = np.random.default_rng(seed).random((count, N_FEATURES)).tolist()
    return values


def _tree(leaves: int, template: Any, random: np.random.Generator) -> Tree:
    """A tree whose nodes split their rows at random, from 1:4 to 4:1, down to single leaves.

    The nodes are in scikit-learn's order: the left child is the next node.
    """
    left, right, share, depth = _shape(leaves, random)
    inner = left != LEAF
    nodes = np.zeros(len(left), dtype=template.__getstate__()["nodes"].dtype)
    nodes["left_child"], nodes["right_child"] = left, right
    nodes["feature"] = np.where(inner, random.integers(0, N_FEATURES, len(left)), -2)
    # Rows are uniform over [0, 1), so the share of rows that go left equals the share of leaves on the left.
    nodes["threshold"] = np.where(inner, share, -2.0)
    nodes["n_node_samples"] = nodes["weighted_n_node_samples"] = 1
    values = np.zeros((len(left), 1, N_CLASSES))
    values[np.arange(len(left)), 0, random.integers(0, N_CLASSES, len(left))] = 1.0
    mixed = np.flatnonzero(random.random(len(left)) > PURE)
    parts = random.integers(1, 4, (len(mixed), N_CLASSES))
    values[mixed, 0] = parts / parts.sum(axis=1, keepdims=True)
    tree = Tree(N_FEATURES, np.array([N_CLASSES], dtype=np.intp), 1)
    tree.__setstate__({"max_depth": depth, "node_count": len(nodes), "nodes": nodes, "values": values})
    return tree


def _shape(leaves: int, random: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], int]:
    """``(left, right, share, depth)``: children (LEAF for a leaf), and the share of the leaves on the left.

    A subtree of n leaves has 2 n - 1 nodes, which gives the position of each right child.
    """
    total = 2 * leaves - 1
    left, right = np.full(total, LEAF), np.full(total, LEAF)
    share = np.zeros(total)
    node, size, depth = np.array([0]), np.array([leaves]), 0
    while len(node):
        is_inner = size > 1
        node, size = node[is_inner], size[is_inner]
        to_left = np.clip(np.rint(size * random.uniform(0.2, 0.8, len(size))).astype(int), 1, size - 1)
        left[node], right[node] = node + 1, node + 2 * to_left
        share[node] = to_left / np.maximum(size, 1)
        node, size = np.concatenate([node + 1, node + 2 * to_left]), np.concatenate([to_left, size - to_left])
        depth += len(to_left) > 0
    return left, right, share, depth
