"""Loads a portable model (docs/FORMAT.md) and predicts one row at a time."""

from __future__ import annotations

import json

from handler.ops import FAMILIES, InvalidModel, OutOfRange, Tensors
from handler.safetensors import read

# Not from typing: importing it would cost a cold start some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from handler.ops import Predictor, Transformer

MODEL_FORMAT = 1
MAX_STEPS = 1000

__all__ = ["InvalidModel", "OutOfRange", "PortableModel", "load"]


class PortableModel:
    """A chain of transformers and one predictor; the arithmetic of the fitted pipeline it came from."""

    def __init__(self, transformers: list[Transformer], predictor: Predictor) -> None:
        self._transformers = transformers
        self._predictor = predictor

    def predict(self, row: Sequence[float]) -> tuple[int, list[float]]:
        """``(class index, probabilities)`` for a list of floats in the schema's order.

        Raises OutOfRange when a value leaves float32 on the way to a tree.
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
        steps = program["steps"]
        if not 0 < len(steps) <= MAX_STEPS:
            raise InvalidModel(f"a program has 1 to {MAX_STEPS} steps")
        built = [_build(step, Tensors(tensors), n_features, generated) for step in steps]
    except InvalidModel:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise InvalidModel(f"not a portable model: {error}") from error
    kinds = [kind for kind, _ in built]
    if kinds != ["transformer"] * (len(kinds) - 1) + ["predictor"]:
        raise InvalidModel("a program is transformers followed by one predictor")
    return PortableModel([function for _, function in built[:-1]], built[-1][1])


def _build(step: Any, tensors: Tensors, n_features: int, generated: bool) -> tuple[str, Callable[..., Any]]:
    operation = step["op"]
    if operation not in FAMILIES:
        raise InvalidModel(f"unknown operation {operation!r}")
    # Not importlib, which is itself an import: this is what it does for a module of a package.
    family = __import__(f"handler.ops.{FAMILIES[operation]}", fromlist=("BUILDERS",))
    built: tuple[str, Callable[..., Any]] = family.BUILDERS[operation](step, tensors, n_features, generated)
    return built
