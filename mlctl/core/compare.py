"""``mlctl compare``: two versions on the same held-out rows, and whether they differ by more than chance."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlctl.core.shared import held_out
from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Report, silent
from mlctl.registry.store import ModelVersion, Registry
from mlctl.settings import Settings
from mlctl.training import metrics, pipeline, significance
from mlctl.training.significance import Interval, McNemar, Wilcoxon


@dataclass(frozen=True)
class Comparison:
    """Metrics of both, the differences (second minus first) with 95 % intervals, and a paired test.

    The test is McNemar's for classes, Wilcoxon's for a regression.
    """

    first: str
    second: str
    rows: int
    first_metrics: dict[str, Any]
    second_metrics: dict[str, Any]
    differences: dict[str, Interval]
    test: McNemar | Wilcoxon

    @property
    def test_name(self) -> str:
        """``mcnemar`` or ``wilcoxon``."""
        return type(self.test).__name__.lower()

    @property
    def first_wins(self) -> int:
        """Rows on which the first does better."""
        return self.test.only_first if isinstance(self.test, McNemar) else self.test.first_nearer

    @property
    def second_wins(self) -> int:
        """Rows on which the second does better."""
        return self.test.only_second if isinstance(self.test, McNemar) else self.test.second_nearer

    @property
    def is_noise(self) -> bool:
        """Whether chance alone explains who answers better."""
        return self.test.is_noise


def run(project_folder: Path, settings: Settings, first: str, second: str, report: Report = silent) -> Comparison:
    """Compare two versions.

    Raises MlctlError: exit 3 when they were not measured on the same rows of the same data, or when
    the data has changed since; exit 4 when one is corrupt; exit 6 when there is no such version.
    """
    registry = Registry(project_folder, settings.project, report)
    versions = registry.get(first), registry.get(second)
    _same_rows(*versions)
    dataset, rows = held_out.load(versions[0], settings, project_folder, report)
    predicted = []
    for version in versions:
        fitted = version.load_pipeline()
        with pipeline.running(version.id, project_folder):
            predicted.append(metrics.predict(fitted, dataset, rows, version.manifest.data["takes"]))
    measured = [metrics.compute(dataset, rows, each) for each in predicted]
    seed = int(versions[0].manifest.settings["data"]["seed"])
    one, other = (each.values for each in predicted)
    test: McNemar | Wilcoxon
    if dataset.is_regression:
        expected = dataset.answers(rows)
        differences = significance.of_numbers(expected, one, other, seed=seed)
        test = significance.wilcoxon(expected, one, other)
    else:
        classes = dataset.classes[rows]
        differences = significance.of_classes(classes, one, other, n_classes=len(dataset.labels), seed=seed)
        test = significance.mcnemar(classes, one, other)
    return Comparison(
        first=versions[0].id,
        second=versions[1].id,
        rows=len(rows),
        first_metrics=measured[0],
        second_metrics=measured[1],
        differences=differences,
        test=test,
    )


def _same_rows(first: ModelVersion, second: ModelVersion) -> None:
    same_data = first.manifest.data["digest"] == second.manifest.data["digest"]
    if not same_data or first.read_json("split.json") != second.read_json("split.json"):
        what = "the same held-out rows" if same_data else "the same data"
        raise MlctlError(
            f"Model versions {first.id[:12]} and {second.id[:12]} were not measured on {what}.",
            code="not_comparable",
            exit_code=ExitCode.BAD_INPUT,
            hint="Train both with the same [data] settings, then compare those.",
        )
