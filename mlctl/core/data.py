"""``mlctl data``: what the dataset holds, whether it can be trained on, how it is split."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlctl.core.shared.column_description import Described, described
from mlctl.data import checks, loading
from mlctl.data import split as splitting
from mlctl.data.dataset import Dataset
from mlctl.progress import Report, silent
from mlctl.settings import Settings


@dataclass(frozen=True)
class Description:
    """A dataset in figures; ``classes`` maps each class to its number of rows, empty for a regression."""

    source: str
    digest: str
    rows: int
    task: str
    targets: tuple[Described, ...]
    columns: tuple[Described, ...]
    classes: dict[str, int]


@dataclass(frozen=True)
class Validation:
    """A dataset that can be trained on, with what its user should know."""

    source: str
    rows: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class SplitSummary:
    """Rows a part, by class where there are classes; ``test_rows`` are the row numbers held out, from 0."""

    source: str
    seed: int
    test_size: float
    strategy: str
    train: dict[str, int]
    test: dict[str, int]
    test_rows: tuple[int, ...]


def describe(project_folder: Path, settings: Settings, report: Report = silent) -> Description:
    """The dataset of the project in figures."""
    dataset = loading.load(settings, project_folder, report)
    return Description(
        source=dataset.name,
        digest=dataset.digest,
        rows=dataset.rows,
        task=dataset.task,
        targets=tuple(described(column) for column in dataset.targets),
        columns=tuple(described(column) for column in dataset.features),
        classes=checks.balance(dataset) if not dataset.is_regression else {},
    )


def validate(project_folder: Path, settings: Settings, report: Report = silent) -> Validation:
    """Check the dataset for what training needs. Raises MlctlError (exit 3) naming the first problem."""
    dataset = loading.load(settings, project_folder, report)
    findings = checks.check(dataset, settings)
    checks.refuse(dataset, findings)
    parts = splitting.hold_out(dataset, settings.data)
    # Folds may be refused where the split is not.
    next(splitting.folds(dataset, parts, settings.data, settings.model.cv))
    return Validation(
        source=dataset.name,
        rows=dataset.rows,
        warnings=(*findings.warnings, *splitting.missing_classes(dataset, parts)),
    )


def split(project_folder: Path, settings: Settings, report: Report = silent) -> SplitSummary:
    """The split that training will use."""
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
