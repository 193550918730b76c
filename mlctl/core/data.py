"""``mlctl data``: what the dataset holds, whether it can be trained on, how it is split."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlctl.data import builtin
from mlctl.data.dataset import Dataset
from mlctl.data.split import stratified
from mlctl.errors import ExitCode, MlctlError
from mlctl.settings import Settings


@dataclass(frozen=True)
class Column:
    """One feature: its smallest, mean and largest value, standard deviation, and a histogram of ten bins."""

    name: str
    min: float
    mean: float
    max: float
    std: float
    histogram: tuple[int, ...]


@dataclass(frozen=True)
class Description:
    """A dataset in figures; ``classes`` maps each class to its number of rows."""

    source: str
    digest: str
    rows: int
    target: str
    columns: tuple[Column, ...]
    classes: dict[str, int]


@dataclass(frozen=True)
class Validation:
    """``problems`` keep a dataset from being trained on; ``warnings`` do not."""

    source: str
    rows: int
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class SplitSummary:
    """Rows a part and class; ``test_rows`` are the row numbers held out."""

    source: str
    seed: int
    test_size: float
    train: dict[str, int]
    test: dict[str, int]
    test_rows: tuple[int, ...]


def describe(settings: Settings) -> Description:
    """The dataset of the project in figures."""
    dataset = builtin.load(settings.data.source, settings.data.target)
    return Description(
        source=dataset.name,
        digest=dataset.digest,
        rows=dataset.rows,
        target=dataset.target_name,
        columns=tuple(_column(name, dataset.features[:, at]) for at, name in enumerate(dataset.feature_names)),
        classes=_balance(dataset, np.arange(dataset.rows)),
    )


def validate(settings: Settings) -> Validation:
    """Check the dataset for what training needs. Raises MlctlError (exit 3) naming the first problem."""
    checked = check(builtin.load(settings.data.source, settings.data.target), settings.model.cv)
    if checked.problems:
        raise MlctlError(
            f"{checked.source}: {checked.problems[0]}"
            + (f" ({len(checked.problems) - 1} more problems.)" if len(checked.problems) > 1 else ""),
            code="data_invalid",
            exit_code=ExitCode.BAD_INPUT,
            hint="Correct the data, or choose another [data] source.",
        )
    return checked


def check(dataset: Dataset, folds: int) -> Validation:
    """The problems and warnings of a dataset that ``folds`` cross-validation folds are to be made of."""
    problems, warnings = [], []
    for at, name in enumerate(dataset.feature_names):
        values = dataset.features[:, at]
        broken = np.flatnonzero(~np.isfinite(values))
        if len(broken):
            problems.append(f"{name} is not a finite number in {len(broken)} rows, the first is row {broken[0]}.")
        elif values.min() == values.max():
            warnings.append(f"{name} has the same value, {values[0]:g}, in every row: it cannot help.")
    for name, count in _balance(dataset, np.arange(dataset.rows)).items():
        if count < folds:
            problems.append(f"class {name} has {count} rows, fewer than the {folds} folds of cross-validation.")
    duplicates = dataset.rows - len(np.unique(np.column_stack([dataset.features, dataset.target]), axis=0))
    if duplicates:
        repeat = "1 row repeats" if duplicates == 1 else f"{duplicates} rows repeat"
        warnings.append(f"{repeat} another row: one of a pair may be in training, the other in test.")
    return Validation(source=dataset.name, rows=dataset.rows, problems=tuple(problems), warnings=tuple(warnings))


def split(settings: Settings) -> SplitSummary:
    """The stratified split that training will use."""
    dataset = builtin.load(settings.data.source, settings.data.target)
    parts = stratified(dataset, test_size=settings.data.test_size, seed=settings.data.seed)
    return SplitSummary(
        source=dataset.name,
        seed=settings.data.seed,
        test_size=settings.data.test_size,
        train=_balance(dataset, parts.train),
        test=_balance(dataset, parts.test),
        test_rows=tuple(parts.test.tolist()),
    )


def _column(name: str, values: np.ndarray[Any, np.dtype[np.float64]]) -> Column:
    return Column(
        name=name,
        min=float(values.min()),
        mean=float(values.mean()),
        max=float(values.max()),
        std=float(values.std()),
        histogram=tuple(np.histogram(values, bins=10)[0].tolist()),
    )


def _balance(dataset: Dataset, rows: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, int]:
    counts = np.bincount(dataset.target[rows], minlength=len(dataset.class_names))
    return dict(zip(dataset.class_names, counts.tolist(), strict=True))
