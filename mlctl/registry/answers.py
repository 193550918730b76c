"""Rows with the answers that scikit-learn gave, and when another engine's answers agree with them.

Light on purpose: packaging and deploying compare answers without importing scikit-learn.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mlctl.data.values import Label, Value

FORMAT = 2
Parity = Literal["exact", "close"]
# `close`: no number is off by more than this part of the largest number of the answer.
CLOSE = 1e-9


@dataclass(frozen=True)
class Answer:
    """What scikit-learn says of one row.

    Of a class: its position (``index``), and the probabilities, or the scores of a model that knows
    none. Of a regression: the number, in ``value``; of several targets the number of each by name, in ``values``.
    """

    index: int | None = None
    probabilities: tuple[float, ...] | None = None
    scores: tuple[float, ...] | None = None
    value: float | None = None
    values: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Example:
    """One row of features, as a request holds them, and its answer."""

    features: tuple[Value, ...]
    answer: Answer


def to_document(examples: Iterable[Example]) -> dict[str, Any]:
    """The content of ``golden.json`` and ``heldout.json``."""
    return {
        "format": FORMAT,
        "examples": [{"features": list(each.features), **_document(each.answer)} for each in examples],
    }


def from_document(document: dict[str, Any]) -> list[Example]:
    """The examples in a ``golden.json`` or ``heldout.json``."""
    return [Example(features=tuple(each["features"]), answer=_answer(each)) for each in document["examples"]]


def agrees(body: object, expected: Answer, labels: Sequence[Label], parity: Parity) -> bool:
    """Whether an answer of ``POST /predict`` is scikit-learn's.

    The class must be the same, and the numbers equal to the last bit (``exact``), or off by at most
    CLOSE times the largest of them (``close``). ``labels``: the classes by position.
    """
    if not isinstance(body, dict):
        return False
    got, want = body.get("probabilities"), expected.probabilities
    if want is None:
        got, want = body.get("scores"), expected.scores
    if expected.value is not None:
        got, want = [body.get("prediction")], (expected.value,)
    elif expected.values is not None:
        numbers = body.get("prediction")
        if not isinstance(numbers, dict) or numbers.keys() != expected.values.keys():
            return False
        got, want = [numbers[name] for name in expected.values], tuple(expected.values.values())
    elif expected.index is None or not _same_label(body.get("prediction"), labels[expected.index]):
        return False
    if want is None or not isinstance(got, list) or len(got) != len(want):
        return False
    if not all(isinstance(each, float | int) for each in got):
        return False
    bound = 0.0 if parity == "exact" else CLOSE * max(map(abs, want))
    return all(abs(one - other) <= bound for one, other in zip(got, want, strict=True))


def told(answer: Answer, labels: Sequence[Label]) -> str:
    """An answer in words."""
    if answer.values is not None:
        return ", ".join(f"{name} {value!r}" for name, value in answer.values.items())
    if answer.index is None:
        return repr(answer.value)
    return f"class {labels[answer.index]!r} with {answer.probabilities or answer.scores}"


def _same_label(answered: object, label: Label) -> bool:
    # True == 1 in Python, but not for a caller that reads JSON.
    return answered == label and isinstance(answered, bool) == isinstance(label, bool)


def _document(answer: Answer) -> dict[str, Any]:
    if answer.value is not None:
        return {"value": answer.value}
    if answer.values is not None:
        return {"values": dict(answer.values)}
    if answer.scores is not None:
        return {"index": answer.index, "scores": list(answer.scores)}
    return {"index": answer.index, "probabilities": list(answer.probabilities) if answer.probabilities else None}


def _answer(document: dict[str, Any]) -> Answer:
    if "value" in document:
        return Answer(value=document["value"])
    if "values" in document:
        return Answer(values=document["values"])
    probabilities, scores = document.get("probabilities"), document.get("scores")
    return Answer(
        index=document["index"],
        probabilities=tuple(probabilities) if probabilities else None,
        scores=tuple(scores) if scores else None,
    )
