"""What several families check of the numbers and switches that they read from a model file."""

from __future__ import annotations

from handler.ops import InvalidModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Program


def flag(given: Any) -> bool:
    """``given``, which is true or false; InvalidModel for anything else."""
    if type(given) is not bool:
        raise InvalidModel("a switch of a step is neither true nor false")
    return given


def whole(given: Any, low: int, high: int) -> int:
    """``given``, a whole number from ``low`` to ``high``; InvalidModel for anything else."""
    if type(given) is not int or not low <= given <= high:
        raise InvalidModel(f"a step needs a whole number from {low} to {high}")
    return given


def finite(program: Program, name: str, length: int | None = None) -> list[float]:
    """The float64 tensor ``name``; InvalidModel where it is of another length, or one of its numbers is not finite."""
    numbers: list[float] = list(program.tensor(name, "d", length))
    if any(each - each != 0 for each in numbers):
        raise InvalidModel(f"tensor {name!r} holds a number that is not finite")
    return numbers


def rising(numbers: list[float]) -> list[float]:
    """``numbers``; InvalidModel where one is below the one before it."""
    if numbers != sorted(numbers):
        raise InvalidModel("knots, edges or quantiles fall")
    return numbers
