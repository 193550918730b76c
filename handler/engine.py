"""Loads a portable model (docs/FORMAT.md) and predicts one row at a time."""

from __future__ import annotations

import json

from handler.ops import InvalidModel, Program, UnprocessableRow
from handler.safetensors import read, unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Row, Transformer

MODEL_FORMAT = 3

# What reading a broken file, or one without its generated code, may raise.
BROKEN = (
    *(ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError),
    *(MemoryError, ImportError),
)

__all__ = ["InvalidModel", "PortableModel", "UnprocessableRow", "load"]


class PortableModel:
    """A chain of transformers and one predictor; the arithmetic of the fitted pipeline it came from.

    ``kind`` is that of the predictor, one of handler.ops.PREDICTORS.
    """

    def __init__(self, transformers: list[Transformer], predictor: Any, kind: str) -> None:
        self.kind = kind
        self._transformers = transformers
        self._predictor = predictor

    def predict(self, row: Row) -> Any:
        """What a predictor of its kind gives (see handler.ops): of a classifier ``(class index, probabilities)``.

        ``row``: in the schema's order, floats with NaN for what is missing, and text with None.
        Raises UnprocessableRow for values that the model cannot compute with, InvalidModel for a file that is broken.
        """
        try:
            for transform in self._transformers:
                row = transform(row)
            return self._predictor(row)
        except UnprocessableRow:
            raise
        except (IndexError, ArithmeticError, ValueError, TypeError) as error:
            # Of a large model only the header is checked when it is loaded.
            raise InvalidModel(f"the model does not compute: {error}") from error


def load(path: str, n_features: int, generated: bool = False) -> PortableModel:
    """The PortableModel in the safetensors file at ``path``.

    ``generated``: the package ships ``handler.generated``, the forest as Python code.
    Raises InvalidModel for a file that breaks the format.
    """
    try:
        metadata, tensors = read(path)
        if metadata["mlctl.format"] != str(MODEL_FORMAT):
            raise InvalidModel(f"model format {metadata['mlctl.format']}; this handler reads format {MODEL_FORMAT}")
        program = json.loads(metadata["mlctl.program"], object_pairs_hook=unique)
        if type(program["n_features"]) is not int or program["n_features"] != n_features:
            raise InvalidModel("the model and the schema differ in the number of features")
        kind, transformers, predictor = Program(tensors, generated).model(program["steps"], list(range(n_features)))
    except InvalidModel:
        raise
    except BROKEN as error:
        raise InvalidModel(f"not a portable model: {error}") from error
    return PortableModel(transformers, predictor, kind)
