"""OneHotEncoder and OrdinalEncoder: numbers for categories.

The compiler has resolved what each category becomes (dropped, infrequent, missing), so encoding is a table lookup.
 Source: sklearn/preprocessing/_encoders.py (``transform``).
"""

from __future__ import annotations

from handler.ops import InvalidModel, UnprocessableRow, scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Built, Origins, Program, Row

UNSEEN = "was not seen in training, and this model accepts no unseen values"
MISSING = "is missing, but was never missing in training, and this model accepts no unseen values"


def one_hot(step: Any, program: Program, origins: Origins) -> Built:
    """A block of ``width`` columns for each column: 1.0 in the slot of the category, all zeros if the slot is -1."""
    encoders = []
    out: Origins = []
    for column, origin in zip(_columns(step, origins), origins, strict=True):
        width, start = column["width"], len(out)
        # A slot for each category, and one for all unknown values.
        if type(width) is not int or not 0 <= width <= len(column["categories"]) + 1:
            raise InvalidModel("a column has at most one slot more than it has categories")

        def slot(position: Any, width: int = width, start: int = start) -> int:
            if type(position) is not int or not -1 <= position < width:
                raise InvalidModel("a category points outside its slots")
            return start + position if position >= 0 else -1

        encoders.append(_table(column, [slot(position) for position in column["slots"]], slot(column["unknown"]), step))
        out += [origin] * width
    total = len(out)

    def transform(row: Row) -> Row:
        encoded = [0.0] * total
        for position, (table, gap, unknown) in enumerate(encoders):
            slot = table.get(row[position])
            if slot is None:
                slot = _other(row[position], gap, unknown, origins[position])
            if slot >= 0:
                encoded[slot] = 1.0
        return encoded

    return "transformer", transform, out


def ordinal(step: Any, program: Program, origins: Origins) -> Built:
    """The code of each column's category. A null code is NaN, a missing value for the next step."""
    nan = float("nan")

    def code(value: Any) -> float:
        number = nan if value is None else scalar(value)
        if type(number) is str:
            raise InvalidModel("a code is a number or null")
        return float(number)

    encoders = [
        _table(column, [code(value) for value in column["codes"]], code(column["unknown"]), step)
        for column in _columns(step, origins)
    ]

    def transform(row: Row) -> Row:
        encoded = []
        for position, (table, gap, unknown) in enumerate(encoders):
            number = table.get(row[position])
            if number is None:
                number = _other(row[position], gap, unknown, origins[position])
            encoded.append(number)
        return encoded

    return "transformer", transform, origins


def _columns(step: Any, origins: Origins) -> Any:
    if type(step["columns"]) is not list or len(step["columns"]) != len(origins):
        raise InvalidModel("an encoder has an entry for each of its columns")
    if type(step["refuse_unknown"]) is not bool:
        raise InvalidModel("refuse_unknown is true or false")
    return step["columns"]


def _table(column: Any, codes: list[Any], unknown: Any, step: Any) -> tuple[dict[Any, Any], Any, Any]:
    """``(code by category, code of a missing value, code of any other value)``; a code of None refuses the value."""
    categories = column["categories"]
    if type(categories) is not list or len(categories) != len(codes):
        raise InvalidModel("an encoder needs a code for each category")
    table = {scalar(category): code for category, code in zip(categories, codes, strict=True) if category is not None}
    if len(table) + (None in categories) != len(categories):
        raise InvalidModel("an encoder has each category once")
    other = None if step["refuse_unknown"] else unknown
    return table, codes[categories.index(None)] if None in categories else other, other


def _other(value: Any, gap: Any, unknown: Any, origin: int) -> Any:
    """The code of a value that is not in the table: missing, or not seen in training."""
    missing = value is None or value != value  # noqa: PLR0124  # NaN alone differs from itself
    code = gap if missing else unknown
    if code is None:
        raise UnprocessableRow(origin, MISSING if missing else UNSEEN)
    return code


BUILDERS = {"one_hot": one_hot, "ordinal": ordinal}
