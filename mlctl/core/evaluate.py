"""Measures a model version again on its held-out rows, for ``mlctl evaluate``."""

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
    """The metrics of one version, and the result of each gate."""

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
    """Evaluate ``version``. ``minimum`` adds gates to those of the settings, and overrides them.

    Raises MlctlError: exit 3 if the data is not the data that the version was trained on; exit 4 if the version is
    corrupt or not trusted; exit 6 if there is no such version. A missed gate is part of the result.
    """
    model = Registry(project_folder, settings.project, report).get(version)
    dataset, rows = held_out.load(model, settings, project_folder, report)
    fitted = model.load_pipeline()
    for name in changed_code(model.origin.files, project_folder):
        report(Event("warning", "evaluate", f"{name} has changed since model version {model.id[:12]} was made."))
    with pipeline.running(model.id, project_folder):
        measured = metrics.measure(fitted, dataset, rows, model.manifest.data["takes"])
    return Evaluation(
        version=model.id,
        task=dataset.task,
        rows=len(rows),
        class_names=dataset.class_names,
        metrics=measured,
        confusion_matrix=measured.get("confusion_matrix"),
        gates=gates.check(measured, {**settings.gates, **(minimum or {})}),
    )
