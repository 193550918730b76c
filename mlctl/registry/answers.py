"""Example rows with the answers of scikit-learn, and the comparison of other answers with them.

This module does not import scikit-learn, because packaging and deploying compare answers without it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mlctl.data.values import Label, Value

FORMAT = 2
Parity = Literal["exact", "close"]
# `close`: the largest difference, relative to the largest number of the answer.
CLOSE = 1e-9


@dataclass(frozen=True)
class Answer:
    """The answer of scikit-learn for one row.

    A classifier gives the position of the class (``index``) and the probabilities, or the scores if it has no
    probabilities. A regression gives a number (``value``), or with several targets a number for each by name
    (``values``).
    """

    index: int | None = None
    probabilities: tuple[float, ...] | None = None
    scores: tuple[float, ...] | None = None
    value: float | None = None
    values: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Example:
    """One row of features, as in a request, and its answer."""

    features: tuple[Value, ...]
    answer: Answer


def to_document(examples: Iterable[Example]) -> dict[str, Any]:
    """The content of ``golden.json`` and ``heldout.json``."""
    return {
        "format": FORMAT,
        "examples": [{"features": list(example.features), **_document(example.answer)} for example in examples],
    }


def from_document(document: dict[str, Any]) -> list[Example]:
    """The examples in the content of ``golden.json`` or ``heldout.json``."""
    return [Example(features=tuple(item["features"]), answer=_answer(item)) for item in document["examples"]]


def agrees(body: object, expected: Answer, labels: Sequence[Label], parity: Parity) -> bool:
    """Whether an answer of ``POST /predict`` agrees with the answer of scikit-learn.

    The class must be the same. The numbers must be equal to the last bit (``exact``), or differ by at most CLOSE
    times the largest of them (``close``). ``labels``: the classes by position.
    """
    if not isinstance(body, dict):
        return False
    actual, required = body.get("probabilities"), expected.probabilities
    if required is None:
        actual, required = body.get("scores"), expected.scores
    if expected.value is not None:
        actual, required = [body.get("prediction")], (expected.value,)
    elif expected.values is not None:
        prediction = body.get("prediction")
        if not isinstance(prediction, dict) or prediction.keys() != expected.values.keys():
            return False
        actual, required = [prediction[name] for name in expected.values], tuple(expected.values.values())
    elif expected.index is None or not _same_label(body.get("prediction"), labels[expected.index]):
        return False
    if required is None or not isinstance(actual, list) or len(actual) != len(required):
        return False
    if not all(isinstance(number, float | int) for number in actual):
        return False
    tolerance = 0.0 if parity == "exact" else CLOSE * max(map(abs, required))
    return all(abs(number - reference) <= tolerance for number, reference in zip(actual, required, strict=True))


def describe(answer: Answer, labels: Sequence[Label]) -> str:
    """An answer as text for a message."""
    if answer.values is not None:
        return ", ".join(f"{name} {value!r}" for name, value in answer.values.items())
    if answer.index is None:
        return repr(answer.value)
    return f"class {labels[answer.index]!r} with {answer.probabilities or answer.scores}"


def _same_label(answered: object, label: Label) -> bool:
    # In Python True == 1. In JSON they are different values.
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
