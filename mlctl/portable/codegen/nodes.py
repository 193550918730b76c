"""Arrays of trees for generated code: converts them to lists, and checks those from a file."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlctl.portable.ir.program import Step

LEAF = -1
# The handler's limit for each row: trees times the values of a leaf.
MAX_WORK = 10_000_000
MAX_COLUMNS = 1_000_000
_KINDS = {"values": "f", "threshold": "f", "skip": "u", "roots": "u", "feature": "i", "missing": "u", "sets": "u"}
_WORDS_OF_A_SET = 8


def as_lists(step: Step) -> dict[str, list[Any]]:
    """The tensors of a step of trees as lists, for code that compares a row without rounding it to float32.

    Each float32 threshold becomes the largest float64 that rounds to at most this threshold. Rounding keeps the order,
    so the same rows go left.
    """
    lists = {name: tensor.tolist() for name, tensor in step.tensors.items()}
    threshold = step.tensors["threshold"]
    if threshold.dtype == np.float32:
        with np.errstate(over="ignore"):
            above = np.nextafter(threshold, np.float32(np.inf)).astype(np.float64)
            # The number after the largest float32, if there were one. From the middle on, numbers round to infinity.
            above = np.where(np.isinf(above), 2.0**128, above)
            middle = (threshold.astype(np.float64) + above) / 2
            rounds_down = middle.astype(np.float32) <= threshold
        widest = np.where(rounds_down, middle, np.nextafter(middle, -np.inf))
        lists["threshold"] = np.where(np.isinf(threshold), threshold, widest).tolist()
    return lists


def check(step: Step) -> None:
    """Raise ValueError for trees that do not follow docs/FORMAT.md.

    The check visits each node, so use it only for steps that are small enough for generated code.
    """
    tensors = step.tensors
    absent = {"feature", "threshold", "skip", "roots", "values"} - tensors.keys()
    if absent:
        raise ValueError(f"the trees have no tensor '{min(absent)}'")
    _check_tensors(tensors)
    _check_counts(step)
    _check_columns(step)
    _check_nesting(tensors["feature"], tensors["skip"], tensors["roots"], len(tensors["values"]))


def _check_tensors(tensors: Mapping[str, NDArray[Any]]) -> None:
    if any(_KINDS.get(name) != tensor.dtype.kind for name, tensor in tensors.items()):
        raise ValueError("the tensors of the trees have wrong types")
    if any(tensor.ndim != (2 if name in ("values", "sets") else 1) for name, tensor in tensors.items()):
        raise ValueError("the tensors of the trees have wrong shapes")
    if len({len(tensors[name]) for name in ("feature", "threshold", "skip", "missing") if name in tensors}) > 1:
        raise ValueError("the tensors of the trees differ in length")
    values = tensors["values"]
    if values.size == 0 or not np.isfinite(values).all() or np.isnan(tensors["threshold"]).any():
        raise ValueError("the leaves of the trees have no finite numbers, or a threshold is NaN")


def _check_counts(step: Step) -> None:
    trees, width = len(step.tensors["roots"]), step.tensors["values"].shape[1]
    if step.params.get("n_trees") != trees or trees * width > MAX_WORK:
        raise ValueError("the trees have counts that do not fit their tensors")
    start = step.params.get("start")
    if start is None and step.op == "boosting":
        raise ValueError("the boosting has no start")
    if start is not None and not (
        type(start) is list
        and len(start) in ({width} if width > 1 else range(1, trees + 1))
        and all(type(number) is float and np.isfinite(number) for number in start)
    ):
        raise ValueError("the start of the sums is not a list of finite numbers, one for each total")
    if step.op == "boosting" and type(step.params.get("link")) is not str:
        raise ValueError("the boosting has no link")


def _check_columns(step: Step) -> None:
    tensors, n_features = step.tensors, step.params.get("n_features")
    feature, threshold = tensors["feature"], tensors["threshold"]
    if type(n_features) is not int or not 0 < n_features <= MAX_COLUMNS:
        raise ValueError("the trees have no columns, or too many")
    inner = feature[feature != LEAF]
    if len(inner) and not 0 <= inner.min() <= inner.max() < n_features:
        raise ValueError("a node tests a column that does not exist")
    if "missing" in tensors and len(feature) and tensors["missing"].max() > 1:
        raise ValueError("a node sends a missing value neither left nor right")
    sets = tensors.get("sets")
    if sets is not None and (sets.shape[1] != _WORDS_OF_A_SET or "missing" not in tensors):
        raise ValueError("the sets of categories are incomplete")
    categories = step.params.get("categories", 0)
    if type(categories) is not int or not 0 <= categories <= (0 if sets is None else n_features):
        raise ValueError("there are sets for columns that do not exist")
    tested = threshold[(feature != LEAF) & (feature < categories)]
    if sets is not None and len(tested) and not 0 <= tested.min() <= tested.max() < len(sets):
        raise ValueError("a node tests a set that does not exist")


def _check_nesting(feature: NDArray[Any], skip: NDArray[Any], roots: NDArray[Any], rows: int) -> None:
    """Check that each node is in one branch of one tree. Code for shared nodes would repeat them."""
    firsts, tested, skips = roots.tolist(), feature.tolist(), skip.tolist()
    ends = [*firsts[1:], len(tested)]
    if not firsts or firsts[0] != 0:
        raise ValueError("there is no tree, or a node outside of the trees")
    pending = list(zip(firsts, ends, strict=True))
    while pending:
        node, end = pending.pop()
        if node >= end:
            raise ValueError("the roots of the trees are not in ascending order")
        if tested[node] == LEAF:
            if end != node + 1 or skips[node] >= rows:
                raise ValueError("a leaf is not the end of its branch, or its row is out of range")
        else:
            right = node + 1 + skips[node]
            if not node + 1 < right < end:
                raise ValueError("a branch leads out of its tree")
            pending += [(node + 1, right), (right, end)]
