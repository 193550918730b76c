"""Describes, validates and splits the dataset, for ``mlctl data``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlctl.core.shared.column_description import ColumnDescription, describe_column
from mlctl.data import checks, loading
from mlctl.data import split as splitting
from mlctl.data.dataset import Dataset
from mlctl.progress import Report, silent
from mlctl.settings import Settings


@dataclass(frozen=True)
class Description:
    """The description of a dataset. ``classes``: rows of each class, empty for a regression."""

    source: str
    digest: str
    rows: int
    task: str
    targets: tuple[ColumnDescription, ...]
    columns: tuple[ColumnDescription, ...]
    classes: dict[str, int]


@dataclass(frozen=True)
class Validation:
    """A dataset that can be used for training, with warnings about it."""

    source: str
    rows: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class SplitSummary:
    """The number of training and test rows, by class for a classification. ``test_rows``: held-out rows, from 0."""

    source: str
    seed: int
    test_size: float
    strategy: str
    train: dict[str, int]
    test: dict[str, int]
    test_rows: tuple[int, ...]


def describe(project_folder: Path, settings: Settings, report: Report = silent) -> Description:
    """Describe the dataset of the project."""
    dataset = loading.load(settings, project_folder, report)
    return Description(
        source=dataset.name,
        digest=dataset.digest,
        rows=dataset.rows,
        task=dataset.task,
        targets=tuple(describe_column(column) for column in dataset.targets),
        columns=tuple(describe_column(column) for column in dataset.features),
        classes=checks.balance(dataset) if not dataset.is_regression else {},
    )


def validate(project_folder: Path, settings: Settings, report: Report = silent) -> Validation:
    """Check whether the dataset can be used for training. Raises MlctlError (exit 3) with the first problem."""
    dataset = loading.load(settings, project_folder, report)
    findings = checks.check(dataset, settings)
    checks.refuse(dataset, findings)
    parts = splitting.hold_out(dataset, settings.data)
    # Folds can fail even if the split does not.
    next(splitting.folds(dataset, parts, settings.data, settings.model.cv))
    return Validation(
        source=dataset.name,
        rows=dataset.rows,
        warnings=(*findings.warnings, *splitting.missing_classes(dataset, parts)),
    )


def split(project_folder: Path, settings: Settings, report: Report = silent) -> SplitSummary:
    """Return the split that training uses."""
    dataset = loading.load(settings, project_folder, report)
    parts = splitting.hold_out(dataset, settings.data)
    return SplitSummary(
        source=dataset.name,
        seed=settings.data.seed,
        test_size=settings.data.test_size,
        strategy=parts.strategy,
        train=_counts(dataset, parts.train),
        test=_counts(dataset, parts.test),
        test_rows=tuple(parts.test.tolist()),
    )


def _counts(dataset: Dataset, rows: Any) -> dict[str, int]:
    return {"rows": len(rows)} if dataset.is_regression else checks.balance(dataset, rows)
