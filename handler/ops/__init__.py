"""The operations of a portable model, a module a family; a family is imported when a model uses it."""

from __future__ import annotations

# Not from typing: importing it would cost a cold start some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    # A row in, a row out; and a row in, the position of the class and the probabilities out.
    Transformer = Callable[[Sequence[float]], Sequence[float]]
    Predictor = Callable[[Sequence[float]], tuple[int, list[float]]]

# operation → family module. The compilers that write them are in the tool, mlctl/portable/.
FAMILIES = {
    "standard_scaler": "scaling",
    "minmax_scaler": "scaling",
    "forest": "trees",
    "logistic": "linear",
}


class InvalidModel(ValueError):
    """A model file that breaks the format; nothing of it is executed."""


class OutOfRange(ValueError):
    """A row whose value at ``position`` leaves what the model can compute with; scikit-learn refuses it too."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the value at position {position} is too large for float32")
        self.position = position


class Tensors:
    """The tensors of a model file by name, with the checks every operation needs."""

    def __init__(self, tensors: dict[str, memoryview[Any]]) -> None:
        self._tensors = tensors

    def get(self, name: str, code: str, length: int | None = None) -> memoryview[Any]:
        """The flat memoryview ``name``; raises InvalidModel for another type or length."""
        tensor = self._tensors.get(name)
        if tensor is None or tensor.format != code or (length is not None and len(tensor) != length):
            raise InvalidModel(f"tensor {name!r} is missing, or not of the type and length its step needs")
        return tensor
