"""Pydantic models that validate the JSON documents of a version.

A version can come from elsewhere, and digests do not check types. Some command relies on each rule here;
docs/FORMAT.md describes the keys. Unknown keys are allowed.
"""

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mlctl.registry.gates import METRICS
from mlctl.settings import Name

REQUIRED_FILES = ("model.joblib", "schema.json", "metrics.json", "split.json", "golden.json", "heldout.json")
# The files of a version that compiles. Only small models have the second one.
COMPILED_FILES = ("model.safetensors", "generated.py")
DOCUMENTS = tuple(name for name in REQUIRED_FILES if name.endswith(".json"))

PlainName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=100)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Number = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Label = bool | int | Number | str
# fail_fast: pydantic would otherwise keep hundreds of bytes for each error in a list of millions.
_Item = TypeVar("_Item")
Items = Annotated[list[_Item], Field(fail_fast=True)]
Value = bool | int | Number | str | None


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class _DataSettings(_Shape):
    source: str
    seed: Count


class _ModelSettings(_Shape):
    params: dict[str, Any] = {}
    imported: str | None = None


class _Settings(_Shape):
    data: _DataSettings
    model: _ModelSettings


class _Data(_Shape):
    source: str
    digest: Digest
    rows: Count
    takes: Literal["frame", "array"]


class _Compiled(_Shape):
    compiled: Literal[True]
    parity: Literal["exact", "close"]


class _NotCompiled(_Shape):
    compiled: Literal[False]
    reason: str


class ManifestShape(_Shape):
    """``manifest.json``."""

    format: int
    project: Name
    estimator: Annotated[str, Field(min_length=1)]
    preprocess: Items[str]
    settings: _Settings
    data: _Data
    libraries: dict[str, str]
    platform: str
    portable: _Compiled | _NotCompiled
    files: dict[str, Digest]

    @model_validator(mode="after")
    def _lists_what_commands_read(self) -> "ManifestShape":
        required = (*REQUIRED_FILES, *(COMPILED_FILES[:1] if self.portable.compiled else ()))
        known = (*REQUIRED_FILES, *(COMPILED_FILES if self.portable.compiled else ()))
        missing = [name for name in required if name not in self.files]
        unexpected = [name for name in self.files if name not in known]
        if missing:
            raise ValueError(f"it does not list {missing[0]}")
        if unexpected:
            raise ValueError(f"it lists {unexpected[0]!r}, which is not a file of a model version")
        for library in ("python", "scikit-learn"):
            if library not in self.libraries:
                raise ValueError(f"it has no version of {library}")
        return self


class _Feature(_Shape):
    name: str
    nullable: bool


class _NumberFeature(_Feature):
    kind: Literal["number"]
    integer: bool
    min: Number | None
    max: Number | None
    quantiles: Items[Number] | None


class _DateFeature(_Feature):
    kind: Literal["date"]
    min: str | None
    max: str | None


class _BooleanFeature(_Feature):
    kind: Literal["boolean"]
    true: Count
    false: Count


class _CategoryFeature(_Feature):
    kind: Literal["category"]
    values: Items[str]
    counts: Items[Count]

    @model_validator(mode="after")
    def _one_count_each(self) -> "_CategoryFeature":
        if len(self.values) != len(self.counts):
            raise ValueError("there is not one count for each value")
        return self


class _Output(_Shape):
    name: str
    min: Number
    max: Number


class _Outputs(_Shape):
    outputs: Annotated[Items[_Output], Field(min_length=2)]


class _Classes(_Shape):
    name: str
    labels: Annotated[Items[Label], Field(min_length=1)]
    class_names: Items[str]

    @model_validator(mode="after")
    def _one_name_each(self) -> "_Classes":
        if len(self.labels) != len(self.class_names):
            raise ValueError("there is not one class name for each label")
        return self


class SchemaShape(_Shape):
    """``schema.json``."""

    format: Literal[2]
    task: Literal["binary", "multiclass", "regression"]
    features: Annotated[
        Items[
            Annotated[_NumberFeature | _DateFeature | _BooleanFeature | _CategoryFeature, Field(discriminator="kind")]
        ],
        Field(min_length=1),
    ]
    target: _Outputs | _Classes | _Output

    @model_validator(mode="after")
    def _fits_the_task(self) -> "SchemaShape":
        if isinstance(self.target, _Classes) == (self.task == "regression"):
            raise ValueError("the target does not fit the task")
        names = [feature.name for feature in self.features]
        if len(set(names)) != len(names):
            raise ValueError("two features have one name")
        return self


class _Measured(_Shape):
    rows: Count
    confusion_matrix: Items[Items[Count]] | None = None
    per_class: dict[str, dict[str, Number]] | None = None
    outputs: dict[str, dict[str, Number]] | None = None
    cv: dict[str, Any] | None

    @model_validator(mode="after")
    def _metrics_are_numbers(self) -> "_Measured":
        metrics = self.model_extra or {}
        for name in METRICS:
            # Not isinstance: True is an int in Python.
            if name in metrics and (type(metrics[name]) not in (int, float) or not math.isfinite(metrics[name])):
                raise ValueError(f"{name} is not a finite number")
        if not any(name in metrics for name in ("accuracy", "r2", "mae")):
            raise ValueError("there is neither accuracy nor r2 nor mae")
        for name, fold in (self.cv or {}).items():
            if not isinstance(fold, int) and not _is_summary(fold):
                raise ValueError(f"cv of {name} has no mean, std and scores")
        return self


def _is_summary(fold: object) -> bool:
    if not isinstance(fold, dict):
        return False
    numbers = [fold.get("mean"), fold.get("std"), *(fold["scores"] if isinstance(fold.get("scores"), list) else [None])]
    return all(type(number) in (int, float) and math.isfinite(number) for number in numbers)


class _Split(_Shape):
    format: Literal[1]
    test_rows: Annotated[Items[Count], Field(min_length=1)]


class _Example(_Shape):
    features: Items[Value]
    index: Count | None = None
    probabilities: Items[Number] | None = None
    scores: Items[Number] | None = None
    value: Number | None = None
    values: dict[str, Number] | None = None


class ExamplesShape(_Shape):
    """``golden.json`` and ``heldout.json``."""

    format: Literal[2]
    examples: Annotated[Items[_Example], Field(min_length=1)]

    def check_against(self, schema: SchemaShape) -> None:
        """Raise ValueError for an example that does not match the schema."""
        target = schema.target
        for number, example in enumerate(self.examples):
            if len(example.features) != len(schema.features):
                raise ValueError(f"example {number} has {len(example.features)} features")
            if isinstance(target, _Classes):
                fits = example.index is not None and example.index < len(target.labels)
                fits = fits and len(example.probabilities or target.labels) == len(target.labels)
                fits = fits and example.value is None and example.values is None
            elif isinstance(target, _Outputs):
                fits = (example.values or {}).keys() == {output.name for output in target.outputs}
            else:
                fits = example.value is not None
            if not fits:
                raise ValueError(f"the answer of example {number} does not fit the target")


_Found = TypeVar("_Found", bound=_Shape)
_SHAPES: dict[str, type[_Shape]] = {
    "schema.json": SchemaShape,
    "metrics.json": _Measured,
    "split.json": _Split,
    "golden.json": ExamplesShape,
    "heldout.json": ExamplesShape,
}


def check_manifest(document: Any) -> None:
    """Raise ValueError for a document that is not a manifest."""
    _validated(ManifestShape, document)


def check_document(name: str, document: Any, schema: Callable[[], Any]) -> None:
    """Raise ValueError if ``document`` is not valid content of the file ``name``.

    ``schema`` returns the schema of the version, which examples must match.
    """
    shape = _SHAPES.get(name)
    if shape is None:
        return
    validated = _validated(shape, document)
    if isinstance(validated, ExamplesShape):
        validated.check_against(SchemaShape.model_validate(schema()))


def first_problem(error: ValidationError) -> str:
    """The first problem as one line of printable text. Keys of the document can be part of it."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])[:100]
    message = first["msg"].removeprefix("Value error, ")
    text = (f"{place}: {message}" if place else message)[:200]
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _validated(shape: type[_Found], document: Any) -> _Found:
    try:
        return shape.model_validate(document)
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None
