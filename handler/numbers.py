"""Limits of numbers that a model can compute with, and messages about other values."""

from __future__ import annotations

from math import nextafter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

# From here on a float64 rounds to infinity as float32 (largest float32 plus half a unit in its last place).
FLOAT32_LIMIT = 3.4028235677973366e38
LARGEST = nextafter(FLOAT32_LIMIT, 0.0)
INFINITY = float("inf")


def range_of(feature: Json) -> tuple[float, float]:
    """The smallest and largest number in training, or the limits of the model if training had no number."""
    low, high = feature["min"], feature["max"]
    return (-LARGEST if low is None else max(low, -LARGEST)), (LARGEST if high is None else min(high, LARGEST))


def outside_range(value: str, low: str, high: str) -> str:
    """The warning about a value outside the range of the training data."""
    return f"{value} is outside the training range {low} to {high}"


def invalid_number(value: Any) -> str:
    """The problem with a value that is not a valid number."""
    if isinstance(value, float) and not -INFINITY <= value <= INFINITY:
        return "must be a number, not NaN"
    if isinstance(value, float) and value in (INFINITY, -INFINITY):
        return "must be finite, not infinite"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "is too large: the model reads numbers as float32, up to 3.4e38"
    return f"must be a number, not {name_of(value)}"


def name_of(value: Any) -> str:
    """The name of a JSON value in messages."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    kinds = {str: "a string", int: "a number", float: "a number", type(None): "null", list: "a list"}
    return kinds.get(type(value), "this")
