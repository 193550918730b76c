"""Decision trees, random forests and extra trees: equal to scikit-learn to the last bit.

scikit-learn casts a row to float32, compares it with float64 thresholds (``x <= threshold`` goes
left; a missing value goes where the node says), adds the class fractions, or the values, of the
leaves tree by tree in float64, and divides once by the number of trees. The same sums in the same
order give the same bits.
Source: sklearn/tree/_tree.pyx (``_apply_dense``), sklearn/ensemble/_forest.py (``predict_proba``, ``predict``).
"""

from __future__ import annotations

import struct
from operator import gt

from handler.ops import InvalidModel, Unanswerable

# Not from typing: importing it would cost a cold start some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from handler.ops import Built, Origins, Program, Row

    # From a float32 row to the sums over the trees: one a class, or one value.
    Sums = Callable[[Row], Row]


def forest(step: Any, program: Program, origins: Origins) -> Built:
    """A forest of ``n_trees`` trees over ``n_classes`` classes; a single tree is a forest of one."""
    n_classes, n_trees = int(step["n_classes"]), int(step["n_trees"])
    to_sums = _prepared(step, program, origins, n_classes)

    def predict(row: Row) -> tuple[int, list[float]]:
        probabilities = [total / n_trees for total in to_sums(row)]
        return probabilities.index(max(probabilities)), probabilities

    return "classifier", predict, []


def forest_regressor(step: Any, program: Program, origins: Origins) -> Built:
    """A forest whose leaves hold one value each."""
    n_trees = int(step["n_trees"])
    to_sums = _prepared(step, program, origins, 1)

    def predict(row: Row) -> float:
        number: float = to_sums(row)[0] / n_trees
        return number

    return "regressor", predict, []


def _prepared(step: Any, program: Program, origins: Origins, n_values: int) -> Sums:
    """A function from a float64 row to the sums over the trees, with all checks of the row and the model."""
    if int(step["n_trees"]) < 1 or step["n_features"] != len(origins):
        raise InvalidModel("a forest has one tree or more, and takes the columns that reach it")
    to_float32 = _float32(origins)
    takes_gaps = step["missing"] is not None
    generated: Sums | None = None
    if program.generated:
        from handler.generated import forest as written

        generated = written
        if not takes_gaps:
            # The arrays, of which the code was written, are not even read.
            return lambda row: written(to_float32(row))
    feature, threshold, child, roots, flat = _arrays(step, program, origins, n_values)
    plain = generated or _plain_sums(feature, threshold, child, roots, _rows(flat, n_values))
    if not takes_gaps:
        return lambda row: plain(to_float32(row))
    missing = program.tensor(step["missing"], "B", len(feature)).tolist()
    if max(missing) > 1:
        raise InvalidModel("a missing value goes left (0) or right (1)")
    with_gaps = _sums_with_gaps(feature, threshold, child, roots, _rows(flat, n_values), missing)

    def to_sums(row: Row) -> Row:
        values = to_float32(row)
        # A sum of float32 values cannot overflow float64: it differs from itself only where one is NaN.
        total = sum(values)
        return plain(values) if total == total else with_gaps(values)  # noqa: PLR0124

    return to_sums


def _arrays(
    step: Any, program: Program, origins: Origins, n_values: int
) -> tuple[list[int], Sequence[float], list[int], list[int], Sequence[float]]:
    """``(feature, threshold, child, roots, values)``, checked.

    Node i with ``feature[i] >= 0`` tests that feature and goes to ``child[i]`` or ``child[i] + 1``;
    with ``feature[i] == -1`` it is a leaf and ``child[i]`` is its row of ``n_values`` in ``values``.
    """
    feature = program.tensor(step["feature"], "i").tolist()
    threshold = program.tensor(step["threshold"], "d", len(feature)).tolist()
    child = program.tensor(step["child"], "I", len(feature)).tolist()
    roots = program.tensor(step["roots"], "I", int(step["n_trees"])).tolist()
    flat = program.tensor(step["values"], "d").tolist()
    if n_values < 1 or len(flat) % n_values:
        raise InvalidModel("a forest needs classes and whole rows of values")
    _check(feature, child, roots, len(flat) // n_values, len(origins))
    return feature, threshold, child, roots, flat


def _rows(flat: Sequence[float], n_values: int) -> list[tuple[float, ...]]:
    return [tuple(flat[start : start + n_values]) for start in range(0, len(flat), n_values)]


def _plain_sums(
    feature: list[int], threshold: Sequence[float], child: list[int], roots: list[int], values: list[tuple[float, ...]]
) -> Sums:
    n_values = len(values[0])

    def sums(row: Row) -> Row:
        total = [0.0] * n_values
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


def _sums_with_gaps(
    feature: list[int],
    threshold: Sequence[float],
    child: list[int],
    roots: list[int],
    values: list[tuple[float, ...]],
    missing: list[int],
) -> Sums:
    """As ``_plain_sums``, with one comparison more at each node."""
    n_values = len(values[0])

    def sums(row: Row) -> Row:
        total = [0.0] * n_values
        for root in roots:
            node = root
            tested = feature[node]
            while tested >= 0:
                number = row[tested]
                # NaN alone differs from itself.
                node = child[node] + (number > threshold[node] if number == number else missing[node])  # noqa: PLR0124
                tested = feature[node]
            for position, value in enumerate(values[child[node]]):
                total[position] += value
        return total

    return sums


def _float32(origins: Origins) -> Callable[[Row], Row]:
    """A function that rounds a row to float32 as a C cast does, and refuses what overflows it."""
    width = len(origins)
    packer = struct.Struct(f"<{width}f")
    pack, unpack = packer.pack, packer.unpack

    def to_float32(row: Row) -> Row:
        try:
            return unpack(pack(*row))
        except OverflowError:
            # Of those that are not missing.
            sizes = [abs(value) if value == value else 0.0 for value in row]  # noqa: PLR0124
            origin = origins[sizes.index(max(sizes))]
            raise Unanswerable(origin, "is too large for the model: once scaled it leaves float32") from None

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


BUILDERS = {"forest": forest, "forest_regressor": forest_regressor}
