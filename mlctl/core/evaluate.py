"""``mlctl evaluate``: the metrics of a version, computed again on its held-out rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlctl.core.shared import held_out
from mlctl.progress import Event, Report, silent
from mlctl.registry import gates
from mlctl.registry.gates import Gate
from mlctl.registry.sources import changed_code
from mlctl.registry.store import LATEST, Registry
from mlctl.settings import Settings
from mlctl.training import metrics, pipeline


@dataclass(frozen=True)
class Evaluation:
    """The metrics of one version, with the gates that they were held against."""

    version: str
    task: str
    rows: int
    class_names: tuple[str, ...]
    metrics: dict[str, Any]
    confusion_matrix: list[list[int]] | None
    gates: tuple[Gate, ...]


def run(
    project_folder: Path,
    settings: Settings,
    *,
    version: str = LATEST,
    minimum: Mapping[str, float] | None = None,
    report: Report = silent,
) -> Evaluation:
    """Evaluate ``version``. ``minimum`` adds to the gates of the settings, and wins over them.

    Raises MlctlError: exit 3 when the data is not what the version was trained on, exit 4 when the
    version is corrupt or not trusted, exit 6 when there is no such version. A missed gate is in the result.
    """
    found = Registry(project_folder, settings.project, report).get(version)
    dataset, rows = held_out.load(found, settings, project_folder, report)
    fitted = found.load_pipeline()
    for name in changed_code(found.origin.files, project_folder):
        report(Event("warning", "evaluate", f"{name} has changed since model version {found.id[:12]} was made."))
    with pipeline.running(found.id, project_folder):
        measured = metrics.measure(fitted, dataset, rows, found.manifest.data["takes"])
    return Evaluation(
        version=found.id,
        task=dataset.task,
        rows=len(rows),
        class_names=dataset.class_names,
        metrics=measured,
        confusion_matrix=measured.get("confusion_matrix"),
        gates=gates.check(measured, {**settings.gates, **(minimum or {})}),
    )
