"""Checks new rows against the schema of a model version, for ``mlctl data validate FILE``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlctl.data import source
from mlctl.data.columns import Column
from mlctl.data.values import FLOAT32_LIMIT, Value, iso_text, milliseconds
from mlctl.errors import ExitCode, MlctlError, did_you_mean
from mlctl.progress import Report, silent
from mlctl.registry.store import LATEST, Registry
from mlctl.settings import DataSettings, Settings

# The maximum number of problems, and of warnings, for a file.
AT_MOST = 10_000
_BOOLEANS = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True)
class Breach:
    """A value that does not match the schema. ``row``: counted from 1 below the header, None for a whole column."""

    row: int | None
    column: str
    reason: str

    def to_document(self) -> dict[str, Any]:
        """Return the ``--json`` form."""
        return {"row": self.row, "column": self.column, "reason": self.reason}


@dataclass(frozen=True)
class FileValidation:
    """``problems``: values that break the schema. ``warnings``: unseen values that the API answers."""

    source: str
    version: str
    rows: int
    problems: tuple[Breach, ...]
    warnings: tuple[Breach, ...]

    @property
    def error(self) -> MlctlError | None:
        """The error (exit 3) if there are problems."""
        if not self.problems:
            return None
        count = len(self.problems)
        return MlctlError(
            f"{self.source} does not match the schema of model version {self.version[:12]}: "
            f"{count if count < AT_MOST else f'{AT_MOST} or more'} {'problem' if count == 1 else 'problems'}.",
            code="schema_broken",
            exit_code=ExitCode.BAD_INPUT,
            hint="Correct the rows; `mlctl models show --json` shows the schema.",
        )


def run(
    project_folder: Path, settings: Settings, file: str, *, version: str = LATEST, report: Report = silent
) -> FileValidation:
    """Check every value of ``file`` against the schema of ``version``.

    Raises MlctlError: exit 6 if there is no such version or file; exit 3 for a file that cannot be read.
    """
    model = Registry(project_folder, settings.project, report).get(version)
    schema = model.read_json("schema.json")
    features = {feature["name"]: feature for feature in schema["features"]}
    targets = {output["name"] for output in schema["target"].get("outputs", [schema["target"]])}
    unused = {*targets, *settings.data.ignore, settings.data.split_by or ""} - set(features)
    # Read all values as text, so that an invalid value becomes a problem instead of an error.
    data = settings.data.model_copy(update={"kinds": {}, "ignore": tuple(unused), "target": None, "split_by": None})
    table = source.read(file, settings.model_copy(update={"data": data}), project_folder, report, all_text=True)
    problems: list[Breach] = []
    warnings: list[Breach] = []
    for name in table.columns:
        if name not in features:
            suggestion = did_you_mean(name, set(features) - set(table.columns))
            reason = "is not a feature of the model" + (f".{suggestion}" if suggestion else ": it is not used")
            warnings.append(Breach(None, name, reason))
    for name, feature in features.items():
        column = table.columns.get(name)
        if column is None:
            problems.append(Breach(None, name, "is missing from the file"))
        else:
            for breach, is_problem in _breaches(column, feature, _Format.of(settings.data, name)):
                if len(breaches := problems if is_problem else warnings) < AT_MOST:
                    breaches.append(breach)
    return FileValidation(
        source=table.name,
        version=model.id,
        rows=table.rows,
        problems=tuple(sorted(problems, key=_row)),
        warnings=tuple(sorted(warnings, key=_row)),
    )


def _row(breach: Breach) -> int:
    return breach.row or 0


@dataclass(frozen=True)
class _Format:
    """The format of the values of a column, as in the training data."""

    decimal: str
    booleans: Mapping[str, float]

    @classmethod
    def of(cls, data: DataSettings, name: str) -> "_Format":
        """Return the format of a column. Columns with kind boolean or number in the settings allow both forms."""
        return cls(data.decimal, _BOOLEANS if data.kinds.get(name) in ("boolean", "number") else {})


def _breaches(column: Column, feature: Mapping[str, Any], value_format: _Format) -> Iterator[tuple[Breach, bool]]:
    """Yield each breach of a column of texts, and whether it is a problem. Checks each distinct text once."""
    if feature["kind"] == "category":
        feature = {**feature, "counts": dict(zip(feature["values"], feature["counts"], strict=True))}
    if not feature["nullable"]:
        for row in np.flatnonzero(column.is_missing):
            yield Breach(int(row) + 1, column.name, "has no value"), True
    for rows, text in _distinct_texts(column):
        result = _check_value(text, feature, value_format)
        if result:
            reason, is_problem = result
            for row in rows:
                yield Breach(int(row) + 1, column.name, reason), is_problem


def _distinct_texts(column: Column) -> Iterator[tuple[NDArray[Any], str]]:
    """Yield ``(row numbers, text)`` for each distinct text of a column."""
    codes = column.values
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(column.texts()) + 1))
    for code, text in enumerate(column.texts()):
        yield order[starts[code] : starts[code + 1]], text


def _check_value(text: str, feature: Mapping[str, Any], value_format: _Format) -> tuple[str, bool] | None:
    """Return what is wrong with a text, and whether it is a problem; None if it matches the schema."""
    kind = feature["kind"]
    if kind == "category":
        # A category with the count 0 is known, but only from held-out rows.
        return (
            None
            if feature["counts"].get(text)
            else (f"'{text}' was not seen in training", text not in feature["counts"])
        )
    if kind == "boolean":
        is_boolean = text.lower() in ("true", "false") or (
            value_format.booleans and _number(text, value_format) in (0, 1)
        )
        return None if is_boolean else (f"'{text}' is not true or false", True)
    value: float | None
    low: Value
    high: Value
    if kind == "date":
        try:
            value = milliseconds(text)
        except ValueError:
            return f"'{text}' is not an ISO 8601 date", True
        low, high = feature["min"], feature["max"]
        outside = low is not None and not milliseconds(str(low)) <= value <= milliseconds(str(high))
        return (f"{iso_text(int(value))} is outside the training range {low} to {high}", False) if outside else None
    value = _number(text, value_format)
    if value is None:
        return f"'{text}' is not a number", True
    if not -FLOAT32_LIMIT < value < FLOAT32_LIMIT:
        return f"{text} is not finite, or too large for float32", True
    low, high = feature["min"], feature["max"]
    # Compare as float32, because the text of a float32 is shorter than its value in training.
    if low is not None and not np.float32(low) <= np.float32(value) <= np.float32(high):
        return f"{text} is outside the training range {low:g} to {high:g}", False
    if feature["integer"] and value != int(value):
        return f"{text} has a fraction; all values in training were whole", False
    return None


def _number(text: str, value_format: _Format) -> float | None:
    try:
        return float(text.replace(value_format.decimal, ".")) if "_" not in text else None
    except ValueError:
        return value_format.booleans.get(text.lower())
