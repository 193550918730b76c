"""Checks of numbers and flags in a model file, for several families of operations."""

from __future__ import annotations

from handler.ops import InvalidModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Program


def flag(value: Any) -> bool:
    """Parse true or false. Raises InvalidModel for anything else."""
    if type(value) is not bool:
        raise InvalidModel("a flag of a step is neither true nor false")
    return value


def whole(value: Any, low: int, high: int) -> int:
    """Parse a whole number from ``low`` to ``high``. Raises InvalidModel for anything else."""
    if type(value) is not int or not low <= value <= high:
        raise InvalidModel(f"a step needs a whole number from {low} to {high}")
    return value


def finite(program: Program, name: str, length: int | None = None) -> list[float]:
    """The float64 tensor ``name``. Raises InvalidModel for another length, or for a number that is not finite."""
    numbers: list[float] = list(program.tensor(name, "d", length))
    if any(number - number != 0 for number in numbers):
        raise InvalidModel(f"tensor {name!r} has a number that is not finite")
    return numbers


def rising(numbers: list[float]) -> list[float]:
    """The numbers themselves. Raises InvalidModel unless they are sorted."""
    if numbers != sorted(numbers):
        raise InvalidModel("knots, edges or quantiles are not sorted")
    return numbers
