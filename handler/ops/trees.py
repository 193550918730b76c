"""Decision trees, random forests and extra trees: equal to scikit-learn to the last bit.

scikit-learn casts a row to float32 and compares it with thresholds: ``x <= threshold`` goes left, and each node has
a direction for missing values. It adds the class fractions or values of the leaves tree by tree in float64, and
divides once by the number of trees. The same sums in the same order give the same bits.
Source: sklearn/tree/_tree.pyx (``_apply_dense``), sklearn/ensemble/_forest.py (``predict_proba``, ``predict``).
"""

from __future__ import annotations

from itertools import accumulate

from handler.ops import InvalidModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from handler.ops import Built, Origins, Program, Row

    # From a row to the sums over the trees: one for each class or output.
    Sums = Callable[[Row], Sequence[float]]

# Arrays of at most this many nodes become lists, which are faster to read, and are checked as a whole when the model is
# loaded. Larger arrays stay in the file and are checked during each walk, so that a cold start is short.
LISTED_NODES = 20_000


def forest(step: Any, program: Program, origins: Origins) -> Built:
    """The mean of ``n_trees`` trees. ``n_classes`` has the number of classes of each output."""
    classes = counts(step["n_classes"], program)
    to_sums, n_trees = sums_over_trees(step, program, origins, [0.0] * sum(classes)), step["n_trees"]
    if len(classes) == 1:

        def predict(row: Row) -> tuple[int, list[float]]:
            probabilities = [total / n_trees for total in to_sums(row)]
            return probabilities.index(max(probabilities)), probabilities

        return "classifier", predict, []
    ends = list(accumulate(classes))
    spans = list(zip([0, *ends], ends, strict=False))

    def predict_each(row: Row) -> list[tuple[int, list[float]]]:
        means = [total / n_trees for total in to_sums(row)]
        outputs = [means[start:end] for start, end in spans]
        return [(probabilities.index(max(probabilities)), probabilities) for probabilities in outputs]

    return "classifiers", predict_each, []


def forest_regressor(step: Any, program: Program, origins: Origins) -> Built:
    """The mean of ``n_trees`` trees whose leaves hold ``n_outputs`` values."""
    (n_outputs,) = counts([step["n_outputs"]], program)
    to_sums: Sums = sums_over_trees(step, program, origins, [0.0] * n_outputs)
    n_trees: int = step["n_trees"]
    if n_outputs == 1:

        def predict(row: Row) -> float:
            return to_sums(row)[0] / n_trees

        return "regressor", predict, []

    def predict_each(row: Row) -> list[float]:
        return [total / n_trees for total in to_sums(row)]

    return "regressors", predict_each, []


def counts(document: Any, program: Program) -> list[int]:
    """Parse numbers of classes, outputs or models, each at least 1. Raises InvalidModel for anything else."""
    if type(document) is not list or not document or not all(type(count) is int and count > 0 for count in document):
        raise InvalidModel("numbers of classes, outputs and models are integers from 1 up")
    program.lay_out(sum(document))
    parsed: list[int] = document
    return parsed


def sums_over_trees(step: Any, program: Program, origins: Origins, start: list[float]) -> Sums:
    """A function from a row to ``start`` plus the values of the leaves, with all checks of the row and the model.

    A leaf has as many values as ``start`` (a forest), or one value. Single values go to the totals in turn (boosting).
    """
    if type(step["n_features"]) is not int or step["n_features"] != len(origins):
        raise InvalidModel("the trees have another number of columns than the step before them")
    trees = Trees(step, program, len(origins), start)
    missing = program.tensor(step["missing"], "B", len(trees.feature)) if step["missing"] is not None else None

    def rounded(sums: Callable[[Row], Any]) -> Callable[[Row], Any]:
        if not trees.single:
            return sums
        # Imported here: it costs a cold start a millisecond, and generated code mostly does not need it.
        from handler.ops.tree_traversal import to_float32

        prepare = to_float32(origins)
        return lambda row: sums(prepare(row))

    def walked() -> Sums:
        return rounded(trees.sums(missing))

    generated = program.generated_code()
    if generated is None:
        return walked()
    # Generated code needs no rounded row, and the numbers of a request never exceed float32.
    return _generated_or_walked(rounded(generated) if program.has_transformers else generated, walked)


def _generated_or_walked(generated: Callable[[Row], Sequence[float] | None], walked: Callable[[], Sums]) -> Sums:
    """The result of generated code, or of a walk over the arrays if that is None. The arrays are read on first use."""
    walk: list[Sums] = []

    def sums(row: Row) -> Sequence[float]:
        totals = generated(row)
        if totals is not None:
            return totals
        if not walk:
            walk.append(walked())
        return walk[0](row)

    return sums


class Trees:
    """The arrays of an ensemble, checked as far as the header of the file allows.

    Node i with ``feature[i] >= 0`` tests that feature: at or below ``threshold[i]`` the walk goes to the next node,
    else ``skip[i]`` nodes further. A node with a negative feature is a leaf, and ``skip[i]`` is its row in ``values``.
    The first ``categories`` features are codes of categories from 0 to 255. For these, the walk goes to the next node
    if bit ``code`` of set ``threshold[i]`` is 1. A set is 8 words of ``sets``, lowest bits first.
    """

    def __init__(self, step: Any, program: Program, n_features: int, start: list[float]) -> None:
        self.start = start
        self.feature = program.tensor(step["feature"], "hi")
        self.threshold = program.tensor(step["threshold"], "fd", len(self.feature))
        self.skip = program.tensor(step["skip"], "I", len(self.feature))
        n_trees, self.width = counts([step["n_trees"], step.get("width", len(start))], program)
        self.roots = roots = program.tensor(step["roots"], "I", n_trees).tolist()
        self.values = program.tensor(step["values"], "d")
        # Whether the trees compare a row in float32.
        self.single = self.threshold.format == "f"
        # The span of each tree. A walk that left its tree could take the time of all trees.
        self.spans = list(zip(roots, [*roots[1:], len(self.feature)], strict=True))
        valid = self.width in (1, len(start)) and roots and all(root < end for root, end in self.spans)
        if not valid or len(self.values) % self.width:
            raise InvalidModel("an ensemble needs trees, and leaves with one value or one for each class or output")
        program.work(len(roots) * self.width)
        self.n_features = n_features
        self.sets = program.tensor(step["sets"], "I") if "sets" in step else None
        self.categories = step["categories"] if self.sets is not None else 0
        if self.sets is not None:
            valid = type(self.categories) is int and 0 < self.categories <= n_features and len(self.sets) % 8 == 0
            # Categories may always be missing.
            if not valid or self.single or step["missing"] is None:
                raise InvalidModel("the sets of categories do not match the features")

    def sums(self, missing: Sequence[int] | None = None) -> Sums:
        """The walk over the arrays. ``missing`` has for each node 0 if a missing value goes left, 1 if right."""
        from handler.ops import tree_traversal

        feature: Sequence[int] = self.feature
        threshold: Sequence[float] = self.threshold
        skip: Sequence[int] = self.skip
        if len(feature) <= LISTED_NODES:
            feature, threshold, skip = self.feature.tolist(), self.threshold.tolist(), self.skip.tolist()
            self._check(feature, skip, missing)
            self._check_sets(feature, threshold)
        if missing is None:
            leaf = tree_traversal.leaf(feature, threshold, skip)
        elif self.sets is not None:
            leaf = tree_traversal.leaf_with_sets(feature, threshold, skip, missing, self.sets, self.categories)
        else:
            leaf = tree_traversal.leaf_with_gaps(feature, threshold, skip, missing)
        if skip is self.skip:
            leaf = tree_traversal.inside(leaf, self.spans)
        return self._one_value(leaf, skip) if self.width == 1 else self._many_values(leaf, skip)

    def _one_value(self, leaf: Callable[[Row, int], int], row_of: Sequence[int]) -> Sums:
        values, n_totals = self.values, len(self.start)
        # The roots of the trees of each total.
        roots = self.roots
        groups = [(first, roots[index::n_totals]) for index, first in enumerate(self.start)]

        def sums(row: Row) -> list[float]:
            totals = []
            for first, group in groups:
                total = first
                for root in group:
                    total += values[row_of[leaf(row, root)]]
                totals.append(total)
            return totals

        return sums

    def _many_values(self, leaf: Callable[[Row, int], int], row_of: Sequence[int]) -> Sums:
        values, roots, start, width = self.values, self.roots, self.start, self.width
        places = range(width)

        def sums(row: Row) -> list[float]:
            totals = start[:]
            for root in roots:
                first = row_of[leaf(row, root)] * width
                for place in places:
                    totals[place] += values[first + place]
            return totals

        return sums

    def _check(self, feature: Sequence[int], skip: Sequence[int], missing: Sequence[int] | None) -> None:
        rows = len(self.values) // self.width
        valid = (
            max(feature) < self.n_features
            # The last node of a tree is a leaf, so an inner node always has a next node.
            and all(feature[end - 1] < 0 for _, end in self.spans)
            and all(
                distance + node + 1 < end if feature[node] >= 0 else distance < rows
                for root, end in self.spans
                for node, distance in enumerate(skip[root:end], start=root)
            )
            and (missing is None or max(missing) <= 1)
        )
        if not valid:
            raise InvalidModel("a tree points outside its arrays")

    def _check_sets(self, feature: Sequence[int], threshold: Sequence[float]) -> None:
        sets = len(self.sets) // 8 if self.sets is not None else 0
        indices = (index for tested, index in zip(feature, threshold, strict=True) if 0 <= tested < self.categories)
        # A comparison with NaN is false.
        if not all(0 <= index < sets and index == int(index) for index in indices):
            raise InvalidModel("a tree points outside its sets of categories")


BUILDERS = {"forest": forest, "forest_regressor": forest_regressor}
