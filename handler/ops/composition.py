"""Steps that contain other steps, and scikit-learn's checks of a row between steps.

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
    """Concatenate blocks. Each transforms the columns at its positions; a column may be in several blocks."""
    blocks = []
    out: Origins = []
    if type(step["blocks"]) is not list:
        raise InvalidModel("blocks are a list")
    for block in step["blocks"]:
        inputs = positions(block["columns"], len(origins))
        functions, block_out = program.transformers(block["steps"], [origins[column] for column in inputs])
        blocks.append((inputs, functions))
        out += block_out

    def transform(row: Row) -> Row:
        whole: list[Any] = []
        for inputs, functions in blocks:
            part: Row = [row[column] for column in inputs]
            for function in functions:
                part = function(part)
            whole += part
        return whole

    return "transformer", transform, out


def present(step: Any, program: Program, origins: Origins) -> Built:
    """Refuse a row with a missing value, as the next step in scikit-learn does."""
    return "transformer", missing_check(origins), origins


def finite(step: Any, program: Program, origins: Origins) -> Built:
    """Refuse a row with an infinite number, as the next step in scikit-learn does."""

    def check(row: Row) -> Row:
        for origin, value in zip(origins, row, strict=True):
            if value in INFINITIES:
                raise UnprocessableRow(origin, "becomes infinite inside this model")
        return row

    return "transformer", check, origins


def missing_check(origins: Origins) -> Transformer:
    """A function that returns a row unchanged, and refuses one with a missing value."""

    def check(row: Row) -> Row:
        for origin, value in zip(origins, row, strict=True):
            if value is None or value != value:  # noqa: PLR0124  # NaN is the only number that differs from itself
                raise UnprocessableRow(origin, "is missing, and this model accepts no missing values")
        return row

    return check


BUILDERS = {"columns": columns, "present": present, "finite": finite}
