"""What keeps a dataset from being trained on, and what its user should know."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlctl.data import split
from mlctl.data.columns import Column, Integers
from mlctl.data.dataset import Dataset
from mlctl.data.input_files import toml_text
from mlctl.data.values import FLOAT32_LIMIT
from mlctl.errors import ExitCode, MlctlError
from mlctl.settings import Settings

# A column with a different value in this share of its rows names them rather than tells of them.
IDENTIFIER_SHARE = 0.9
_IDENTIFIER_ROWS = 20
_LEAK_SAMPLE = 10_000
_CERTAIN = 1 - 1e-9
_DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?")
# A text column of which this share of the texts is of another notation is one in that notation.
_NOTATION_SHARE = 0.9
_NOTATION_SAMPLE = 10_000
_CURRENCY = r"(?:[A-Z]{0,2}[$€£¥₹₽₩₺₴₪₫฿]|USD|EUR|GBP|CHF|JPY|kr|zł)"
# Plain; by thousands with one separator, or as in India; a fraction after a point or a comma.
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
    """``problems`` keep a dataset from being trained on; ``warnings`` do not."""

    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def check(dataset: Dataset, settings: Settings) -> Findings:
    """All problems and warnings of a dataset that is to be split and cross-validated as the settings say."""
    warnings = [*_columns(dataset), *_misread(dataset, settings), *_leaks(dataset), *_duplicates(dataset)]
    return Findings(tuple(_problems(dataset, settings)), tuple(warnings))


def refuse(dataset: Dataset, findings: Findings) -> None:
    """Raise MlctlError (exit 3) with the first problem, if there is any."""
    if findings.problems:
        more = len(findings.problems) - 1
        raise MlctlError(
            f"{dataset.name}: {findings.problems[0]}"
            + (f" ({more} more {'problem' if more == 1 else 'problems'}.)" if more else ""),
            code="data_invalid",
            exit_code=ExitCode.BAD_INPUT,
            hint="Correct the data, or leave a column out with [data] ignore.",
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
                where = f"row {infinite[0] + 1}" + (f" and {len(infinite) - 1} more" if len(infinite) > 1 else "")
                yield f"{column.name} is infinite in {where}."
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


def _columns(dataset: Dataset) -> Iterator[str]:
    for column in dataset.features:
        if column.missing == column.rows:
            continue
        if is_constant(column):
            value = column.for_request(np.flatnonzero(~column.is_missing)[:1])[0]
            gaps = "every row that has one" if column.missing else "every row"
            yield f"{column.name} has the same value, {_shown(value)}, in {gaps}: it cannot help."
        elif is_identifier(column):
            yield (
                f"{column.name} looks like an identifier, a different value in nearly every row: "
                f"it cannot help. Leave it out with [data] ignore = [{toml_text(column.name)}]."
            )
        if column.kind == "number" and column.values.dtype.kind == "f":
            beyond = np.flatnonzero(np.abs(column.values) >= FLOAT32_LIMIT)
            if len(beyond):
                yield (
                    f"{column.name} has numbers beyond float32 in {_rows(len(beyond))}, the first is row "
                    f"{beyond[0] + 1}: the API refuses them. Give it in a larger unit."
                )


def _misread(dataset: Dataset, settings: Settings) -> Iterator[str]:
    for column in (*dataset.features, *dataset.targets):
        # Of a kind that is set, its user knows.
        if column.name not in settings.data.kinds and not is_constant(column) and (told := misread(column)):
            yield told


def misread(column: Column) -> str | None:
    """The warning for a text column whose texts are numbers or dates in another notation than is read; else None.

    Of many distinct texts the first 10 000 are looked at.
    """
    if column.categories is None:
        return None
    texts = column.categories[:_NOTATION_SAMPLE].to_pylist()
    odd = next((text for text in texts if "," in text and not _THOUSANDS.fullmatch(text)), None)
    if odd and has_decimal_commas(column):
        return (
            f"{column.name} looks like numbers written with decimal commas ('{odd}'): it is taken for names. "
            'Set [data] decimal = ",", or write plain numbers.'
        )
    if odd_number := _of_notation(texts, _NUMBER, _PLAIN_NUMBER):
        return (
            f"{column.name} looks like numbers written with separators or signs ('{odd_number}'): "
            "it is taken for names. Write plain numbers."
        )
    if odd_date := _of_notation(texts, _DATE, _ISO_DATE):
        return (
            f"{column.name} looks like dates that are not ISO 8601 ('{odd_date}'): "
            "it is taken for names. Write dates like 2022-06-07."
        )
    return None


def _of_notation(texts: list[str], notation: re.Pattern[str], usual: re.Pattern[str]) -> str | None:
    """The first text that is not of the usual notation, where nearly all are of ``notation``."""
    found = [text for text in texts if notation.fullmatch(text.strip())]
    if len(found) < _NOTATION_SHARE * len(texts):
        return None
    return next((text for text in found if not usual.fullmatch(text.strip())), None)


def is_constant(column: Column) -> bool:
    """Whether all values that are there are the same."""
    values = column.values
    if column.kind == "number":
        low, high = (np.nanmin(values), np.nanmax(values)) if column.missing < column.rows else (0, 0)
        return bool(low == high)
    present = values[~column.is_missing] if column.missing else values
    return len(present) > 0 and bool(present.min() == present.max())


def has_decimal_commas(column: Column) -> bool:
    """Whether the texts of a category are numbers with commas where points would be read."""
    texts = column.texts()
    return any("," in text for text in texts) and all(_DECIMAL_COMMA.fullmatch(text) for text in texts)


def is_identifier(column: Column) -> bool:
    """Whether a column names its rows: texts, or whole numbers without gaps, that hardly ever repeat."""
    if column.rows < _IDENTIFIER_ROWS:
        return False
    if column.kind == "category":
        # Amounts and dates differ in every row, too, whatever notation they are in.
        return column.categories is not None and (
            len(column.categories) >= IDENTIFIER_SHARE * column.rows and misread(column) is None
        )
    if column.kind != "number" or column.missing or not column.is_whole:
        return False
    # Numbers of rows lie close together; amounts do not, however different they are.
    low, high = float(column.values.min()), float(column.values.max())
    if not column.rows - 1 <= high - low <= 2 * column.rows:
        return False  # also where one is infinite
    return len(pd.unique(column.values)) == column.rows


def _leaks(dataset: Dataset) -> Iterator[str]:
    """Features that are the target in other words."""
    for column in dataset.features:
        if column.missing:
            continue
        for target in dataset.targets:
            if _follows(column, target) if dataset.is_regression else _tells_class(column, dataset.classes, dataset):
                yield (
                    f"{column.name} tells {target.name} exactly: is it known before {target.name} is? "
                    f"If not, the model is worthless: leave it out with [data] ignore = [{toml_text(column.name)}]."
                )


def _tells_class(column: Column, classes: Integers, dataset: Dataset) -> bool:
    """Whether each of its values stands for one class and each class for one value."""
    count = len(dataset.labels)
    if len(pd.unique(column.values[:_LEAK_SAMPLE])) > count:
        return False
    codes, values = pd.factorize(column.values)
    if len(values) != count:
        return False
    return len(pd.unique(codes.astype(np.int64) * count + classes)) == count


def _follows(column: Column, target: Column) -> bool:
    """Whether a number is the target, but for a factor and a constant."""
    if column.kind == "category" or target.rows < 3 or is_constant(column) or is_constant(target):
        return False
    return _correlation(column.floats(), target.floats()) >= _CERTAIN


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    with np.errstate(all="ignore"):
        # To one size first: squares of very large or very small numbers leave float64.
        return float(abs(np.corrcoef(one / np.abs(one).max(), other / np.abs(other).max())[0, 1]))


def _duplicates(dataset: Dataset) -> Iterator[str]:
    seen = np.zeros(dataset.rows, dtype=np.uint64)
    for column in (*dataset.features, *dataset.targets):
        # Each column turns the sum, so that equal values in two columns do not cancel out.
        seen = (seen ^ _hashes(column)) * np.uint64(0x9E3779B97F4A7C15)
        seen ^= seen >> np.uint64(29)
    repeats = dataset.rows - len(pd.unique(seen))
    if repeats:
        repeat = "1 row repeats" if repeats == 1 else f"{repeats} rows repeat"
        yield f"{repeat} another row: one of a pair may be in training, the other in test."


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


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"'{value}'" if isinstance(value, str) else str(value).lower()
