"""Decision trees, random forests and extra trees: equal to scikit-learn to the last bit.

scikit-learn casts a row to float32, compares it with float64 thresholds (``x <= threshold`` goes
left), adds the class fractions of the leaves tree by tree in float64, and divides once by the
number of trees. The same sums in the same order give the same bits.
Source: sklearn/tree/_tree.pyx (``_apply_dense``), sklearn/ensemble/_forest.py (``predict_proba``).
"""

from __future__ import annotations

import struct
from operator import gt

from handler.ops import InvalidModel, OutOfRange

# Not from typing: importing it would cost a cold start some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from handler.ops import Predictor, Tensors


def forest(step: Any, tensors: Tensors, n_features: int, generated: bool) -> tuple[str, Predictor]:
    """A forest of ``n_trees`` trees over ``n_classes`` classes; a single tree is a forest of one.

    Node i with ``feature[i] >= 0`` tests that feature and goes to ``child[i]`` or ``child[i] + 1``;
    with ``feature[i] == -1`` it is a leaf and ``child[i]`` is its row in ``values``.
    """
    n_trees = int(step["n_trees"])
    if n_trees < 1:
        raise InvalidModel("a forest has one tree or more")
    to_float32 = _float32(n_features)
    if generated:
        from handler.generated import forest as sums
    else:
        sums = _walker(step, tensors, n_features, n_trees)

    def predict(row: Sequence[float]) -> tuple[int, list[float]]:
        probabilities = [total / n_trees for total in sums(to_float32(row))]
        return probabilities.index(max(probabilities)), probabilities

    return "predictor", predict


def _walker(step: Any, tensors: Tensors, n_features: int, n_trees: int) -> Callable[[Sequence[float]], Sequence[float]]:
    """A function from a float32 row to the leaves' class fractions, summed tree by tree."""
    n_classes = int(step["n_classes"])
    feature = tensors.get(step["feature"], "i").tolist()
    threshold = tensors.get(step["threshold"], "d", len(feature)).tolist()
    child = tensors.get(step["child"], "I", len(feature)).tolist()
    roots = tensors.get(step["roots"], "I", n_trees).tolist()
    flat = tensors.get(step["values"], "d").tolist()
    if n_classes < 1 or len(flat) % n_classes:
        raise InvalidModel("a forest needs classes and whole rows of values")
    values = [tuple(flat[start : start + n_classes]) for start in range(0, len(flat), n_classes)]
    _check(feature, child, roots, len(values), n_features)

    def sums(row: Sequence[float]) -> Sequence[float]:
        total = [0.0] * n_classes
        for root in roots:
            node = root
            tested = feature[node]
            while tested >= 0:
                node = child[node] + (row[tested] > threshold[node])
                tested = feature[node]
            for position, value in enumerate(values[child[node]]):
                total[position] += value
        return total

    return sums


def _float32(n_features: int) -> Callable[[Sequence[float]], Sequence[float]]:
    """A function that rounds a row to float32 as a C cast does, and refuses what overflows it."""
    packer = struct.Struct(f"<{n_features}f")
    pack, unpack = packer.pack, packer.unpack

    def to_float32(row: Sequence[float]) -> Sequence[float]:
        try:
            return unpack(pack(*row))
        except OverflowError:
            largest = max(range(n_features), key=lambda position: abs(row[position]))
            raise OutOfRange(largest) from None

    return to_float32


def _check(feature: list[int], child: list[int], roots: list[int], n_values: int, n_features: int) -> None:
    """Refuse a tree that could loop or point outside its arrays: children always lie behind their parent."""
    nodes = len(feature)
    inner = [node for node in range(nodes) if feature[node] >= 0]
    children = [child[node] for node in inner]
    sound = (
        nodes > 0
        and max(roots) < nodes
        and min(feature) >= -1
        and max(feature) < n_features
        and all(map(gt, children, inner))
        and (not children or max(children) + 1 < nodes)
        and all(child[node] < n_values for node in range(nodes) if feature[node] < 0)
    )
    if not sound:
        raise InvalidModel("a tree points outside its arrays or back to itself")


BUILDERS = {"forest": forest}
