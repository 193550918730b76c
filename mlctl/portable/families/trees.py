"""Decision trees, random forests and extra trees: the operations ``forest`` and ``forest_regressor``.

All ensembles of trees have the same tensors (``tree_tensors``). The nodes of a tree are in depth-first order, so the
left child is the next node, and the right child is ``skip`` nodes further. A walk only goes forward, so no file can
make it loop.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from mlctl.portable.codegen.nodes import LEAF
from mlctl.portable.entry import Entry
from mlctl.portable.input_checks import refuse_missing
from mlctl.portable.ir.columns import ColumnTypes, Compiled
from mlctl.portable.ir.program import Step
from mlctl.registry.answers import Parity


class Nodes(NamedTuple):
    """The nodes of one tree in any order, root first.

    ``left``, ``right``: positions of the children, LEAF for a leaf. ``missing_left``: whether a missing value goes
    left. ``values``: the values of each node, shape (nodes, width); only those of leaves are used.
    """

    left: NDArray[Any]
    right: NDArray[Any]
    feature: NDArray[Any]
    threshold: NDArray[Any]
    missing_left: NDArray[Any]
    values: NDArray[Any]


def nodes_of(tree: Any) -> Nodes:
    """The nodes of a fitted ``tree_``. ``values`` are the class fractions, or the numbers, of all outputs."""
    return Nodes(
        left=tree.children_left,
        right=tree.children_right,
        feature=tree.feature,
        threshold=tree.threshold,
        missing_left=tree.missing_go_to_left,
        values=tree.value.reshape(tree.node_count, -1),
    )


def tree_tensors(trees: Sequence[Nodes], *, single: bool, missing: bool) -> dict[str, NDArray[Any]]:
    """The tensors of ``trees``, as described in docs/FORMAT.md.

    ``single``: the trees compare a row in float32, so a threshold is rounded down to float32. ``missing``: include the
    directions of missing values.
    """
    parts = [_depth_first(tree) for tree in trees]
    sizes = [len(part.feature) for part in parts]
    feature = np.concatenate([part.feature for part in parts])
    threshold = np.concatenate([part.threshold for part in parts])
    skip = np.concatenate([part.skip for part in parts])
    values, row_of_leaf = _distinct(np.concatenate([part.values for part in parts]))
    skip[feature == LEAF] = row_of_leaf
    tensors = {
        "values": values,
        "threshold": _round_down(threshold) if single else threshold.astype("<f8"),
        "skip": skip.astype("<u4"),
        "roots": (np.cumsum(sizes) - sizes).astype("<u4"),
        "feature": feature.astype("<i2" if feature.max() < 2**15 else "<i4"),
    }
    if missing:
        tensors["missing"] = np.concatenate([part.missing for part in parts]).astype("|u1")
    return tensors


def single_tree(tree: Any, table: ColumnTypes) -> Compiled:
    """Compile a tree as a forest of one. The division by 1 changes no bit."""
    return forest_step(tree, [tree], table)


def ensemble(forest: Any, table: ColumnTypes) -> Compiled:
    """Compile a forest. The order of the trees fixes the order of the sums."""
    return forest_step(forest, forest.estimators_, table)


def forest_step(fitted: Any, trees: Sequence[Any], table: ColumnTypes) -> Compiled:
    """The mean of the fitted ``trees`` of the fitted estimator, for one or several outputs."""
    table.require_numbers()
    classes = _class_counts(fitted) if is_classifier(fitted) else None
    parts = [nodes_of(tree.tree_) for tree in trees]
    if classes:
        parts = [part._replace(values=_fractions(part.values, classes)) for part in parts]
    return mean_step(parts, classes, table, takes_missing=accepts_missing(trees[0], table))


def mean_step(
    parts: Sequence[Nodes], classes: list[int] | None, table: ColumnTypes, *, takes_missing: bool
) -> Compiled:
    """The mean of trees. Leaves have fractions of ``classes`` (a number of classes for each output), or values."""
    op = "forest" if classes else "forest_regressor"
    params = {"n_classes": classes} if classes else {"n_outputs": parts[0].values.shape[1]}
    return tree_step(op, "exact", params, parts, table, takes_missing=takes_missing), None


def tree_step(
    op: str, parity: Parity, params: dict[str, Any], parts: Sequence[Nodes], table: ColumnTypes, *, takes_missing: bool
) -> tuple[Step, ...]:
    """The step ``op`` over trees that compare a row in float32, after a check if they accept no missing values."""
    keeps_missing = table.missing and takes_missing
    params = {"n_trees": len(parts), "n_features": len(table.columns), **params}
    if not keeps_missing:
        params["missing"] = None
    step = Step(op=op, parity=parity, params=params, tensors=tree_tensors(parts, single=True, missing=keeps_missing))
    return (step,) if takes_missing else (*refuse_missing(table), step)


def accepts_missing(tree: Any, table: ColumnTypes) -> bool:
    """Whether a fitted tree accepts missing values. Some kinds do, but never in a sparse matrix."""
    return not table.sparse and bool(tree._support_missing_values(np.empty((1, len(table.columns)))))


def _class_counts(fitted: Any) -> list[int]:
    """The number of classes of each output."""
    return [int(count) for count in np.atleast_1d(fitted.n_classes_)]


def _fractions(values: NDArray[Any], classes: list[int]) -> NDArray[Any]:
    """Concatenate the fractions of the outputs, without the padding of outputs with fewer classes."""
    by_output = values.reshape(len(values), len(classes), -1)
    return np.concatenate([by_output[:, output, :count] for output, count in enumerate(classes)], axis=1)


class _Part(NamedTuple):
    """The nodes of one tree in depth-first order, and the ``values`` of its leaves."""

    feature: NDArray[Any]
    threshold: NDArray[Any]
    skip: NDArray[Any]
    missing: NDArray[Any]
    values: NDArray[Any]


def _depth_first(tree: Nodes) -> _Part:
    levels = [np.array([0])]
    while len(inner := levels[-1][tree.left[levels[-1]] != LEAF]):
        levels.append(np.concatenate([tree.left[inner], tree.right[inner]]))
    # From the leaves up, the size of each subtree; then from the root down, the position of each node.
    size = np.ones(len(tree.left), dtype=np.int64)
    for level in reversed(levels):
        inner = level[tree.left[level] != LEAF]
        size[inner] += size[tree.left[inner]] + size[tree.right[inner]]
    position = np.zeros(len(tree.left), dtype=np.int64)
    for level in levels:
        inner = level[tree.left[level] != LEAF]
        position[tree.left[inner]] = position[inner] + 1
        position[tree.right[inner]] = position[inner] + 1 + size[tree.left[inner]]
    reached = np.concatenate(levels)
    order = np.empty(len(reached), dtype=np.int64)
    order[position[reached]] = reached
    is_leaf = tree.left[order] == LEAF
    return _Part(
        feature=np.where(is_leaf, LEAF, tree.feature[order]),
        threshold=np.where(is_leaf, 0.0, tree.threshold[order]),
        skip=np.where(is_leaf, 0, size[tree.left[order]]),
        missing=np.where(is_leaf | (tree.missing_left[order] != 0), 0, 1),
        values=tree.values[order[is_leaf]],
    )


def _distinct(rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The distinct rows, compared bit by bit, and the index of each row among them.

    Most leaves of a deep forest are pure and equal.
    """
    data = np.ascontiguousarray(rows, dtype="<f8")
    row_bytes = data.view(np.dtype((np.void, data.dtype.itemsize * data.shape[1]))).reshape(-1)
    _, first, place = np.unique(row_bytes, return_index=True, return_inverse=True)
    return data[first], place.reshape(-1)


def _round_down(threshold: NDArray[Any]) -> NDArray[np.float32]:
    """The largest float32 at or below each threshold. It separates float32 numbers in the same way."""
    with np.errstate(over="ignore"):
        single = threshold.astype("<f4")
    above = single.astype(np.float64) > threshold
    single[above] = np.nextafter(single[above], np.float32(-np.inf))
    return single


ENTRIES = {
    DecisionTreeClassifier: Entry(single_tree, parity="exact"),
    DecisionTreeRegressor: Entry(single_tree, parity="exact"),
    ExtraTreeClassifier: Entry(single_tree, parity="exact"),
    ExtraTreeRegressor: Entry(single_tree, parity="exact"),
    RandomForestClassifier: Entry(ensemble, parity="exact"),
    RandomForestRegressor: Entry(ensemble, parity="exact"),
    ExtraTreesClassifier: Entry(ensemble, parity="exact"),
    ExtraTreesRegressor: Entry(ensemble, parity="exact"),
}
