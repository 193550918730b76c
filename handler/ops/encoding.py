"""OneHotEncoder and OrdinalEncoder: numbers for categories.

What becomes of each category (dropped, infrequent, missing) is settled when the model is compiled:
here it is one look into a table. Source: sklearn/preprocessing/_encoders.py (``transform``).
"""

from __future__ import annotations

from handler.ops import InvalidModel, UnprocessableRow, scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Built, Origins, Program, Row

UNSEEN = "is a value not seen in training, and this model takes no other"
MISSING = "is missing, which it never was in training, and this model takes only what it has seen"


def one_hot(step: Any, program: Program, origins: Origins) -> Built:
    """A block of ``width`` columns for each column: 1.0 in the category's slot, none where the slot is -1."""
    encoders = []
    out: Origins = []
    for column, origin in zip(_columns(step, origins), origins, strict=True):
        width, start = column["width"], len(out)
        # A category each, and one for all that are not known.
        if type(width) is not int or not 0 <= width <= len(column["categories"]) + 1:
            raise InvalidModel("a column has at most as many slots as categories and one more")

        def slot(given: Any, width: int = width, start: int = start) -> int:
            if type(given) is not int or not -1 <= given < width:
                raise InvalidModel("a category points outside its slots")
            return start + given if given >= 0 else -1

        encoders.append(_table(column, [slot(each) for each in column["slots"]], slot(column["unknown"]), step))
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
    """The code of each column's category; a code of null is NaN, a missing value for what follows."""
    nan = float("nan")

    def code(given: Any) -> float:
        number = nan if given is None else scalar(given)
        if type(number) is str:
            raise InvalidModel("a code is a number or null")
        return float(number)

    encoders = [
        _table(column, [code(each) for each in column["codes"]], code(column["unknown"]), step)
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
        raise InvalidModel("an encoder has an entry for each column that it takes")
    if type(step["refuse_unknown"]) is not bool:
        raise InvalidModel("an encoder refuses what it does not know, or not")
    return step["columns"]


def _table(column: Any, codes: list[Any], unknown: Any, step: Any) -> tuple[dict[Any, Any], Any, Any]:
    """``(category → code, code of a missing value, code of any other)``; None stands for one that is refused."""
    categories = column["categories"]
    if type(categories) is not list or len(categories) != len(codes):
        raise InvalidModel("an encoder needs a code for each category")
    table = {scalar(each): code for each, code in zip(categories, codes, strict=True) if each is not None}
    if len(table) + (None in categories) != len(categories):
        raise InvalidModel("an encoder has a category once")
    other = None if step["refuse_unknown"] else unknown
    return table, codes[categories.index(None)] if None in categories else other, other


def _other(value: Any, gap: Any, unknown: Any, origin: int) -> Any:
    """The code of a value that is in no table: a missing one, or one not seen in training."""
    missing = value is None or value != value  # noqa: PLR0124  # NaN alone differs from itself
    code = gap if missing else unknown
    if code is None:
        raise UnprocessableRow(origin, MISSING if missing else UNSEEN)
    return code


BUILDERS = {"one_hot": one_hot, "ordinal": ordinal}
