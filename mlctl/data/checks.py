"""Checks of a dataset before training: problems that prevent it, and warnings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlctl.data import split
from mlctl.data.columns import Column, Integers
from mlctl.data.dataset import Dataset
from mlctl.data.values import FLOAT32_LIMIT
from mlctl.errors import ExitCode, MlctlError
from mlctl.settings import Settings
from mlctl.toml import toml_text

# A column with at least this share of distinct values is an identifier.
IDENTIFIER_SHARE = 0.9
_IDENTIFIER_ROWS = 20
_LEAK_SAMPLE = 10_000
_LINEAR_CORRELATION = 1 - 1e-9
_DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?")
# A text column uses a notation if at least this share of its texts match it.
_NOTATION_SHARE = 0.9
_NOTATION_SAMPLE = 10_000
_CURRENCY = r"(?:[A-Z]{0,2}[$€£¥₹₽₩₺₴₪₫฿]|USD|EUR|GBP|CHF|JPY|kr|zł)"
# Digits, optionally grouped by thousands or in the Indian system, and a fraction after a point or a comma.
_FIGURES = r"(?:\d+|\d{1,3}([ .,'\u2019\u00a0\u202f])\d{3}(?:\1\d{3})*|\d{1,3}(?:,\d\d)*,\d{3})(?:[.,]\d+)?"
_NUMBER = re.compile(rf"[-+]?\s?{_CURRENCY}?\s?[-+]?{_FIGURES}\s?(?:%|{_CURRENCY})?")
_PLAIN_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})*")
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    rf"(?:{_DAY}([./-]){_DAY}\1(?:\d{{4}}|\d\d)|\d{{4}}([./-]){_DAY}\2{_DAY}"
    rf"|{_DAY}[ -]{_MONTH},?[ -]\d{{2,4}}|{_MONTH} {_DAY},? \d{{4}})"
    r"(?:[T, ]+\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?: ?[ap]m)?)?",
    re.IGNORECASE,
)
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d.*")


@dataclass(frozen=True)
class Findings:
    """Results of the checks: ``problems`` prevent training, ``warnings`` do not."""

    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def check(dataset: Dataset, settings: Settings) -> Findings:
    """Find all problems and warnings of a dataset, given the split and cross-validation in ``settings``."""
    warnings = [
        *_column_warnings(dataset),
        *_notation_warnings(dataset, settings),
        *_leaks(dataset),
        *_duplicates(dataset),
    ]
    return Findings(tuple(_problems(dataset, settings)), tuple(warnings))


def refuse(dataset: Dataset, findings: Findings) -> None:
    """Raise MlctlError (exit 3) with the first problem, if there is one."""
    if findings.problems:
        more = len(findings.problems) - 1
        raise MlctlError(
            f"{dataset.name}: {findings.problems[0]}"
            + (f" ({more} more {'problem' if more == 1 else 'problems'}.)" if more else ""),
            code="data_invalid",
            exit_code=ExitCode.BAD_INPUT,
            hint="Correct the data, or exclude the column with [data] ignore.",
        )


def _problems(dataset: Dataset, settings: Settings) -> Iterator[str]:
    folds = settings.model.cv
    if all(column.missing == dataset.rows for column in dataset.features):
        yield "no row has a value in any feature."
        return
    for column in dataset.features:
        if column.missing == column.rows:
            yield f"{column.name} has no value in any row."
        elif column.kind == "number" and column.values.dtype.kind == "f":
            infinite = np.flatnonzero(np.isinf(column.values))
            if len(infinite):
                rows = f"row {infinite[0] + 1}" + (f" and {len(infinite) - 1} more" if len(infinite) > 1 else "")
                yield f"{column.name} is infinite in {rows}."
    for target in dataset.targets if dataset.is_regression else ():
        if is_constant(target):
            yield f"the target {target.name} is {target.values[0]:g} in every row: nothing can be learned."
    if dataset.rows < folds:
        yield f"{_rows(dataset.rows)} are fewer than the {folds} folds of cross-validation."
    elif split.strategy_of(dataset, settings.data) == "stratified":
        for name, count in balance(dataset).items():
            if count < folds:
                yield f"class {name} has {_rows(count)}, fewer than the {folds} folds of cross-validation."
    elif settings.data.split == "group" and (groups := split.group_count(dataset)) <= folds:
        yield f"{settings.data.split_by} has {groups} groups, too few for {folds} folds and a test part."


def _column_warnings(dataset: Dataset) -> Iterator[str]:
    for column in dataset.features:
        if column.missing == column.rows:
            continue
        if is_constant(column):
            value = column.for_request(np.flatnonzero(~column.is_missing)[:1])[0]
            rows = "every row that has one" if column.missing else "every row"
            yield f"{column.name} has the same value, {_value_text(value)}, in {rows}: it does not help a model."
        elif is_identifier(column):
            yield (
                f"{column.name} looks like an identifier, with a different value in nearly every row: "
                f"it does not help a model. Exclude it with [data] ignore = [{toml_text(column.name)}]."
            )
        if column.kind == "number" and column.values.dtype.kind == "f":
            too_large = np.flatnonzero(np.abs(column.values) >= FLOAT32_LIMIT)
            if len(too_large):
                yield (
                    f"{column.name} has numbers outside the range of float32 in {_rows(len(too_large))} (first: row "
                    f"{too_large[0] + 1}): the API rejects them. Use a larger unit."
                )


def _notation_warnings(dataset: Dataset, settings: Settings) -> Iterator[str]:
    for column in (*dataset.features, *dataset.targets):
        # A kind in the settings is deliberate.
        if column.name not in settings.data.kinds and not is_constant(column) and (warning := notation_warning(column)):
            yield warning


def notation_warning(column: Column) -> str | None:
    """The warning for a text column of numbers or dates in a notation that mlctl does not parse, or None.

    The check uses the first 10 000 distinct texts.
    """
    if column.categories is None:
        return None
    texts = column.categories[:_NOTATION_SAMPLE].to_pylist()
    with_comma = next((text for text in texts if "," in text and not _THOUSANDS.fullmatch(text)), None)
    if with_comma and has_decimal_commas(column):
        return (
            f"{column.name} looks like numbers written with decimal commas ('{with_comma}'): it is read as categories. "
            'Set [data] decimal = ",", or write plain numbers.'
        )
    if number := _unusual_text(texts, _NUMBER, _PLAIN_NUMBER):
        return (
            f"{column.name} looks like numbers written with separators or signs ('{number}'): "
            "it is read as categories. Write plain numbers."
        )
    if date := _unusual_text(texts, _DATE, _ISO_DATE):
        return (
            f"{column.name} looks like dates that are not ISO 8601 ('{date}'): "
            "it is read as categories. Write dates like 2022-06-07."
        )
    return None


def _unusual_text(texts: list[str], notation: re.Pattern[str], usual: re.Pattern[str]) -> str | None:
    """The first text that is not in the usual notation, if nearly all texts match ``notation``; else None."""
    matching = [text for text in texts if notation.fullmatch(text.strip())]
    if len(matching) < _NOTATION_SHARE * len(texts):
        return None
    return next((text for text in matching if not usual.fullmatch(text.strip())), None)


def is_constant(column: Column) -> bool:
    """Whether all values that are not missing are equal."""
    values = column.values
    if column.kind == "number":
        low, high = (np.nanmin(values), np.nanmax(values)) if column.missing < column.rows else (0, 0)
        return bool(low == high)
    present = values[~column.is_missing] if column.missing else values
    return len(present) > 0 and bool(present.min() == present.max())


def has_decimal_commas(column: Column) -> bool:
    """Whether the texts of a category are numbers with decimal commas."""
    texts = column.texts()
    return any("," in text for text in texts) and all(_DECIMAL_COMMA.fullmatch(text) for text in texts)


def is_identifier(column: Column) -> bool:
    """Whether a column is an identifier: texts, or consecutive whole numbers, that rarely repeat."""
    if column.rows < _IDENTIFIER_ROWS:
        return False
    if column.kind == "category":
        # Amounts and dates in an unusual notation differ in every row too, but are no identifiers.
        return column.categories is not None and (
            len(column.categories) >= IDENTIFIER_SHARE * column.rows and notation_warning(column) is None
        )
    if column.kind != "number" or column.missing or not column.is_whole:
        return False
    # Row numbers lie close together; amounts do not.
    low, high = float(column.values.min()), float(column.values.max())
    if not column.rows - 1 <= high - low <= 2 * column.rows:
        return False  # also if a value is infinite
    return len(pd.unique(column.values)) == column.rows


def _leaks(dataset: Dataset) -> Iterator[str]:
    """Warn about features that determine a target."""
    for column in dataset.features:
        if column.missing:
            continue
        for target in dataset.targets:
            if (
                _is_linear_copy(column, target)
                if dataset.is_regression
                else _determines_class(column, dataset.classes, dataset)
            ):
                yield (
                    f"{column.name} determines {target.name} exactly. Is it known before {target.name} is? "
                    f"If not, the model is useless: exclude it with [data] ignore = [{toml_text(column.name)}]."
                )


def _determines_class(column: Column, classes: Integers, dataset: Dataset) -> bool:
    """Whether values and classes correspond one to one."""
    count = len(dataset.labels)
    if len(pd.unique(column.values[:_LEAK_SAMPLE])) > count:
        return False
    codes, values = pd.factorize(column.values)
    if len(values) != count:
        return False
    return len(pd.unique(codes.astype(np.int64) * count + classes)) == count


def _is_linear_copy(column: Column, target: Column) -> bool:
    """Whether a number is a linear function of the target."""
    if column.kind == "category" or target.rows < 3 or is_constant(column) or is_constant(target):
        return False
    return _correlation(column.floats(), target.floats()) >= _LINEAR_CORRELATION


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    with np.errstate(all="ignore"):
        # Scaled, because squares of very large or small numbers overflow or underflow.
        return float(abs(np.corrcoef(x / np.abs(x).max(), y / np.abs(y).max())[0, 1]))


def _duplicates(dataset: Dataset) -> Iterator[str]:
    row_hashes = np.zeros(dataset.rows, dtype=np.uint64)
    for column in (*dataset.features, *dataset.targets):
        # The multiplication after each column keeps equal values in two columns from cancelling out.
        row_hashes = (row_hashes ^ _hashes(column)) * np.uint64(0x9E3779B97F4A7C15)
        row_hashes ^= row_hashes >> np.uint64(29)
    repeats = dataset.rows - len(pd.unique(row_hashes))
    if repeats:
        repeat = "1 row repeats" if repeats == 1 else f"{repeats} rows repeat"
        yield f"{repeat} another row: copies of a row can be in both the training and the test part."


def _hashes(column: Column) -> NDArray[np.uint64]:
    values = column.values
    if values.dtype.kind == "f":
        return (values + 0.0).view(np.uint64)
    return values.astype(np.int64).view(np.uint64)


def balance(dataset: Dataset, rows: Integers | slice = slice(None)) -> dict[str, int]:
    """The number of rows of each class."""
    counts = np.bincount(dataset.classes[rows], minlength=len(dataset.class_names))
    return dict(zip(dataset.class_names, counts.tolist(), strict=True))


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _value_text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"'{value}'" if isinstance(value, str) else str(value).lower()
