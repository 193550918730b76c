"""Steps made of other steps, and the check that scikit-learn makes of a row between steps.

Source: sklearn/compose/_column_transformer.py (``transform``), sklearn/utils/validation.py (``check_array``).
"""

from __future__ import annotations

from handler.ops import InvalidModel, UnprocessableRow, positions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Built, Origins, Program, Row, Transformer

INFINITIES = (float("inf"), float("-inf"))


def columns(step: Any, program: Program, origins: Origins) -> Built:
    """Blocks side by side: each takes the columns at its positions through its steps; a column may be in several."""
    blocks = []
    out: Origins = []
    if type(step["blocks"]) is not list:
        raise InvalidModel("blocks are a list")
    for block in step["blocks"]:
        taken = positions(block["columns"], len(origins))
        functions, block_out = program.transformers(block["steps"], [origins[each] for each in taken])
        blocks.append((taken, functions))
        out += block_out

    def transform(row: Row) -> Row:
        whole: list[Any] = []
        for taken, functions in blocks:
            part: Row = [row[each] for each in taken]
            for function in functions:
                part = function(part)
            whole += part
        return whole

    return "transformer", transform, out


def present(step: Any, program: Program, origins: Origins) -> Built:
    """The row as it is; a missing value is refused, as what follows in scikit-learn refuses it."""
    return "transformer", checker(origins), origins


def finite(step: Any, program: Program, origins: Origins) -> Built:
    """The row as it is; an infinite number is refused, as what follows in scikit-learn refuses it."""

    def check(row: Row) -> Row:
        for origin, value in zip(origins, row, strict=True):
            if value in INFINITIES:
                raise UnprocessableRow(origin, "becomes infinite on the way through this model")
        return row

    return "transformer", check, origins


def checker(origins: Origins) -> Transformer:
    """A function that gives a row back and refuses one with a missing value."""

    def check(row: Row) -> Row:
        for origin, value in zip(origins, row, strict=True):
            if value is None or value != value:  # noqa: PLR0124  # NaN alone differs from itself
                raise UnprocessableRow(origin, "is missing, which this model does not take")
        return row

    return check


BUILDERS = {"columns": columns, "present": present, "finite": finite}
