"""Generates bit vectors for many small trees with one value per leaf: twice as fast as nested ``if``s for boosting.

Each tree has a byte, and each of its leaves a bit, from the left. A test that fails (``x > threshold``) makes the
leaves on its left unreachable and clears their bits. The lowest remaining bit is the leaf. The tests of a column are
sorted by threshold, so one binary search and one ``&`` of long integers evaluate all of them. Source: Lucchese et al.,
QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees, SIGIR 2015,
https://doi.org/10.1145/2766462.2767733.
"""

from collections import defaultdict
from math import frexp
from typing import Any, NamedTuple

from mlctl.portable.codegen.nodes import LEAF, as_lists
from mlctl.portable.ir.program import Step

# Each tree has one byte.
MAX_LEAVES = 8
# With fewer trees for each tested column, nested ifs are as fast.
LEAST_TREES_A_COLUMN = 4
# Each test has a byte for each tree, so memory grows with the square of the trees.
MAX_MASK_BYTES = 4_000_000
# The largest error of a raw prediction: half of what `close` allows for a probability, which moves at most twice as
# far.
MOST_ERROR = 2.5e-10
# Links whose sums end in probabilities, so that their last bits may differ.
_LINKS = ("logit", "half_logit", "multinomial_logit")

_PREPARED = """
WHOLE = (1 << 8 * TREES) - 1
LOWEST = bytes([0, *((each & -each).bit_length() - 1 for each in range(1, 256))])
whole = int.from_bytes


def left_of(lost):
    alive, left = WHOLE, [WHOLE]
    for tree, leaves in lost:
        alive &= ~(leaves << 8 * tree)
        left.append(alive)
    return tuple(left)


# Two trees at a time: the sum for each pair of leaves.
PAIRS = [tuple([a + b for b in LEAVES[at + 1] for a in LEAVES[at]]) for at in range(0, TREES, 2)]
"""


def generate(step: Step) -> str | None:
    """The source of ``sums(row)``, see ``generator.generate``; None if another form is better.

    The values of the leaves are rounded to a grid on which every sum of them is exact, so the order of additions does
    not matter. ``sums`` returns None if the rounding might change the class.
    """
    if step.op != "boosting" or step.params["link"] not in _LINKS or "sets" in step.tensors:
        return None
    tensors = as_lists(step)
    start: list[float] = step.params["start"]
    trees, spans = _in_pairs(tensors["roots"], len(start))
    tests: dict[int, list[_Test]] = defaultdict(list)
    gaps = "missing" in tensors
    leaves = []
    ends = dict(zip(tensors["roots"], [*tensors["roots"][1:], len(tensors["feature"])], strict=True))
    for number, root in enumerate(trees):
        # Counted first, because reading all tests of a large tree takes time in proportion to the square of its nodes.
        if root is not None and tensors["feature"][root : ends[root]].count(LEAF) > MAX_LEAVES:
            return None
        values = [] if root is None else _read(number, root, ends[root], tensors, tests)
        leaves.append(values + [0.0] * (MAX_LEAVES - len(values)))
    unit = _unit(leaves)
    masks = len(trees) * sum(map(len, tests.values()))
    if unit is None or masks > MAX_MASK_BYTES or len(trees) < LEAST_TREES_A_COLUMN * len(tests):
        return None
    grid = [tuple(round(value / unit) * unit for value in values) for values in leaves]
    lines = [
        '"""Generated from model.safetensors: the same comparisons as bit vectors, and their sums."""',
        "from bisect import bisect_left",
        "from operator import getitem",
        f"TREES = {len(trees)}",
        f"LEAVES = {grid!r}",
        _PREPARED,
    ]
    for column, column_tests in sorted(tests.items()):
        ordered = sorted(column_tests)
        lines.append(f"E{column} = {_literal(tuple(test.threshold for test in ordered))}")
        lines.append(f"L{column} = left_of({[(test.tree, test.lost) for test in ordered]!r})")
        if gaps:
            lines.append(f"M{column} = left_of({[(test.tree, test.lost) for test in ordered if test.gap_right]!r})[-1]")
    lines += [f"P{number} = tuple(PAIRS[{first}:{end}])" for number, (first, end) in enumerate(spans)]
    # Rounding moves each sum by at most half a unit for each tree, and the additions of the walk by at most one.
    lines.append(f"UNSURE = {4 * len(trees) * unit!r}")
    return "\n".join([*lines, *_function(step.params["n_features"], sorted(tests), start, spans, gaps)]) + "\n"


def _function(
    n_features: int, columns: list[int], start: list[float], spans: list[tuple[int, int]], gaps: bool
) -> list[str]:
    """The lines of ``sums(row)``, without a loop over columns, which would take a tenth of its time."""
    names = [f"x{column}" if column in columns else "_" for column in range(n_features)]
    lines = ["def sums(row):", f" {', '.join(names)}, = row", " alive = WHOLE"]
    for column in columns:
        # NaN is the only number that differs from itself.
        gap = f"M{column} if x{column} != x{column} else " if gaps else ""
        lines.append(f" alive &= {gap}L{column}[bisect_left(E{column}, x{column})]")
    lines += [
        ' leaf = whole(alive.to_bytes(TREES, "little").translate(LOWEST), "little")',
        " # In every other byte, the leaves of two trees.",
        ' pairs = (leaf | leaf >> 5).to_bytes(TREES, "little")[::2]',
    ]
    totals = [
        f"{first!r} + sum(map(getitem, P{number}, pairs{f'[{begin}:{end}]' if len(start) > 1 else ''}))"
        for number, (first, (begin, end)) in enumerate(zip(start, spans, strict=True))
    ]
    if len(totals) == 1:
        return [*lines, f" total = {totals[0]}", " return (total,) if abs(total) > UNSURE else None"]
    lines += [f" totals = {', '.join(totals)}", " *_, second, first = sorted(totals)"]
    return [*lines, " return totals if first - second > UNSURE else None"]


def _in_pairs(roots: list[int], n_totals: int) -> tuple[list[int | None], list[tuple[int, int]]]:
    """The roots by total, padded to an even number with None, and the span of pairs of each total."""
    trees: list[int | None] = []
    spans = []
    for total in range(n_totals):
        first = len(trees) // 2
        trees += roots[total::n_totals]
        trees += [None] * (len(trees) % 2)
        spans.append((first, len(trees) // 2))
    return trees, spans


class _Test(NamedTuple):
    """A test of a column. If it fails, or a missing value goes right, ``tree`` loses the leaves ``lost`` (bits)."""

    threshold: float
    tree: int
    lost: int
    gap_right: bool


def _read(number: int, root: int, end: int, tensors: dict[str, Any], tests: dict[int, list[_Test]]) -> list[float]:
    """The values of a tree's leaves from the left. Adds the tests of the tree to ``tests``, by column."""
    feature, skip = tensors["feature"], tensors["skip"]
    is_leaf = [tested == LEAF for tested in feature[root:end]]
    for node in range(root, end):
        if feature[node] != LEAF:
            # The left branch is between a node and its right child.
            before = sum(is_leaf[: node - root])
            inside = sum(is_leaf[node - root : node - root + 1 + skip[node]])
            lost = ((1 << inside) - 1) << before
            gap_right = "missing" in tensors and tensors["missing"][node] == 1
            tests[feature[node]].append(_Test(tensors["threshold"][node], number, lost, gap_right))
    return [tensors["values"][skip[node]][0] for node in range(root, end) if feature[node] == LEAF]


def _unit(leaves: list[list[float]]) -> float | None:
    """The unit of the grid: a power of two such that all sums of rounded values fit in 53 bits.

    None if a large leaf makes it too coarse for the others.
    """
    bound = sum(max(map(abs, values)) for values in leaves)
    if not 1e-200 < bound < 1e200:
        return None
    unit: float = 2.0 ** (frexp(bound)[1] - 52)
    return unit if len(leaves) * unit / 2 <= MOST_ERROR else None


def _literal(edges: tuple[float, ...]) -> str:
    """Thresholds as a Python literal, in which infinity is 1e999."""
    return repr(edges).replace("inf", "1e999")
