"""Compares two model versions on the same held-out rows, for ``mlctl compare``."""

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
    """Metrics of both versions, the differences (second minus first) with 95 % intervals, and a paired test.

    The test is McNemar's for a classification and Wilcoxon's for a regression.
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
        """The number of rows on which the first version is better."""
        return self.test.only_first if isinstance(self.test, McNemar) else self.test.first_nearer

    @property
    def second_wins(self) -> int:
        """The number of rows on which the second version is better."""
        return self.test.only_second if isinstance(self.test, McNemar) else self.test.second_nearer

    @property
    def is_noise(self) -> bool:
        """Whether chance can explain the difference."""
        return self.test.is_noise


def run(project_folder: Path, settings: Settings, first: str, second: str, report: Report = silent) -> Comparison:
    """Compare two versions.

    Raises MlctlError: exit 3 if they were not measured on the same rows of the same data, or if the data has changed
    since; exit 4 if one is corrupt; exit 6 if there is no such version.
    """
    registry = Registry(project_folder, settings.project, report)
    versions = registry.get(first), registry.get(second)
    _check_same_rows(*versions)
    dataset, rows = held_out.load(versions[0], settings, project_folder, report)
    predictions = []
    for version in versions:
        fitted = version.load_pipeline()
        with pipeline.running(version.id, project_folder):
            predictions.append(metrics.predict(fitted, dataset, rows, version.manifest.data["takes"]))
    measured = [metrics.compute(dataset, rows, prediction) for prediction in predictions]
    seed = int(versions[0].manifest.settings["data"]["seed"])
    first_values, second_values = (prediction.values for prediction in predictions)
    test: McNemar | Wilcoxon
    if dataset.is_regression:
        expected = dataset.answers(rows)
        differences = significance.of_numbers(expected, first_values, second_values, seed=seed)
        test = significance.wilcoxon(expected, first_values, second_values)
    else:
        classes = dataset.classes[rows]
        differences = significance.of_classes(
            classes, first_values, second_values, n_classes=len(dataset.labels), seed=seed
        )
        test = significance.mcnemar(classes, first_values, second_values)
    return Comparison(
        first=versions[0].id,
        second=versions[1].id,
        rows=len(rows),
        first_metrics=measured[0],
        second_metrics=measured[1],
        differences=differences,
        test=test,
    )


def _check_same_rows(first: ModelVersion, second: ModelVersion) -> None:
    same_data = first.manifest.data["digest"] == second.manifest.data["digest"]
    if not same_data or first.read_json("split.json") != second.read_json("split.json"):
        what = "the same held-out rows" if same_data else "the same data"
        raise MlctlError(
            f"Model versions {first.id[:12]} and {second.id[:12]} were not measured on {what}.",
            code="not_comparable",
            exit_code=ExitCode.BAD_INPUT,
            hint="Train both versions again with the same [data] settings, then compare these.",
        )
