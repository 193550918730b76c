"""Held-out rows and cross-validation folds: stratified, plain, by group or by time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    train_test_split,
)

from mlctl.data.columns import Column, Integers
from mlctl.data.dataset import Dataset
from mlctl.errors import ExitCode, MlctlError
from mlctl.settings import DataSettings


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of the training and the test part in ascending order, and the ``strategy`` that selected them."""

    train: Integers
    test: Integers
    strategy: str


def hold_out(dataset: Dataset, settings: DataSettings) -> Split:
    """Split the rows into a training and a test part as ``[data]`` sets; the same seed gives the same rows.

    ``stratified`` keeps the balance of the classes, ``group`` keeps the rows of a group together,
    ``time`` holds out the latest rows. Raises MlctlError (exit 3) if the rows cannot be split like this.
    """
    strategy = strategy_of(dataset, settings)
    rows = np.arange(dataset.rows)
    shuffled: dict[str, Any] = {"test_size": settings.test_size, "random_state": settings.seed}
    try:
        if strategy == "time":
            order = np.argsort(_times(dataset), kind="stable")
            count = max(int(np.ceil(dataset.rows * settings.test_size)), 1)
            train, test = order[:-count], order[-count:]
            if len(train) == 0:
                raise ValueError(f"{dataset.rows} rows leave no rows for training")
        elif strategy == "group":
            train, test = next(GroupShuffleSplit(n_splits=1, **shuffled).split(rows, groups=_groups(dataset)))
        else:
            train, test = train_test_split(
                rows, stratify=dataset.classes if strategy == "stratified" else None, **shuffled
            )
    except ValueError as error:
        raise MlctlError(
            f"The rows cannot be split into training and test: {error}",
            code="split_impossible",
            exit_code=ExitCode.BAD_INPUT,
            hint="Set a [data] test_size that leaves enough rows in each part, or add rows.",
        ) from None
    _require_two_classes(dataset, train, f"the training part of a {strategy} split")
    return Split(train=np.sort(train), test=np.sort(test), strategy=strategy)


def folds(dataset: Dataset, split: Split, settings: DataSettings, count: int) -> Iterator[tuple[Integers, Integers]]:
    """Yield ``count`` pairs of row numbers (fit, validation) from the training part only.

    With the strategy ``time``, the fit rows of each fold precede its validation rows. Raises MlctlError (exit 3)
    if the training part is too small for ``count`` folds.
    """
    rows = split.train
    if split.strategy == "time":
        rows = rows[np.argsort(_times(dataset)[rows], kind="stable")]
        _require_count(dataset, len(rows), "rows", count + 1, count)
        fold_positions = TimeSeriesSplit(n_splits=count).split(rows)
    elif split.strategy == "group":
        groups = _groups(dataset)[rows]
        _require_count(dataset, len(np.unique(groups)), "groups", count, count)
        if dataset.is_regression:
            fold_positions = GroupKFold(n_splits=count).split(rows, groups=groups)
        else:
            _require_class_in_every_fold(dataset, rows, count)
            splitter = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=settings.seed)
            fold_positions = splitter.split(rows, dataset.classes[rows], groups)
    elif split.strategy == "stratified":
        _require_class_in_every_fold(dataset, rows, count)
        fold_positions = StratifiedKFold(n_splits=count, shuffle=True, random_state=settings.seed).split(
            rows, dataset.classes[rows]
        )
    else:
        _require_count(dataset, len(rows), "rows", count, count)
        fold_positions = KFold(n_splits=count, shuffle=True, random_state=settings.seed).split(rows)
    for number, (fit, validation) in enumerate(fold_positions, start=1):
        _require_two_classes(dataset, rows[fit], f"the training part of cross-validation fold {number}")
        yield rows[fit], rows[validation]


def missing_classes(dataset: Dataset, split: Split) -> Iterator[str]:
    """Yield a sentence for each class without rows in one of the two parts; nothing for a regression."""
    if dataset.is_regression:
        return
    for part, rows, consequence in (
        ("training", split.train, "the model cannot predict it"),
        ("test", split.test, "the metrics do not cover it"),
    ):
        counts = np.bincount(dataset.classes[rows], minlength=len(dataset.class_names))
        for name, count in zip(dataset.class_names, counts.tolist(), strict=True):
            if count == 0:
                yield f"The {part} part has no row of class {name}: {consequence}."


def _require_two_classes(dataset: Dataset, rows: Integers, description: str) -> None:
    """Raise MlctlError (exit 3) if all rows have the same class."""
    if dataset.is_regression or len(np.unique(dataset.classes[rows])) > 1:
        return
    raise MlctlError(
        f"{dataset.name}: {description} has only one class, {dataset.class_names[int(dataset.classes[rows][0])]}.",
        code="split_impossible",
        exit_code=ExitCode.BAD_INPUT,
        hint="Split by another column, add rows, or lower [model] cv.",
    )


def _require_class_in_every_fold(dataset: Dataset, rows: Integers, count: int) -> None:
    """Raise MlctlError (exit 3) if a class has too few rows to be in every fold."""
    counts = np.bincount(dataset.classes[rows], minlength=len(dataset.class_names))
    rarest = int(counts.argmin())
    _require_count(dataset, int(counts[rarest]), f"rows of class {dataset.class_names[rarest]}", count, count)


def _require_count(dataset: Dataset, available: int, unit: str, needed: int, folds: int) -> None:
    if available < needed:
        counted = unit if available != 1 else unit.replace("s", "", 1)
        raise MlctlError(
            f"{dataset.name}: the training part has {available} {counted}, "
            f"too few for {folds} folds of cross-validation.",
            code="split_impossible",
            exit_code=ExitCode.BAD_INPUT,
            hint="Add rows, or lower [data] test_size or [model] cv.",
        )


def strategy_of(dataset: Dataset, settings: DataSettings) -> str:
    """The strategy that the settings select; ``auto`` is stratified for classes and plain for a regression."""
    if settings.split == "auto":
        return "plain" if dataset.is_regression else "stratified"
    if settings.split == "stratified" and dataset.is_regression:
        verb = "is" if len(dataset.targets) == 1 else "are"
        raise MlctlError(
            f"A stratified split needs classes, but {dataset.target_name} {verb} numeric.",
            code="split_impossible",
            exit_code=ExitCode.BAD_INPUT,
            hint='Set [data] split = "plain".',
        )
    return settings.split


def group_count(dataset: Dataset) -> int:
    """The number of distinct groups."""
    return len(np.unique(_groups(dataset)))


def _groups(dataset: Dataset) -> Integers:
    return np.unique(_complete_split_column(dataset).values, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _times(dataset: Dataset) -> Any:
    column = _complete_split_column(dataset)
    if column.kind not in ("date", "number"):
        raise MlctlError(
            f"{dataset.name}: rows cannot be ordered by {column.name}, which is of kind {column.kind}.",
            code="split_impossible",
            exit_code=ExitCode.BAD_INPUT,
            hint="Set [data] split_by to a column of ISO 8601 dates or numbers.",
        )
    return column.values


def _complete_split_column(dataset: Dataset) -> Column:
    """The column to split by. Raises MlctlError (exit 3) if it has missing values."""
    column = dataset.split_by
    if column is None:
        raise MlctlError(
            f"The dataset '{dataset.name}' has no column to split by.",
            code="split_impossible",
            exit_code=ExitCode.BAD_INPUT,
            hint="Built-in datasets have neither groups nor times; remove [data] split and split_by.",
        )
    if column.missing:
        first = int(np.flatnonzero(column.is_missing)[0]) + 1
        raise MlctlError(
            f"{dataset.name}: the split_by column {column.name} has no value in {column.missing} rows "
            f"(first: row {first}).",
            code="split_impossible",
            exit_code=ExitCode.BAD_INPUT,
            hint="Fill in the values, or split by another column.",
        )
    return column
