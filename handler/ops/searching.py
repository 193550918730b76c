"""A class by a threshold of its probability or score.

Source: sklearn/model_selection/_classification_threshold.py, sklearn/metrics/_scorer.py
(``_threshold_scores_to_class_labels``), sklearn/utils/_response.py.
"""

from __future__ import annotations

from handler.ops import InvalidModel, everything, scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Built, Origins, Program, Row


def threshold(step: Any, program: Program, origins: Origins) -> Built:
    """The class ``positive`` of two where its probability, or its score, is at least the threshold."""
    (block,) = step["blocks"]
    if not everything(block["columns"], len(origins)):
        raise InvalidModel("a threshold's model takes all columns")
    kind, transformers, predictor = program.model(block["steps"], origins)
    if kind not in ("classifier", "scorer"):
        raise InvalidModel("a threshold needs a classifier")
    bound, positive = scalar(step["threshold"]), step["positive"]
    if type(bound) is not float or type(positive) is not int or positive not in (0, 1):
        raise InvalidModel("a threshold is a number, for one of two classes")

    def predict(row: Row) -> tuple[int, list[float]]:
        for transform in transformers:
            row = transform(row)
        numbers = predictor(row)[1]
        if len(numbers) != (2 if kind == "classifier" else 1):
            raise InvalidModel("a threshold parts two classes")
        # A score is one number, of the second class.
        number = numbers[positive] if kind == "classifier" else numbers[0] if positive else -numbers[0]
        return positive if number >= bound else 1 - positive, numbers

    return kind, predict, []


BUILDERS = {"threshold": threshold}
