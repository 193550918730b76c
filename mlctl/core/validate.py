"""``mlctl data validate FILE``: new rows against the schema of a model version."""

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

# A file with a mistake in every row is told of well before its end.
AT_MOST = 10_000
_TRUTHS = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True)
class Breach:
    """A value that does not fit; ``row`` counts from 1 below the header, None for a whole column."""

    row: int | None
    column: str
    reason: str

    def to_document(self) -> dict[str, Any]:
        """The ``--json`` form."""
        return {"row": self.row, "column": self.column, "reason": self.reason}


@dataclass(frozen=True)
class FileValidation:
    """``problems`` break the schema; ``warnings`` are values that the API answers, but that training never saw."""

    source: str
    version: str
    rows: int
    problems: tuple[Breach, ...]
    warnings: tuple[Breach, ...]

    @property
    def error(self) -> MlctlError | None:
        """The error (exit 3) when anything breaks the schema."""
        if not self.problems:
            return None
        count = len(self.problems)
        return MlctlError(
            f"{self.source} does not fit model version {self.version[:12]}: "
            f"{count if count < AT_MOST else f'{AT_MOST} and more'} {'problem' if count == 1 else 'problems'}.",
            code="schema_broken",
            exit_code=ExitCode.BAD_INPUT,
            hint="Correct the rows; `mlctl models show` tells of the schema.",
        )


def run(
    project_folder: Path, settings: Settings, file: str, *, version: str = LATEST, report: Report = silent
) -> FileValidation:
    """Hold every value of ``file`` against the schema of ``version``.

    Raises MlctlError: exit 6 when there is no such version or file, exit 3 for a file that cannot be read at all.
    """
    found = Registry(project_folder, settings.project, report).get(version)
    schema = found.read_json("schema.json")
    features = {feature["name"]: feature for feature in schema["features"]}
    targets = {each["name"] for each in schema["target"].get("outputs", [schema["target"]])}
    others = {*targets, *settings.data.ignore, settings.data.split_by or ""} - set(features)
    # Everything as it is written: a wrong value is to be listed, not to end the reading.
    data = settings.data.model_copy(update={"kinds": {}, "ignore": tuple(others), "target": None, "split_by": None})
    as_written = settings.model_copy(update={"data": data})
    table = source.read(file, as_written, project_folder, report, all_text=True)
    problems: list[Breach] = []
    warnings: list[Breach] = []
    for name in table.columns:
        if name not in features:
            near = did_you_mean(name, set(features) - set(table.columns))
            warnings.append(
                Breach(None, name, "is not a feature of the model" + (f".{near}" if near else ": it is not used"))
            )
    for name, feature in features.items():
        column = table.columns.get(name)
        if column is None:
            problems.append(Breach(None, name, "is missing from the file"))
        else:
            for breach, is_problem in _breaches(column, feature, _Forms.of(settings.data, name)):
                if len(found_so_far := problems if is_problem else warnings) < AT_MOST:
                    found_so_far.append(breach)
    by_row = {True: sorted(problems, key=_order), False: sorted(warnings, key=_order)}
    return FileValidation(table.name, found.id, table.rows, tuple(by_row[True]), tuple(by_row[False]))


def _order(breach: Breach) -> int:
    return breach.row or 0


@dataclass(frozen=True)
class _Forms:
    """How values of a column may be written, as the training data was read."""

    decimal: str
    truths: Mapping[str, float]

    @classmethod
    def of(cls, data: DataSettings, name: str) -> "_Forms":
        """A column that the settings turn into booleans, or into numbers, may be written as either."""
        return cls(data.decimal, _TRUTHS if data.kinds.get(name) in ("boolean", "number") else {})


def _breaches(column: Column, feature: Mapping[str, Any], forms: _Forms) -> Iterator[tuple[Breach, bool]]:
    """Each breach of a column of texts, and whether it is a problem: each distinct text is judged once."""
    if feature["kind"] == "category":
        feature = {**feature, "counts": dict(zip(feature["values"], feature["counts"], strict=True))}
    if not feature["nullable"]:
        for row in np.flatnonzero(column.is_missing):
            yield Breach(int(row) + 1, column.name, "has no value"), True
    for rows, text in _distinct(column):
        judged = _judge(text, feature, forms)
        if judged:
            reason, is_problem = judged
            for row in rows:
                yield Breach(int(row) + 1, column.name, reason), is_problem


def _distinct(column: Column) -> Iterator[tuple[NDArray[Any], str]]:
    """``(row numbers, text)`` for each distinct text of a column."""
    codes = column.values
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(column.texts()) + 1))
    for at, text in enumerate(column.texts()):
        yield order[starts[at] : starts[at + 1]], text


def _judge(text: str, feature: Mapping[str, Any], forms: _Forms) -> tuple[str, bool] | None:
    """What is wrong with a text, and whether it is a problem; None when it fits."""
    kind = feature["kind"]
    if kind == "category":
        # Counted 0: known from held-out rows alone.
        return (
            None
            if feature["counts"].get(text)
            else (f"'{text}' was not seen in training", text not in feature["counts"])
        )
    if kind == "boolean":
        fits = text.lower() in ("true", "false") or (forms.truths and _number(text, forms) in (0, 1))
        return None if fits else (f"'{text}' is not true or false", True)
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
    value = _number(text, forms)
    if value is None:
        return f"'{text}' is not a number", True
    if not -FLOAT32_LIMIT < value < FLOAT32_LIMIT:
        return f"{text} is not finite, or too large for float32", True
    low, high = feature["min"], feature["max"]
    # The text of a float32 is shorter than the number that it was in training.
    if low is not None and not np.float32(low) <= np.float32(value) <= np.float32(high):
        return f"{text} is outside the training range {low:g} to {high:g}", False
    if feature["integer"] and value != int(value):
        return f"{text} has a fraction; all values in training were whole", False
    return None


def _number(text: str, forms: _Forms) -> float | None:
    try:
        return float(text.replace(forms.decimal, ".")) if "_" not in text else None
    except ValueError:
        return forms.truths.get(text.lower())
