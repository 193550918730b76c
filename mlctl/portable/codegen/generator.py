"""A small ensemble of trees as Python code: nested ``if``s, or for much boosting bit vectors (``bitvectors.py``).

The arrays stay the truth; this is derived from them, ships beside them, and passes the same parity
check. It pays only with bytecode for the target's Python: compiling it at a cold start would cost
more than it saves. One function holds all trees: a call for each would cost as much as a walk down it.
"""

from typing import Any

import numpy as np

from mlctl.portable.codegen import bitvectors, nodes
from mlctl.portable.codegen.nodes import LEAF, as_lists
from mlctl.portable.ir.program import PortableModel, Step

# Their bytecode takes some 4 ms to load, and 5 MB of memory.
MAX_NODES = 150_000
# Beyond so many additions the code is larger than the arrays and no faster.
MAX_ADDITIONS = 1_000_000
# Python refuses indentation deeper than 100 levels.
MAX_DEPTH = 90


def generate(model: PortableModel) -> str | None:
    """Source of ``sums(row)``, the sums over the trees of the last step; None where it does not fit.

    ``row`` is what reaches the trees, none of it beyond float32, and missing values (NaN) only where the step says
    where they go. It need not be rounded to float32, nor harms it. ``sums`` may give None: the arrays are to decide.
    """
    step = model.steps[-1]
    if "skip" not in step.tensors or len(step.tensors["feature"]) > MAX_NODES or _additions(step) > MAX_ADDITIONS:
        return None
    return bitvectors.generate(step) or _nested(step)


def regenerate(model: PortableModel) -> str | None:
    """As ``generate``, for a model that was read from a file: ValueError where its trees are not whole."""
    step = model.steps[-1]
    # More nodes than code is written for are not looked at one by one.
    if "skip" in step.tensors and len(step.tensors.get("feature", ())) <= MAX_NODES:
        nodes.check(step)
    return generate(model)


def _additions(step: Step) -> int:
    """How many numbers the leaves add: a zero is not added."""
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
    """What the sums begin with: nothing, but for boosting. Leaves of one value without it: a total for each tree."""
    given: list[float] | None = step.params.get("start")
    one = step.params.get("width") == 1
    return given or [0.0] * (step.params["n_trees"] if one else step.tensors["values"].shape[1])


def _targets(step: Step, number: int, totals: int) -> list[int]:
    """The totals that the values of a leaf of tree ``number`` are added to."""
    width = step.tensors["values"].shape[1]
    return list(range(totals)) if width == totals else [number % totals]


def _write_tree(
    root: int, end: int, targets: list[int], tensors: dict[str, Any], categories: int, lines: list[str]
) -> bool:
    """Append the tree from ``root`` to ``end``; False when it is too deep. A stack, no recursion: depth is the model's.

    The larger branch stands first: the shorter a jump is, the faster Python takes it.
    """
    feature, skip, values = (tensors[name] for name in ("feature", "skip", "values"))
    todo: list[tuple[int, int, int, str]] = [(root, end, 1, "")]
    while todo:
        node, end, depth, before = todo.pop()
        if depth > MAX_DEPTH:
            return False
        if before:
            lines.append(" " * (depth - 1) + before)
        indent = " " * depth
        if feature[node] == LEAF:
            # A zero is not added: it changes no bit, since no total is ever -0.0.
            added = [f"t{at} += {value!r}" for at, value in zip(targets, values[skip[node]], strict=True) if value]
            lines.append(indent + ("; ".join(added) or "pass"))
        else:
            right = node + 1 + skip[node]
            branches = [(node + 1, right), (right, end)]
            left_first = right - node - 1 >= end - right
            first, second = branches if left_first else reversed(branches)
            todo.append((*second, depth + 1, "else:"))
            todo.append((*first, depth + 1, f"if {_test(node, tensors, categories, left_first)}:"))
    return True


def _test(node: int, tensors: dict[str, Any], categories: int, left: bool) -> str:
    """Whether a row goes to the ``left`` (the next node) or to the right: by its number, or by its category.

    NaN compares false, so of two tests that part all numbers alike the one is written that sends NaN its way.
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
    # Python makes a constant of such a set.
    known = f"{{{', '.join(map(str, codes))}}}"
    if not gap_left:
        return f"x{feature} {'in' if left else 'not in'} {known}"
    # NaN alone differs from itself.
    if left:
        return f"x{feature} in {known} or x{feature} != x{feature}"
    return f"x{feature} not in {known} and x{feature} == x{feature}"


def _literal(threshold: float) -> str:
    """``threshold`` in Python: infinity, at which a node parts missing values from all others, has no name there."""
    return repr(threshold).replace("inf", "1e999")
