"""Rows with the answers that scikit-learn gave, and when another engine's answers agree with them.

Light on purpose: packaging and deploying compare answers without importing scikit-learn.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

FORMAT = 1
Parity = Literal["exact", "close"]
# `close`: no number is off by more than this part of the largest number of the answer.
CLOSE = 1e-9


@dataclass(frozen=True)
class Answer:
    """What scikit-learn says of one row: the position of the class, and the probabilities if it has them."""

    index: int
    probabilities: tuple[float, ...] | None


@dataclass(frozen=True)
class Example:
    """One row of features and its answer."""

    features: tuple[float, ...]
    answer: Answer


def to_document(examples: Iterable[Example]) -> dict[str, Any]:
    """The content of ``golden.json`` and ``heldout.json``."""
    return {
        "format": FORMAT,
        "examples": [
            {
                "features": list(example.features),
                "index": example.answer.index,
                "probabilities": list(example.answer.probabilities) if example.answer.probabilities else None,
            }
            for example in examples
        ],
    }


def from_document(document: dict[str, Any]) -> list[Example]:
    """The examples in a ``golden.json`` or ``heldout.json``."""
    return [
        Example(
            features=tuple(each["features"]),
            answer=Answer(
                index=each["index"],
                probabilities=tuple(each["probabilities"]) if each["probabilities"] else None,
            ),
        )
        for each in document["examples"]
    ]


def agrees(body: object, expected: Answer, labels: Sequence[int | str], parity: Parity) -> bool:
    """Whether an answer of ``POST /predict`` is scikit-learn's.

    The class must be the same, and the numbers equal to the last bit (``exact``), or off by at most
    CLOSE times the largest of them (``close``).
    """
    if not isinstance(body, dict) or body.get("prediction") != labels[expected.index]:
        return False
    got, want = body.get("probabilities"), expected.probabilities
    if want is None or not isinstance(got, list) or len(got) != len(want):
        return False
    bound = 0.0 if parity == "exact" else CLOSE * max(want)
    return all(abs(one - other) <= bound for one, other in zip(got, want, strict=True))
