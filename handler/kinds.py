"""Readers for the values of each kind of feature; imported only if the schema has more than plain numbers.

A reader takes a JSON value and a list for warnings, and returns the value for the engine: a float (NaN if missing) or
text (None if missing). It raises ValueError with the problem.
"""

from __future__ import annotations

from handler.numbers import FLOAT32_LIMIT, INFINITY, invalid_number, name_of, outside_range, range_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Json = dict[str, Any]
    Reader = Callable[[Any, list[str]], Any]

NAN = float("nan")
MILLISECONDS_A_DAY = 86_400_000
# The years 1 to 9999 in UTC, the same limits as in training.
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999
# Longer text is not a date and is not parsed. Messages quote at most this much.
MAX_TEXT = 100


def reader(feature: Json) -> Reader:
    """The reader of a feature of the schema. Raises ValueError for an unknown kind."""
    makers = {"number": _number, "category": _category, "boolean": _boolean, "date": _date}
    kind = feature["kind"]
    if kind not in makers:
        raise ValueError(f"feature {feature['name']!r} is of kind {kind!r}, which this handler does not support")
    read = makers[kind](feature)
    if not feature["nullable"]:
        return read
    missing = None if kind == "category" else NAN

    def or_null(value: Any, warnings: list[str]) -> Any:
        return missing if value is None else read(value, warnings)

    return or_null


def _number(feature: Json) -> Reader:
    low, high = range_of(feature)
    whole = bool(feature.get("integer"))

    def read(value: Any, warnings: list[str]) -> float:
        kind = type(value)
        if not ((kind is float or kind is int) and -FLOAT32_LIMIT < value < FLOAT32_LIMIT):
            raise ValueError(invalid_number(value))
        if not low <= value <= high:
            warnings.append(outside_range(repr(value), repr(low), repr(high)))
        number = float(value)
        if whole and not number.is_integer():
            warnings.append(f"{value!r} is not a whole number; all values in training were")
        return number

    return read


def _category(feature: Json) -> Reader:
    # The values of held-out rows are listed too, with a count of 0.
    seen = frozenset([value for value, count in zip(feature["values"], feature["counts"], strict=True) if count])

    def read(value: Any, warnings: list[str]) -> str:
        if type(value) is not str:
            raise ValueError(f"must be text, not {name_of(value)}")
        if value not in seen:
            warnings.append(f"{_quoted(value)} was not seen in training")
        return value

    return read


def _boolean(feature: Json) -> Reader:
    counts = {True: feature["true"], False: feature["false"]}

    def read(value: Any, warnings: list[str]) -> float:
        if type(value) is not bool:
            raise ValueError(f"must be true or false, not {name_of(value)}")
        if not counts[value]:
            warnings.append(f"{name_of(value)} was not seen in training")
        return float(value)

    return read


def _date(feature: Json) -> Reader:
    # Imported here, so that only a schema with dates pays for it.
    from datetime import datetime, timedelta, timezone

    utc = timezone.utc  # noqa: UP017  # datetime.UTC costs another lookup
    epoch = datetime(1970, 1, 1, tzinfo=utc)
    millisecond = timedelta(milliseconds=1)

    def days(text: str) -> float:
        """Days since the epoch, rounded down to the millisecond. Text without an offset is UTC."""
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=utc)
        since = (instant - epoch) // millisecond
        if not FIRST_MS <= since <= LAST_MS:
            raise ValueError
        return since / MILLISECONDS_A_DAY

    first, last = feature["min"], feature["max"]
    low = -INFINITY if first is None else days(first)
    high = INFINITY if last is None else days(last)

    def read(value: Any, warnings: list[str]) -> float:
        if type(value) is not str:
            raise ValueError(f"must be an ISO 8601 date such as 2024-03-01, not {name_of(value)}")
        try:
            if len(value) > MAX_TEXT:
                raise ValueError
            day = days(value)
        except (ValueError, OverflowError):
            raise ValueError(f"must be an ISO 8601 date such as 2024-03-01, not {_quoted(value)}") from None
        if not low <= day <= high:
            warnings.append(outside_range(value, first, last))
        return day

    return read


def _quoted(text: str) -> str:
    return f"'{text[:MAX_TEXT]}'"
