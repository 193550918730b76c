"""``mlctl compare``: two versions on the same held-out rows, and whether they differ by more than chance."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlctl.errors import ExitCode, MlctlError
from mlctl.model import held_out, metrics, pairs
from mlctl.model.pairs import Interval, McNemar
from mlctl.model.registry import ModelVersion, Registry
from mlctl.settings import Settings


@dataclass(frozen=True)
class Comparison:
    """Metrics of both, the differences (second minus first) with 95 % intervals, and McNemar's test."""

    first: str
    second: str
    rows: int
    first_metrics: dict[str, Any]
    second_metrics: dict[str, Any]
    differences: dict[str, Interval]
    mcnemar: McNemar

    @property
    def is_noise(self) -> bool:
        """Whether chance alone explains who answers rightly."""
        return self.mcnemar.is_noise


def run(project_folder: Path, settings: Settings, first: str, second: str) -> Comparison:
    """Compare two versions.

    Raises MlctlError: exit 3 when they were not measured on the same rows of the same data, or when
    the data has changed since; exit 4 when one is corrupt; exit 6 when there is no such version.
    """
    registry = Registry(project_folder, settings.project)
    versions = registry.get(first), registry.get(second)
    _same_rows(*versions)
    dataset, rows = held_out.load(versions[0])
    expected = dataset.target[rows]
    predicted = [version.load_pipeline().predict(dataset.features[rows]) for version in versions]
    seed = int(versions[0].manifest.settings["data"]["seed"])
    return Comparison(
        first=versions[0].id,
        second=versions[1].id,
        rows=len(rows),
        first_metrics=metrics.compute(expected, predicted[0], dataset.class_names),
        second_metrics=metrics.compute(expected, predicted[1], dataset.class_names),
        differences=pairs.bootstrap(expected, *predicted, n_classes=len(dataset.class_names), seed=seed),
        mcnemar=pairs.mcnemar(expected, *predicted),
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
