"""Loads a portable model (docs/FORMAT.md) and predicts one row at a time."""

from __future__ import annotations

import json

from handler.ops import InvalidModel, Program, Unanswerable
from handler.safetensors import read

# Not from typing: importing it would cost a cold start some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Row, Transformer

MODEL_FORMAT = 2

__all__ = ["InvalidModel", "PortableModel", "Unanswerable", "load"]


class PortableModel:
    """A chain of transformers and one predictor; the arithmetic of the fitted pipeline it came from.

    ``kind`` is that of the predictor: "classifier" or "regressor".
    """

    def __init__(self, transformers: list[Transformer], predictor: Any, kind: str) -> None:
        self.kind = kind
        self._transformers = transformers
        self._predictor = predictor

    def predict(self, row: Row) -> Any:
        """``(class index, probabilities)`` of a classifier, the number of a regressor.

        ``row``: in the schema's order, floats with NaN for what is missing, and text with None.
        Raises Unanswerable for values that the model cannot compute with.
        """
        for transform in self._transformers:
            row = transform(row)
        return self._predictor(row)


def load(path: str, n_features: int, generated: bool = False) -> PortableModel:
    """The PortableModel in the safetensors file at ``path``.

    ``generated``: the package ships ``handler.generated``, the forest as Python code.
    Raises InvalidModel for a file that breaks the format.
    """
    try:
        metadata, tensors = read(path)
        if metadata["mlctl.format"] != str(MODEL_FORMAT):
            raise InvalidModel(f"model format {metadata['mlctl.format']}; this handler reads format {MODEL_FORMAT}")
        program = json.loads(metadata["mlctl.program"])
        if program["n_features"] != n_features:
            raise InvalidModel("the model and the schema differ in the number of features")
        built, _ = Program(tensors, generated).build(program["steps"], list(range(n_features)))
    except InvalidModel:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise InvalidModel(f"not a portable model: {error}") from error
    kinds = [kind for kind, _ in built]
    if not kinds or kinds[-1] == "transformer" or set(kinds[:-1]) - {"transformer"}:
        raise InvalidModel("a program is transformers followed by one predictor")
    return PortableModel([function for _, function in built[:-1]], built[-1][1], kinds[-1])
