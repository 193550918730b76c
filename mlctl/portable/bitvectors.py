"""Many small trees of one value each as bit vectors: for boosting, twice as fast as nested ``if``s.

Each tree has a byte, each of its leaves a bit, from the left. A test that fails (``x > threshold``) makes the
leaves on its left unreachable, and clears their bits; of the bits that are left the lowest is the leaf. The tests
of a column are sorted by threshold, so one binary search and one ``&`` of long integers do them all.
Source: Lucchese et al., QuickScorer: a fast algorithm to rank documents with additive ensembles of regression
trees, SIGIR 2015, https://doi.org/10.1145/2766462.2767733.
"""

from collections import defaultdict
from math import frexp
from typing import Any

from mlctl.portable.program import Step
from mlctl.portable.trees import LEAF, as_lists

# One byte a tree.
MAX_LEAVES = 8
# With fewer trees for each column that is tested, nested ifs are as fast.
LEAST_TREES_A_COLUMN = 4
# Each test keeps a byte of each tree in memory, which grows with the square of the trees.
MAX_MASK_BYTES = 4_000_000
# The sums that end in probabilities: their last bits may differ, and a number of their own size is among the answer.
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
    """Source of ``sums(row)`` as ``codegen.generate`` gives it; None where another form is better.

    The values of the leaves are rounded to a grid on which every sum of them is exact, so neither their order nor
    Python's way of adding matters. The error of a sum is at most 2^-50 of the largest possible one, times the trees.
    """
    if step.op != "boosting" or step.params["link"] not in _LINKS or "sets" in step.tensors:
        return None
    tensors = as_lists(step)
    start: list[float] = step.params["start"]
    trees, spans = _in_pairs(tensors["roots"], len(start))
    tests: dict[int, list[tuple[float, int, int]]] = defaultdict(list)
    leaves = []
    ends = dict(zip(tensors["roots"], [*tensors["roots"][1:], len(tensors["feature"])], strict=True))
    for number, root in enumerate(trees):
        found = [] if root is None else _read(number, root, ends[root], tensors, tests)
        if len(found) > MAX_LEAVES:
            return None
        leaves.append(found + [0.0] * (MAX_LEAVES - len(found)))
    grid = _on_a_grid(leaves)
    masks = len(trees) * sum(map(len, tests.values()))
    if grid is None or masks > MAX_MASK_BYTES or len(trees) < LEAST_TREES_A_COLUMN * len(tests):
        return None
    lines = [
        '"""Generated from model.safetensors: the same comparisons as bit vectors, and their sums."""',
        "from bisect import bisect_left",
        "from operator import getitem",
        f"TREES = {len(trees)}",
        f"LEAVES = {grid!r}",
        _PREPARED,
    ]
    for column, found_tests in sorted(tests.items()):
        ordered = sorted(found_tests)
        lines.append(f"E{column} = {_literal(tuple(threshold for threshold, _, _ in ordered))}")
        lines.append(f"L{column} = left_of({[(tree, lost) for _, tree, lost in ordered]!r})")
    lines += [f"P{number} = tuple(PAIRS[{first}:{end}])" for number, (first, end) in enumerate(spans)]
    return "\n".join([*lines, *_function(step.params["n_features"], sorted(tests), start, spans)]) + "\n"


def _function(n_features: int, columns: list[int], start: list[float], spans: list[tuple[int, int]]) -> list[str]:
    """The lines of ``sums(row)``: a loop over columns would take a tenth of its time."""
    names = [f"x{column}" if column in columns else "_" for column in range(n_features)]
    lines = ["def sums(row):", f" {', '.join(names)}, = row", " alive = WHOLE"]
    lines += [f" alive &= L{column}[bisect_left(E{column}, x{column})]" for column in columns]
    lines += [
        ' leaf = whole(alive.to_bytes(TREES, "little").translate(LOWEST), "little")',
        " # In every other byte, the leaves of two trees.",
        ' pairs = (leaf | leaf >> 5).to_bytes(TREES, "little")[::2]',
    ]
    totals = [
        f"{first!r} + sum(map(getitem, P{number}, pairs{f'[{begin}:{end}]' if len(start) > 1 else ''}))"
        for number, (first, (begin, end)) in enumerate(zip(start, spans, strict=True))
    ]
    return [*lines, f" return {', '.join(totals)},"]


def _in_pairs(roots: list[int], n_totals: int) -> tuple[list[int | None], list[tuple[int, int]]]:
    """The roots by total, an even number of each (None: a tree without leaves), and each total's span of pairs."""
    trees: list[int | None] = []
    spans = []
    for total in range(n_totals):
        first = len(trees) // 2
        trees += roots[total::n_totals]
        trees += [None] * (len(trees) % 2)
        spans.append((first, len(trees) // 2))
    return trees, spans


def _read(
    number: int, root: int, end: int, tensors: dict[str, Any], tests: dict[int, list[tuple[float, int, int]]]
) -> list[float]:
    """The values of a tree's leaves from the left; its tests are added: threshold, tree, the leaves that are lost."""
    feature, skip = tensors["feature"], tensors["skip"]
    is_leaf = [tested == LEAF for tested in feature[root:end]]
    for node in range(root, end):
        if feature[node] != LEAF:
            # The left branch lies between a node and its right child.
            before = sum(is_leaf[: node - root])
            inside = sum(is_leaf[node - root : node - root + 1 + skip[node]])
            lost = ((1 << inside) - 1) << before
            tests[feature[node]].append((tensors["threshold"][node], number, lost))
    return [tensors["values"][skip[node]][0] for node in range(root, end) if feature[node] == LEAF]


def _on_a_grid(leaves: list[list[float]]) -> list[tuple[float, ...]] | None:
    """The values rounded to multiples of a power of two of which no sum has more than 52 bits."""
    bound = sum(max(map(abs, each)) for each in leaves)
    if not bound:
        return [tuple(each) for each in leaves]
    if not 1e-200 < bound < 1e200:
        return None
    step = 2.0 ** (frexp(bound)[1] - 50)
    return [tuple(round(value / step) * step for value in each) for each in leaves]


def _literal(edges: tuple[float, ...]) -> str:
    """``edges`` in Python, where infinity has no name."""
    return repr(edges).replace("inf", "1e999")
