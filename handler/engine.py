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

# Errors from reading a broken file, or one without its generated code.
BROKEN = (
    *(ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError),
    *(MemoryError, ImportError),
)

__all__ = ["InvalidModel", "PortableModel", "UnprocessableRow", "load"]


class PortableModel:
    """A chain of transformers and one predictor, with the arithmetic of the fitted pipeline.

    ``kind`` is the kind of the predictor, one of handler.ops.PREDICTORS.
    """

    def __init__(self, transformers: list[Transformer], predictor: Any, kind: str) -> None:
        self.kind = kind
        self._transformers = transformers
        self._predictor = predictor

    def predict(self, row: Row) -> Any:
        """Predict one row; see handler.ops for the result of each ``kind``.

        ``row`` has the features in the schema's order: floats (NaN if missing) and text (None if missing).
        Raises UnprocessableRow for values that the model cannot compute with, InvalidModel for a broken file.
        """
        try:
            for transform in self._transformers:
                row = transform(row)
            return self._predictor(row)
        except UnprocessableRow:
            raise
        except (IndexError, ArithmeticError, ValueError, TypeError) as error:
            # Loading checks only the header of a large model.
            raise InvalidModel(f"the model does not compute: {error}") from error


def load(path: str, n_features: int, generated: bool = False) -> PortableModel:
    """Load the PortableModel in the safetensors file at ``path``.

    ``generated``: the package contains ``handler.generated``, the trees as Python code.
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
