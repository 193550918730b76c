"""Classification by a threshold for the probability or score of a class.

Source: sklearn/model_selection/_classification_threshold.py, sklearn/metrics/_scorer.py
(``_threshold_scores_to_class_labels``), sklearn/utils/_response.py.
"""

from __future__ import annotations

from handler.ops import InvalidModel, is_all_columns, scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Built, Origins, Program, Row


def threshold(step: Any, program: Program, origins: Origins) -> Built:
    """Predict the class ``positive`` if its probability or score is at least the threshold, else the other class."""
    (block,) = step["blocks"]
    if not is_all_columns(block["columns"], len(origins)):
        raise InvalidModel("a threshold's model takes all columns")
    kind, transformers, predictor = program.model(block["steps"], origins)
    if kind not in ("classifier", "scorer"):
        raise InvalidModel("a threshold needs a classifier")
    bound, positive = scalar(step["threshold"]), step["positive"]
    if type(bound) is not float or type(positive) is not int or positive not in (0, 1):
        raise InvalidModel("a threshold is a number, and its class is 0 or 1")

    def predict(row: Row) -> tuple[int, list[float]]:
        for transform in transformers:
            row = transform(row)
        numbers = predictor(row)[1]
        if len(numbers) != (2 if kind == "classifier" else 1):
            raise InvalidModel("a threshold needs two classes")
        # A score is one number, that of the second class.
        number = numbers[positive] if kind == "classifier" else numbers[0] if positive else -numbers[0]
        return positive if number >= bound else 1 - positive, numbers

    return kind, predict, []


BUILDERS = {"threshold": threshold}
