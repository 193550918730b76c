"""What is a number that a model can compute with, and the words for what is none."""

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
    """The smallest and the largest number in training; without one, all that a model can compute with."""
    low, high = feature["min"], feature["max"]
    return (-LARGEST if low is None else max(low, -LARGEST)), (LARGEST if high is None else min(high, LARGEST))


def outside(value: str, low: str, high: str) -> str:
    """The warning about a value that training had none like."""
    return f"{value} is outside the training range {low} to {high}"


def no_number(value: Any) -> str:
    """What is wrong with a value that is not taken for a number."""
    if isinstance(value, float) and not -INFINITY <= value <= INFINITY:
        return "must be a number, not NaN"
    if isinstance(value, float) and value in (INFINITY, -INFINITY):
        return "must be finite, not infinite"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "is too large: the model reads numbers as float32, up to 3.4e38"
    return f"must be a number, not {called(value)}"


def called(value: Any) -> str:
    """What a JSON value is called in a refusal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    kinds = {str: "a string", int: "a number", float: "a number", type(None): "null", list: "a list"}
    return kinds.get(type(value), "this")
