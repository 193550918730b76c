"""From raw predictions to numbers and probabilities. Source: sklearn/_loss/link.py, sklearn/utils/extmath.py."""

from __future__ import annotations

from math import exp, fsum

from handler.ops import NO_NUMBER, UnprocessableRow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def expit(raw: float) -> float:
    """``1 / (1 + exp(-raw))``; 0 where exp leaves float64, as in scikit-learn."""
    try:
        return 1.0 / (1.0 + exp(-raw))
    except OverflowError:
        return 0.0


def exponential(raw: float) -> float:
    """``exp(raw)``; raises UnprocessableRow where that is no finite number."""
    try:
        found = exp(raw)
    except OverflowError:
        found = float("inf")
    if found - found != 0:
        raise UnprocessableRow(None, NO_NUMBER)
    return found


def softmax(raw: Sequence[float]) -> list[float]:
    """``exp(raw)``, each as a share of their sum; raises UnprocessableRow where one of them is NaN or infinite."""
    highest = max(raw)
    powers = [exp(each - highest) for each in raw]
    total = fsum(powers)
    if not total >= 1.0:  # NaN
        raise UnprocessableRow(None, NO_NUMBER)
    return [power / total for power in powers]
