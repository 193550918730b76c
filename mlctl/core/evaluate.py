"""``mlctl evaluate``: the metrics of a version, computed again on its held-out rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlctl.model import gates, held_out, metrics
from mlctl.model.gates import Gate
from mlctl.model.registry import LATEST, Registry
from mlctl.settings import Settings


@dataclass(frozen=True)
class Evaluation:
    """The metrics of one version, with the gates that they were held against."""

    version: str
    rows: int
    class_names: tuple[str, ...]
    metrics: dict[str, Any]
    confusion_matrix: list[list[int]]
    gates: tuple[Gate, ...]


def run(
    project_folder: Path, settings: Settings, *, version: str = LATEST, minimum: Mapping[str, float] | None = None
) -> Evaluation:
    """Evaluate ``version``. ``minimum`` adds to the gates of the settings, and wins over them.

    Raises MlctlError: exit 3 when the data is not what the version was trained on, exit 4 when the
    version is corrupt, exit 6 when there is no such version. A missed gate is in the result.
    """
    found = Registry(project_folder, settings.project).get(version)
    fitted = found.load_pipeline()
    dataset, rows = held_out.load(found)
    measured = metrics.compute(dataset.target[rows], fitted.predict(dataset.features[rows]), dataset.class_names)
    return Evaluation(
        version=found.id,
        rows=len(rows),
        class_names=dataset.class_names,
        metrics=measured,
        confusion_matrix=measured["confusion_matrix"],
        gates=gates.check(measured, {**settings.gates, **(minimum or {})}),
    )
