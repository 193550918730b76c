"""Holding rows out, and the folds of cross-validation: stratified, plain, by group or by time."""

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
    """Row numbers of the training and the test part, each in ascending order; ``strategy`` is how they were chosen."""

    train: Integers
    test: Integers
    strategy: str


def hold_out(dataset: Dataset, settings: DataSettings) -> Split:
    """The split that ``[data]`` asks for; the same seed gives the same rows.

    ``stratified`` keeps the balance of the classes, ``group`` keeps the rows of a group together,
    ``time`` holds out the latest rows. Raises MlctlError (exit 3) where the rows do not allow it.
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
                raise ValueError(f"{dataset.rows} rows leave none for training")
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
            hint="Give [data] a test_size that leaves enough rows in each part, or more rows.",
        ) from None
    _refuse_one_class(dataset, train, f"the training part of a {strategy} split")
    return Split(train=np.sort(train), test=np.sort(test), strategy=strategy)


def folds(dataset: Dataset, split: Split, settings: DataSettings, count: int) -> Iterator[tuple[Integers, Integers]]:
    """``count`` pairs of row numbers (to fit on, to check on) within the training part: test rows stay unseen.

    By time, each fold is fitted on what lies before the rows that it is checked on. Raises MlctlError
    (exit 3) where the training part is too small for so many.
    """
    rows = split.train
    if split.strategy == "time":
        rows = rows[np.argsort(_times(dataset)[rows], kind="stable")]
        _refuse_fewer(dataset, len(rows), "rows", count + 1, count)
        found = TimeSeriesSplit(n_splits=count).split(rows)
    elif split.strategy == "group":
        groups = _groups(dataset)[rows]
        _refuse_fewer(dataset, len(np.unique(groups)), "groups", count, count)
        if dataset.is_regression:
            found = GroupKFold(n_splits=count).split(rows, groups=groups)
        else:
            _refuse_rare(dataset, rows, count)
            chosen = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=settings.seed)
            found = chosen.split(rows, dataset.classes[rows], groups)
    elif split.strategy == "stratified":
        _refuse_rare(dataset, rows, count)
        found = StratifiedKFold(n_splits=count, shuffle=True, random_state=settings.seed).split(
            rows, dataset.classes[rows]
        )
    else:
        _refuse_fewer(dataset, len(rows), "rows", count, count)
        found = KFold(n_splits=count, shuffle=True, random_state=settings.seed).split(rows)
    for number, (fit, check) in enumerate(found, start=1):
        _refuse_one_class(dataset, rows[fit], f"what fold {number} of cross-validation is fitted on")
        yield rows[fit], rows[check]


def lacking(dataset: Dataset, split: Split) -> Iterator[str]:
    """A sentence for each class that one of the two parts lacks; none of a regression."""
    if dataset.is_regression:
        return
    for part, rows, means in (
        ("training", split.train, "the model cannot predict it"),
        ("test", split.test, "the metrics say nothing of it"),
    ):
        counts = np.bincount(dataset.classes[rows], minlength=len(dataset.class_names))
        for name, count in zip(dataset.class_names, counts.tolist(), strict=True):
            if count == 0:
                yield f"The {part} part has no row of class {name}: {means}."


def _refuse_one_class(dataset: Dataset, rows: Integers, what: str) -> None:
    """Refuse rows that there is nothing to tell apart in."""
    if dataset.is_regression or len(np.unique(dataset.classes[rows])) > 1:
        return
    raise MlctlError(
        f"{dataset.name}: {what} has one class only, {dataset.class_names[int(dataset.classes[rows][0])]}.",
        code="split_impossible",
        exit_code=ExitCode.BAD_INPUT,
        hint="Split by something else, give more rows, or a smaller [model] cv.",
    )


def _refuse_rare(dataset: Dataset, rows: Integers, count: int) -> None:
    """Refuse a class that could not be in every fold."""
    counts = np.bincount(dataset.classes[rows], minlength=len(dataset.class_names))
    rarest = int(counts.argmin())
    _refuse_fewer(dataset, int(counts[rarest]), f"rows of class {dataset.class_names[rarest]}", count, count)


def _refuse_fewer(dataset: Dataset, there: int, what: str, needed: int, folds: int) -> None:
    if there < needed:
        raise MlctlError(
            f"{dataset.name}: the training part has {there} {what if there != 1 else what.replace('s', '', 1)}, "
            f"too few for {folds} folds of cross-validation.",
            code="split_impossible",
            exit_code=ExitCode.BAD_INPUT,
            hint="Give more rows, a smaller [data] test_size, or a smaller [model] cv.",
        )


def strategy_of(dataset: Dataset, settings: DataSettings) -> str:
    """The strategy that the settings select; ``auto`` is stratified for classes and plain for a regression."""
    if settings.split == "auto":
        return "plain" if dataset.is_regression else "stratified"
    if settings.split == "stratified" and dataset.is_regression:
        what = "is a number" if len(dataset.targets) == 1 else "are numbers"
        raise MlctlError(
            f"A stratified split needs classes, but {dataset.target_name} {what} to predict.",
            code="split_impossible",
            exit_code=ExitCode.BAD_INPUT,
            hint='Set [data] split = "plain".',
        )
    return settings.split


def group_count(dataset: Dataset) -> int:
    """How many groups the rows are of."""
    return len(np.unique(_groups(dataset)))


def _groups(dataset: Dataset) -> Integers:
    return np.unique(_whole(dataset).values, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _times(dataset: Dataset) -> Any:
    column = _whole(dataset)
    if column.kind not in ("date", "number"):
        raise MlctlError(
            f"{dataset.name}: rows cannot be put in order by {column.name}, whose values are of kind {column.kind}.",
            code="split_impossible",
            exit_code=ExitCode.BAD_INPUT,
            hint="Give [data] split_by a column of ISO 8601 dates or of numbers.",
        )
    return column.values


def _whole(dataset: Dataset) -> Column:
    """The column to split by, which must have a value in every row."""
    column = dataset.split_by
    if column is None:
        raise MlctlError(
            f"The dataset '{dataset.name}' has no column to split by.",
            code="split_impossible",
            exit_code=ExitCode.BAD_INPUT,
            hint="A built-in set has neither groups nor times; remove [data] split and split_by.",
        )
    if column.missing:
        first = int(np.flatnonzero(column.is_missing)[0]) + 1
        raise MlctlError(
            f"{dataset.name}: {column.name}, which rows are split by, has no value in {column.missing} rows, "
            f"the first is row {first}.",
            code="split_impossible",
            exit_code=ExitCode.BAD_INPUT,
            hint="Fill it, or split by another column.",
        )
    return column
