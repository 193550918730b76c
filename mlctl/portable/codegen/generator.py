"""Generates Python code for small ensembles of trees: nested ``if``s, or bit vectors (``bitvectors.py``) for boosting.

The arrays remain authoritative. The code is derived from them, is shipped beside them, and passes the same parity
check. It pays off only with bytecode for the target's Python: compiling it at a cold start costs more than it saves.
One function contains all trees, because a call for each would cost as much as a walk down the tree.
"""

from typing import Any

import numpy as np

from mlctl.portable.codegen import bitvectors, nodes
from mlctl.portable.codegen.nodes import LEAF, as_lists
from mlctl.portable.ir.program import PortableModel, Step

# The bytecode of so many nodes takes about 4 ms to load, and 5 MB of memory.
MAX_NODES = 150_000
# With more additions, the code is larger than the arrays and no faster.
MAX_ADDITIONS = 1_000_000
# Python refuses indentation deeper than 100 levels.
MAX_DEPTH = 90


def generate(model: PortableModel) -> str | None:
    """The source of ``sums(row)``, the sums over the trees of the last step; None if code does not suit the model.

    ``row`` is the input of the trees. Its numbers do not exceed float32, but need not be rounded to it. It may have
    missing values (NaN) only if the step has directions for them. If ``sums`` returns None, the arrays decide.
    """
    step = model.steps[-1]
    if "skip" not in step.tensors or len(step.tensors["feature"]) > MAX_NODES or _additions(step) > MAX_ADDITIONS:
        return None
    return bitvectors.generate(step) or _nested(step)


def regenerate(model: PortableModel) -> str | None:
    """Like ``generate``, for a model from a file. Raises ValueError for invalid trees."""
    step = model.steps[-1]
    # Models too large for generated code are not checked node by node.
    if "skip" in step.tensors and len(step.tensors.get("feature", ())) <= MAX_NODES:
        nodes.check(step)
    return generate(model)


def _additions(step: Step) -> int:
    """How many numbers the leaves add; zeros are not added."""
    rows = step.tensors["skip"][step.tensors["feature"] == LEAF]
    return int(np.count_nonzero(step.tensors["values"], axis=1)[rows].sum())


def _nested(step: Step) -> str | None:
    tensors = as_lists(step)
    categories = step.params.get("categories", 0)
    used = {feature for feature in tensors["feature"] if feature != LEAF}
    names = [f"x{column}" if column in used else "_" for column in range(step.params["n_features"])]
    start = _start(step)
    lines = [
        '"""Generated from model.safetensors: the same comparisons and the same sums in the same order."""',
        "def sums(row):",
        f" {', '.join(names)}, = row",
        *(f" t{position} = {first!r}" for position, first in enumerate(start)),
    ]
    ends = [*tensors["roots"][1:], len(tensors["feature"])]
    for number, (root, end) in enumerate(zip(tensors["roots"], ends, strict=True)):
        if not _write_tree(root, end, _targets(step, number, len(start)), tensors, categories, lines):
            return None
    lines.append(f" return {', '.join(f't{position}' for position in range(len(start)))},")
    return "\n".join(lines) + "\n"


def _start(step: Step) -> list[float]:
    """The initial totals: those of boosting, or zeros. Without a start, trees with one value have a total each."""
    start: list[float] | None = step.params.get("start")
    is_total_per_tree = step.params.get("width") == 1
    return start or [0.0] * (step.params["n_trees"] if is_total_per_tree else step.tensors["values"].shape[1])


def _targets(step: Step, number: int, totals: int) -> list[int]:
    """The totals to which a leaf of tree ``number`` adds its values."""
    width = step.tensors["values"].shape[1]
    return list(range(totals)) if width == totals else [number % totals]


def _write_tree(
    root: int, end: int, targets: list[int], tensors: dict[str, Any], categories: int, lines: list[str]
) -> bool:
    """Append the lines of the tree from ``root`` to ``end``. Return False if the tree is too deep.

    A stack replaces recursion, because the model determines the depth. The larger branch comes first, because Python
    takes a shorter jump faster.
    """
    feature, skip, values = (tensors[name] for name in ("feature", "skip", "values"))
    pending: list[tuple[int, int, int, str]] = [(root, end, 1, "")]
    while pending:
        node, end, depth, header = pending.pop()
        if depth > MAX_DEPTH:
            return False
        if header:
            lines.append(" " * (depth - 1) + header)
        indent = " " * depth
        if feature[node] == LEAF:
            # Adding zero changes no bit, because no total is ever -0.0.
            additions = [
                f"t{total} += {value!r}" for total, value in zip(targets, values[skip[node]], strict=True) if value
            ]
            lines.append(indent + ("; ".join(additions) or "pass"))
        else:
            right = node + 1 + skip[node]
            branches = [(node + 1, right), (right, end)]
            left_first = right - node - 1 >= end - right
            first, second = branches if left_first else reversed(branches)
            pending.append((*second, depth + 1, "else:"))
            pending.append((*first, depth + 1, f"if {_test(node, tensors, categories, left_first)}:"))
    return True


def _test(node: int, tensors: dict[str, Any], categories: int, left: bool) -> str:
    """The condition for a row to go left (to the next node) or right, by its number or category.

    Comparisons with NaN are false. Of the two equivalent conditions for numbers, this one also sends NaN the right way.
    """
    feature, threshold = tensors["feature"][node], tensors["threshold"][node]
    gap_left = "missing" in tensors and tensors["missing"][node] == 0
    if feature < categories:
        return _test_of_category(feature, tensors["sets"][int(threshold)], left, gap_left)
    plain = "<=" if left else ">"
    opposite = ">" if left else "<="
    if "missing" not in tensors or gap_left != left:
        return f"x{feature} {plain} {_literal(threshold)}"
    return f"not x{feature} {opposite} {_literal(threshold)}"


def _test_of_category(feature: int, words: list[int], left: bool, gap_left: bool) -> str:
    codes = [code for code in range(len(words) * 32) if words[code >> 5] >> (code & 31) & 1]
    # Python compiles such a set to a constant.
    category_set = f"{{{', '.join(map(str, codes))}}}"
    if not gap_left:
        return f"x{feature} {'in' if left else 'not in'} {category_set}"
    # NaN is the only number that differs from itself.
    if left:
        return f"x{feature} in {category_set} or x{feature} != x{feature}"
    return f"x{feature} not in {category_set} and x{feature} == x{feature}"


def _literal(threshold: float) -> str:
    """A threshold as a Python literal. An infinite threshold separates missing values from all others."""
    return repr(threshold).replace("inf", "1e999")
