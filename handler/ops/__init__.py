"""The operations of a portable model, a module a family; a family is imported when a model uses it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    # A row on its way through a model: floats (NaN: missing), and text (None: missing) up to an encoder.
    Row = Sequence[Any]
    # What the function of each kind of step makes of a row.
    #   transformer  a row
    #   classifier   (the position of the class, the probability of each class)
    #   scorer       (the position of the class, its scores), of a classifier that knows no probabilities: what
    #                scikit-learn's decision_function gives, one number for two classes, else one for each
    #   regressor    a number
    #   classifiers, scorers, regressors   of several outputs: a list of the above
    Transformer = Callable[[Row], Row]
    Classifier = Callable[[Row], tuple[int, list[float]]]
    Regressor = Callable[[Row], float]
    # The raw feature, by its position in the schema, that each column of a row came from.
    Origins = list[int]
    # The kind of a step; its function; the origins of the columns that come out (of a predictor: none).
    Built = tuple[str, Callable[..., Any], Origins]

# operation → family module. The compilers that write them are in the tool, mlctl/portable/.
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

# Of all steps together, those inside other steps included.
MAX_STEPS = 1000
MAX_DEPTH = 50
# Columns, classes and outputs of all steps together: a small file must not lay out memory, or work, without end.
MAX_PLACES = 1_000_000
# Numbers that a row makes a model add up: leaves and models may share what they hold, so a small file could ask for
# any number of additions.
MAX_WORK = 10_000_000

NO_NUMBER = "the model gives no finite number for these values"


class InvalidModel(ValueError):
    """A model file that breaks the format; nothing of it is executed."""


class UnprocessableRow(ValueError):
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
        self._generated = generated
        self._tensors = tensors
        self._steps = 0
        self._depth = 0
        self._places = 0
        self._work = 0
        self._numbers = sum(map(len, tensors.values()))

    def tensor(self, name: str, codes: str, length: int | None = None) -> memoryview[Any]:
        """The flat memoryview ``name``, of one of the types ``codes``; raises InvalidModel for another type or length.

        The codes are those of the module struct: d, f (float64, float32), i, h (int32, int16), I, B (uint32, uint8).
        Steps may share one, but take no more numbers together than the file holds.
        """
        tensor = self._tensors.get(name)
        if tensor is None or tensor.format not in codes or (length is not None and len(tensor) != length):
            raise InvalidModel(f"tensor {name!r} is missing, or not of the type and length its step needs")
        self._numbers -= len(tensor)
        if self._numbers < 0:
            raise InvalidModel("the steps take more numbers than the file holds")
        return tensor

    def lay_out(self, places: int) -> None:
        """Count columns, classes or outputs that a step is about to lay out; raises InvalidModel for too many."""
        self._places += places
        if self._places > MAX_PLACES:
            raise InvalidModel(f"a program has at most {MAX_PLACES} columns, classes and outputs in all its steps")

    def work(self, numbers: int) -> None:
        """Count numbers that a step adds up for each row; raises InvalidModel for too many."""
        self._work += numbers
        if self._work > MAX_WORK:
            raise InvalidModel(f"a row makes a model add up at most {MAX_WORK} numbers")

    @property
    def transforms(self) -> bool:
        """Whether another step stands before the one that is being built."""
        return self._steps > 1

    def generated_code(self) -> Callable[[Row], Sequence[float] | None] | None:
        """``sums`` of ``handler.generated``, the model's trees as Python code, where the package ships it.

        It is that of the model itself, never of one inside another step. None of a row: the arrays are to decide.
        """
        if not self._generated or self._depth != 1:
            return None
        from handler.generated import sums

        written: Callable[[Row], Sequence[float] | None] = sums
        return written

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
            if operation not in FAMILY_OF_OPERATION:
                raise InvalidModel(f"unknown operation {operation!r}")
            # Not importlib, which is itself an import: this is what it does for a module of a package.
            family = __import__(f"handler.ops.{FAMILY_OF_OPERATION[operation]}", fromlist=("BUILDERS",))
            kind, function, origins = family.BUILDERS[operation](step, self, origins)
            self.lay_out(len(origins))
            built.append((kind, function))
        self._depth -= 1
        return built, origins

    def transformers(self, steps: Any, origins: Origins) -> tuple[list[Transformer], Origins]:
        """The functions of steps that are all transformers, and the origins of what comes out."""
        built, out = self.build(steps, origins)
        if any(kind != "transformer" for kind, _ in built):
            raise InvalidModel("a predictor stands where only transformers may")
        return [function for _, function in built], out

    def model(self, steps: Any, origins: Origins) -> tuple[str, list[Transformer], Callable[..., Any]]:
        """``(kind, transformers, predictor)`` of steps that end in a predictor."""
        built, _ = self.build(steps, origins)
        kinds = [kind for kind, _ in built]
        if not kinds or kinds[-1] not in PREDICTORS or set(kinds[:-1]) - {"transformer"}:
            raise InvalidModel("a program is transformers followed by one predictor")
        return kinds[-1], [function for _, function in built[:-1]], built[-1][1]


def positions(given: Any, width: int) -> list[int]:
    """``given`` as positions of columns, each below ``width``; InvalidModel for anything else."""
    if type(given) is not list or not all(type(each) is int and 0 <= each < width for each in given):
        raise InvalidModel("a step points outside the columns that it takes")
    return given


def everything(given: Any, width: int) -> bool:
    """Whether ``given`` is a list of the positions of all columns in their order."""
    # The length first: of many short lists none is held against a long one.
    if type(given) is not list or len(given) != width:
        return False
    return given == list(range(width)) and all(type(each) is int for each in given)


def bounds(given: Any) -> tuple[float, float]:
    """``given`` as a lower and an upper bound, finite numbers; InvalidModel for anything else."""
    if type(given) is not list or len(given) != 2 or not all(type(each) in (int, float) for each in given):
        raise InvalidModel("bounds are a list of two numbers")
    low, high = given
    if not low <= high or low - low != 0 or high - high != 0:
        raise InvalidModel("bounds are finite, and do not fall")
    return float(low), float(high)


def scalar(given: Any) -> float | str:
    """``given`` as text or a finite number, the values that a column may hold; InvalidModel for anything else."""
    if type(given) is str:
        return given
    if type(given) not in (int, float) or given - given != 0:
        raise InvalidModel("a step holds a value that is neither text nor a finite number")
    return float(given)
