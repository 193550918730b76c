"""The operations of a portable model, a module a family; a family is imported when a model uses it."""

from __future__ import annotations

# Not from typing: importing it would cost a cold start some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    # A row on its way through a model: floats (NaN: missing), and text (None: missing) up to an encoder.
    Row = Sequence[Any]
    # A row in, a row out; a row in, the position of the class and the probabilities out; a row in, a number out.
    Transformer = Callable[[Row], Row]
    Classifier = Callable[[Row], tuple[int, list[float]]]
    Regressor = Callable[[Row], float]
    # The raw feature, by its position in the schema, that each column of a row came from.
    Origins = list[int]
    # "transformer", "classifier" or "regressor"; the function; the origins of the columns that come out.
    Built = tuple[str, Callable[..., Any], Origins]

# operation → family module. The compilers that write them are in the tool, mlctl/portable/.
FAMILIES = {
    "columns": "composition",
    "present": "composition",
    "standardize": "scaling",
    "rescale": "scaling",
    "clip": "scaling",
    "impute": "imputing",
    "one_hot": "encoding",
    "ordinal": "encoding",
    "forest": "trees",
    "forest_regressor": "trees",
    "logistic": "linear",
    "linear": "linear",
}

# Of all steps together, those inside other steps included.
MAX_STEPS = 1000
MAX_DEPTH = 50


class InvalidModel(ValueError):
    """A model file that breaks the format; nothing of it is executed."""


class Unanswerable(ValueError):
    """A row that the model cannot compute with; scikit-learn refuses it too.

    ``position`` is that of the raw feature at fault, None where it is none alone; ``problem`` is what
    is wrong with it, in the words of the refusal.
    """

    def __init__(self, position: int | None, problem: str) -> None:
        super().__init__(problem)
        self.position = position
        self.problem = problem


class Program:
    """A model file while its steps are built: the tensors that they name, and the limits of the whole."""

    def __init__(self, tensors: dict[str, memoryview[Any]], generated: bool) -> None:
        self.generated = generated
        self._tensors = tensors
        self._steps = 0
        self._depth = 0

    def tensor(self, name: str, code: str, length: int | None = None) -> memoryview[Any]:
        """The flat memoryview ``name``; raises InvalidModel for another type or length."""
        tensor = self._tensors.get(name)
        if tensor is None or tensor.format != code or (length is not None and len(tensor) != length):
            raise InvalidModel(f"tensor {name!r} is missing, or not of the type and length its step needs")
        return tensor

    def build(self, steps: Any, origins: Origins) -> tuple[list[tuple[str, Callable[..., Any]]], Origins]:
        """``([(kind, function), …], origins)`` of steps that follow each other; InvalidModel for bad ones."""
        self._depth += 1
        if type(steps) is not list or self._depth > MAX_DEPTH:
            raise InvalidModel(f"steps are a list, nested at most {MAX_DEPTH} deep")
        built = []
        for step in steps:
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise InvalidModel(f"a program has 1 to {MAX_STEPS} steps")
            operation = step["op"]
            if operation not in FAMILIES:
                raise InvalidModel(f"unknown operation {operation!r}")
            # Not importlib, which is itself an import: this is what it does for a module of a package.
            family = __import__(f"handler.ops.{FAMILIES[operation]}", fromlist=("BUILDERS",))
            kind, function, origins = family.BUILDERS[operation](step, self, origins)
            built.append((kind, function))
        self._depth -= 1
        return built, origins


def positions(given: Any, width: int) -> list[int]:
    """``given`` as positions of columns, each below ``width``; InvalidModel for anything else."""
    if type(given) is not list or not all(type(each) is int and 0 <= each < width for each in given):
        raise InvalidModel("a step points outside the columns that it takes")
    return given


def scalar(given: Any) -> float | str:
    """``given`` as text or a finite number, the values that a column may hold; InvalidModel for anything else."""
    if type(given) is str:
        return given
    if type(given) not in (int, float) or given - given != 0:
        raise InvalidModel("a step holds a value that is neither text nor a finite number")
    return float(given)
