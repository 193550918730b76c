"""Link functions, from raw predictions to answers. Source: sklearn/_loss/link.py, sklearn/utils/extmath.py."""

from __future__ import annotations

from math import exp, fsum

from handler.ops import NO_NUMBER, UnprocessableRow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def expit(raw: float) -> float:
    """``1 / (1 + exp(-raw))``; 0 if exp exceeds float64, as in scikit-learn."""
    try:
        return 1.0 / (1.0 + exp(-raw))
    except OverflowError:
        return 0.0


def exponential(raw: float) -> float:
    """``exp(raw)``. Raises UnprocessableRow unless the result is finite."""
    try:
        power = exp(raw)
    except OverflowError:
        power = float("inf")
    if power - power != 0:
        raise UnprocessableRow(None, NO_NUMBER)
    return power


def softmax(raw: Sequence[float]) -> list[float]:
    """Each ``exp(raw)`` as a share of their sum. Raises UnprocessableRow if one of them is NaN or infinite."""
    highest = max(raw)
    powers = [exp(number - highest) for number in raw]
    total = fsum(powers)
    if not total >= 1.0:  # NaN
        raise UnprocessableRow(None, NO_NUMBER)
    return [power / total for power in powers]
