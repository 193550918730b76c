"""Decision trees, random forests and extra trees: equal to scikit-learn to the last bit.

scikit-learn casts a row to float32, compares it with thresholds (``x <= threshold`` goes left; a missing
value goes where the node says), adds the class fractions, or the values, of the leaves tree by tree in
float64, and divides once by the number of trees. The same sums in the same order give the same bits.
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

    # From the row that reaches the trees to the sums over them: one a class, or one a value.
    Sums = Callable[[Row], Sequence[float]]

# Up to so many nodes the arrays become lists, which are faster to read, and are checked as a whole when the model is
# loaded. Larger ones stay in the file's bytes and are checked where a walk goes: a start must not read all of them.
LISTED_NODES = 20_000


def forest(step: Any, program: Program, origins: Origins) -> Built:
    """The mean of ``n_trees`` trees over ``n_classes`` classes, a number for each output."""
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
        return [(each.index(max(each)), each) for each in outputs]

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


def counts(given: Any, program: Program) -> list[int]:
    """``given`` as a list of numbers of classes, outputs or models, each at least 1; InvalidModel for anything else."""
    if type(given) is not list or not given or not all(type(each) is int and each > 0 for each in given):
        raise InvalidModel("classes, outputs and models are counted in whole numbers from 1 up")
    program.lay_out(sum(given))
    found: list[int] = given
    return found


def sums_over_trees(step: Any, program: Program, origins: Origins, start: list[float]) -> Sums:
    """A function from a row to ``start`` plus what the leaves hold, with all checks of the row and the model.

    A leaf holds as many values as ``start`` has (a forest), or one, which goes to the totals in turn (boosting).
    """
    if type(step["n_features"]) is not int or step["n_features"] != len(origins):
        raise InvalidModel("the trees take the columns that reach them")
    trees = Trees(step, program, len(origins), start)
    missing = program.tensor(step["missing"], "B", len(trees.feature)) if step["missing"] is not None else None

    def rounded(sums: Callable[[Row], Any]) -> Callable[[Row], Any]:
        if not trees.single:
            return sums
        # Here, and not above: a millisecond of a cold start, and generated code mostly does without.
        from handler.ops.tree_traversal import to_float32

        prepare = to_float32(origins)
        return lambda row: sums(prepare(row))

    def walked() -> Sums:
        return rounded(trees.sums(missing))

    written = program.generated_code()
    if written is None:
        return walked()
    # Generated code needs no rounded row, and a row as it was asked has no number beyond float32.
    return _decided(rounded(written) if program.transforms else written, walked)


def _decided(written: Callable[[Row], Sequence[float] | None], walked: Callable[[], Sums]) -> Sums:
    """What generated code gives, and where that is None the walk over the arrays, which are not read before."""
    walk: list[Sums] = []

    def sums(row: Row) -> Sequence[float]:
        found = written(row)
        if found is not None:
            return found
        if not walk:
            walk.append(walked())
        return walk[0](row)

    return sums


class Trees:
    """The arrays of an ensemble, as far as the file's header tells right.

    Node i with ``feature[i] >= 0`` tests that feature: at or below ``threshold[i]`` the walk goes to the
    next node, else ``skip[i]`` further. With a negative feature it is a leaf, and ``skip[i]`` its row in ``values``.
    The first ``categories`` features hold codes of categories, from 0 to 255: with one of them it goes to the next node
    where bit ``code`` of set ``threshold[i]`` is 1. A set is 8 words of ``sets``, the lowest bits first.
    """

    def __init__(self, step: Any, program: Program, n_features: int, start: list[float]) -> None:
        self.start = start
        self.feature = program.tensor(step["feature"], "hi")
        self.threshold = program.tensor(step["threshold"], "fd", len(self.feature))
        self.skip = program.tensor(step["skip"], "I", len(self.feature))
        n_trees, self.width = counts([step["n_trees"], step.get("width", len(start))], program)
        self.roots = roots = program.tensor(step["roots"], "I", n_trees).tolist()
        self.values = program.tensor(step["values"], "d")
        # The trees compare a row in float32, or as it is.
        self.single = self.threshold.format == "f"
        # Where each tree begins and the next one does: a walk stays inside, or it could take the time of all.
        self.spans = list(zip(roots, [*roots[1:], len(self.feature)], strict=True))
        sound = self.width in (1, len(start)) and roots and all(root < end for root, end in self.spans)
        if not sound or len(self.values) % self.width:
            raise InvalidModel("an ensemble needs trees, and leaves with a value for each class or output")
        program.work(len(roots) * self.width)
        self.n_features = n_features
        self.sets = program.tensor(step["sets"], "I") if "sets" in step else None
        self.categories = step["categories"] if self.sets is not None else 0
        if self.sets is not None:
            sound = type(self.categories) is int and 0 < self.categories <= n_features and len(self.sets) % 8 == 0
            # A category may always be missing.
            if not sound or self.single or step["missing"] is None:
                raise InvalidModel("the sets of categories are not those of features")

    def sums(self, missing: Sequence[int] | None = None) -> Sums:
        """The walk. ``missing``: for each node 0 where a missing value goes left, 1 where right."""
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
        turns = [(first, roots[turn::n_totals]) for turn, first in enumerate(self.start)]

        def sums(row: Row) -> list[float]:
            totals = []
            for first, mine in turns:
                total = first
                for root in mine:
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
        sound = (
            max(feature) < self.n_features
            # The last node of a tree is a leaf, so the next node of an inner one is always there.
            and all(feature[end - 1] < 0 for _, end in self.spans)
            and all(
                further + at + 1 < end if feature[at] >= 0 else further < rows
                for root, end in self.spans
                for at, further in enumerate(skip[root:end], start=root)
            )
            and (missing is None or max(missing) <= 1)
        )
        if not sound:
            raise InvalidModel("a tree points outside its arrays")

    def _check_sets(self, feature: Sequence[int], threshold: Sequence[float]) -> None:
        sets = len(self.sets) // 8 if self.sets is not None else 0
        tests = (at for tested, at in zip(feature, threshold, strict=True) if 0 <= tested < self.categories)
        # NaN is below nothing.
        if not all(0 <= at < sets and at == int(at) for at in tests):
            raise InvalidModel("a tree points outside its sets of categories")


BUILDERS = {"forest": forest, "forest_regressor": forest_regressor}
