"""A small forest as Python code: nested ``if``s, the fastest form the standard library can run.

The arrays stay the truth; this is derived from them, ships beside them, and passes the same parity
check. It pays only with bytecode for the target's Python: compiling it at a cold start would cost
more than it saves.
"""

from typing import Any

from mlctl.portable.program import PortableModel
from mlctl.portable.trees import LEAF

MAX_NODES = 10_000
# Python refuses indentation deeper than 100 levels.
MAX_DEPTH = 90


def generate(model: PortableModel) -> str | None:
    """Source of ``forest(row)``, what the leaves hold summed over the trees; None where it does not fit.

    ``row`` is what reaches the trees, in float32, with no value missing: NaN compares false and would
    always go right, so the handler walks the arrays for such a row.
    """
    step = model.steps[-1]
    if step.op not in ("forest", "forest_regressor") or len(step.tensors["feature"]) > MAX_NODES:
        return None
    tensors = {name: tensor.tolist() for name, tensor in step.tensors.items()}
    used = sorted({feature for feature in tensors["feature"] if feature != LEAF})
    names = [f"x{column}" if column in used else "_" for column in range(step.params["n_features"])]
    totals = [f"t{position}" for position in range(step.tensors["values"].shape[1])]
    lines = [
        '"""Generated from model.safetensors: the same comparisons and the same sums in the same order."""',
        "def forest(row):",
        f" {', '.join(names)}, = row",
        f" {' = '.join(totals)} = 0.0",
    ]
    for root in tensors["roots"]:
        if not _write_tree(root, tensors, lines):
            return None
    lines.append(f" return {', '.join(totals)},")
    return "\n".join(lines) + "\n"


def _write_tree(root: int, tensors: dict[str, Any], lines: list[str]) -> bool:
    """Append one tree; False when it is too deep. A stack instead of recursion: depth is the model's."""
    feature, threshold, child, values = (tensors[name] for name in ("feature", "threshold", "child", "values"))
    todo: list[tuple[int, int, str]] = [(root, 1, "")]
    while todo:
        node, depth, before = todo.pop()
        if depth > MAX_DEPTH:
            return False
        if before:
            lines.append(" " * (depth - 1) + before)
        indent = " " * depth
        if feature[node] == LEAF:
            fractions = values[child[node]]
            # Adding 0.0 changes no bit of a sum that began at 0.0: it is never -0.0.
            added = [f"t{position} += {value!r}" for position, value in enumerate(fractions) if value]
            lines.append(indent + ("; ".join(added) or "pass"))
        else:
            left = child[node]
            todo.append((left + 1, depth + 1, "else:"))
            todo.append((left, depth + 1, f"if x{feature[node]} <= {_literal(threshold[node])}:"))
    return True


def _literal(threshold: float) -> str:
    """``threshold`` in Python: infinity, at which a node parts missing values from all others, has no name there."""
    return repr(threshold).replace("inf", "1e999")
