"""The operations of portable models: one module for each family, imported when a model uses it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    # A row inside a model: floats (NaN if missing), and before an encoder also text (None if missing).
    Row = Sequence[Any]
    # Each step has a kind. Its function takes a row and returns
    #   transformer  a row
    #   classifier   (the index of the class, the probability of each class)
    #   scorer       (the index of the class, the scores), for a classifier without probabilities. The scores are those
    #                of scikit-learn's decision_function: one number for two classes, else one for each class
    #   regressor    a number
    #   classifiers, scorers, regressors   a list of the above, for several outputs
    Transformer = Callable[[Row], Row]
    Classifier = Callable[[Row], tuple[int, list[float]]]
    Regressor = Callable[[Row], float]
    # For each column of a row, the position in the schema of the feature that it came from.
    Origins = list[int]
    # The kind of a step, its function, and the origins of its output columns (empty for a predictor).
    Built = tuple[str, Callable[..., Any], Origins]

# operation → family module. The compilers are in mlctl/portable/.
FAMILY_OF_OPERATION = {
    "columns": "composition",
    "present": "composition",
    "finite": "composition",
    "ufunc": "functions",
    "indicate": "imputing",
    "target": "target",
    "invert_power": "target",
    "invert_quantile": "target",
    "outputs": "multioutput",
    "chain": "multioutput",
    "threshold": "searching",
    "standardize": "scaling",
    "rescale": "scaling",
    "clip": "scaling",
    "normalize": "normalizing",
    "binarize": "binning",
    "discretize": "binning",
    "polynomial": "polynomials",
    "splines": "splines",
    "power": "power",
    "quantiles": "quantiles",
    "project": "projection",
    "pool": "projection",
    "impute": "imputing",
    "one_hot": "encoding",
    "ordinal": "encoding",
    "forest": "trees",
    "forest_regressor": "trees",
    "boosting": "boosting",
    "mean": "ensembles",
    "mean_classifier": "ensembles",
    "ada_boost": "ensembles",
    "weighted_median": "ensembles",
    "predictions": "ensembles",
    "logistic": "linear",
    "modified_huber": "linear",
    "linear_scores": "linear",
    "linear": "linear",
    "constant": "dummy",
    "constant_class": "dummy",
    "interpolate": "isotonic",
}

PREDICTORS = ("classifier", "scorer", "regressor", "classifiers", "scorers", "regressors")

# Limits of the whole program, including steps inside other steps.
MAX_STEPS = 1000
MAX_DEPTH = 50
# Columns, classes and outputs of all steps together, so that a small file cannot take unlimited memory or time.
MAX_PLACES = 1_000_000
# Numbers that the model adds up for each row. Leaves and models may share tensors, so a small file could cause
# any number of additions.
MAX_WORK = 10_000_000

NO_NUMBER = "the model has no finite result for these values"


class InvalidModel(ValueError):
    """A model file that violates the format. Nothing in it is executed."""


class UnprocessableRow(ValueError):
    """A row that the model cannot compute with; scikit-learn refuses it too.

    ``position`` is the position of the feature that causes it, or None if no single feature does. ``problem`` is the
    text for the error message.
    """

    def __init__(self, position: int | None, problem: str) -> None:
        super().__init__(problem)
        self.position = position
        self.problem = problem


class Program:
    """Builds the steps of a model file: looks up their tensors and enforces the limits of the whole program."""

    def __init__(self, tensors: dict[str, memoryview[Any]], generated: bool) -> None:
        self._generated = generated
        self._tensors = tensors
        self._steps = 0
        self._depth = 0
        self._places = 0
        self._work = 0
        self._numbers = sum(map(len, tensors.values()))

    def tensor(self, name: str, codes: str, length: int | None = None) -> memoryview[Any]:
        """The flat memoryview ``name``. Raises InvalidModel unless it has one of the types ``codes`` and ``length``.

        The codes are those of the module struct: d, f (float64, float32), i, h (int32, int16), I, B (uint32, uint8).
        Steps may share a tensor, but together they take no more numbers than the file contains.
        """
        tensor = self._tensors.get(name)
        if tensor is None or tensor.format not in codes or (length is not None and len(tensor) != length):
            raise InvalidModel(f"tensor {name!r} is missing, or has a wrong type or length")
        self._numbers -= len(tensor)
        if self._numbers < 0:
            raise InvalidModel("the steps take more numbers than the file contains")
        return tensor

    def lay_out(self, places: int) -> None:
        """Count columns, classes or outputs before a step allocates them. Raises InvalidModel above the limit."""
        self._places += places
        if self._places > MAX_PLACES:
            raise InvalidModel(f"a program has at most {MAX_PLACES} columns, classes and outputs in all its steps")

    def work(self, numbers: int) -> None:
        """Count numbers that a step adds up for each row. Raises InvalidModel above the limit."""
        self._work += numbers
        if self._work > MAX_WORK:
            raise InvalidModel(f"a model adds up at most {MAX_WORK} numbers for each row")

    @property
    def has_transformers(self) -> bool:
        """Whether another step precedes the one that is being built."""
        return self._steps > 1

    def generated_code(self) -> Callable[[Row], Sequence[float] | None] | None:
        """``sums`` of ``handler.generated``, the trees of the model as Python code; None if there is no code.

        Only the model itself has generated code, never a model inside another step. If ``sums`` returns None for a row,
        the arrays decide.
        """
        if not self._generated or self._depth != 1:
            return None
        from handler.generated import sums

        generated: Callable[[Row], Sequence[float] | None] = sums
        return generated

    def build(self, steps: Any, origins: Origins) -> tuple[list[tuple[str, Callable[..., Any]]], Origins]:
        """``([(kind, function), …], origins)`` of consecutive steps. Raises InvalidModel for invalid steps."""
        self._depth += 1
        if type(steps) is not list or self._depth > MAX_DEPTH:
            raise InvalidModel(f"steps are a list, nested at most {MAX_DEPTH} deep")
        built = []
        for step in steps:
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise InvalidModel(f"a program has 1 to {MAX_STEPS} steps")
            operation = step["op"]
            if operation not in FAMILY_OF_OPERATION:
                raise InvalidModel(f"unknown operation {operation!r}")
            # importlib does the same, but importing it takes time.
            family = __import__(f"handler.ops.{FAMILY_OF_OPERATION[operation]}", fromlist=("BUILDERS",))
            kind, function, origins = family.BUILDERS[operation](step, self, origins)
            self.lay_out(len(origins))
            built.append((kind, function))
        self._depth -= 1
        return built, origins

    def transformers(self, steps: Any, origins: Origins) -> tuple[list[Transformer], Origins]:
        """The functions of steps that are all transformers, and the origins of the output columns."""
        built, out = self.build(steps, origins)
        if any(kind != "transformer" for kind, _ in built):
            raise InvalidModel("a predictor is among the transformers")
        return [function for _, function in built], out

    def model(self, steps: Any, origins: Origins) -> tuple[str, list[Transformer], Callable[..., Any]]:
        """``(kind, transformers, predictor)`` of steps that end in a predictor."""
        built, _ = self.build(steps, origins)
        kinds = [kind for kind, _ in built]
        if not kinds or kinds[-1] not in PREDICTORS or set(kinds[:-1]) - {"transformer"}:
            raise InvalidModel("a program is transformers followed by one predictor")
        return kinds[-1], [function for _, function in built[:-1]], built[-1][1]


def positions(document: Any, width: int) -> list[int]:
    """Parse a list of positions below ``width``. Raises InvalidModel for anything else."""
    if type(document) is not list or not all(type(column) is int and 0 <= column < width for column in document):
        raise InvalidModel("a step points outside its columns")
    return document


def is_all_columns(document: Any, width: int) -> bool:
    """Whether a document is the list of the positions of all columns, in order."""
    # The length first, so that many short lists are not compared with long ones.
    if type(document) is not list or len(document) != width:
        return False
    return document == list(range(width)) and all(type(column) is int for column in document)


def bounds(document: Any) -> tuple[float, float]:
    """Parse a lower and an upper bound, both finite. Raises InvalidModel for anything else."""
    if type(document) is not list or len(document) != 2 or not all(type(bound) in (int, float) for bound in document):
        raise InvalidModel("bounds are a list of two numbers")
    low, high = document
    if not low <= high or low - low != 0 or high - high != 0:
        raise InvalidModel("bounds are finite, and the lower one comes first")
    return float(low), float(high)


def scalar(value: Any) -> float | str:
    """Parse text or a finite number, the values that a column can contain. Raises InvalidModel for anything else."""
    if type(value) is str:
        return value
    if type(value) not in (int, float) or value - value != 0:
        raise InvalidModel("a step has a value that is neither text nor a finite number")
    return float(value)
