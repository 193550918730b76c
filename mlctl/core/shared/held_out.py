"""The rows that a version was measured on, from the data as it is now."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from mlctl.data import loading
from mlctl.data.columns import Integers
from mlctl.data.dataset import Dataset
from mlctl.data.target import text_of
from mlctl.data.values import Label
from mlctl.errors import ExitCode, MlctlError, did_you_mean
from mlctl.progress import Report, silent
from mlctl.registry import validation
from mlctl.registry.store import ModelVersion
from mlctl.settings import DataSettings, Settings


def load(version: ModelVersion, settings: Settings, folder: Path, report: Report = silent) -> tuple[Dataset, Integers]:
    """The dataset of a version, read as it was for training, and its held-out row numbers.

    The place of the data is that of the training, or the one in ``settings`` where a flag or the file
    names another. Raises MlctlError (exit 3) when the data's digest is not the one that the version was
    trained on.
    """
    recorded = version.manifest.data
    try:
        then = DataSettings.model_validate(version.manifest.settings["data"])
    except ValidationError as error:
        raise _unreadable(version, f"its [data] settings: {validation.first_problem(error)}") from None
    source = _place(version, settings)
    as_then = settings.model_copy(update={"data": then.model_copy(update={"source": source})})
    dataset = loading.load(as_then, folder, report)
    if "imported" in version.manifest.settings["model"]:
        schema = version.read_json("schema.json")
        names = tuple(feature["name"] for feature in schema["features"])
        dataset = as_the_model_has(dataset, names, tuple(schema["target"].get("labels", ())))
    if dataset.digest != recorded["digest"]:
        raise MlctlError(
            f"The data '{dataset.name}' is not what model version {version.id[:12]} was trained on: "
            f"its digest is {dataset.digest[:12]}, not {recorded['digest'][:12]}.",
            code="data_changed",
            exit_code=ExitCode.BAD_INPUT,
            hint="Metrics of different data cannot be compared. Run `mlctl train` to make a version of this data.",
        )
    rows = np.asarray(version.read_json("split.json")["test_rows"], dtype=np.int64)
    if rows.max() >= dataset.rows:
        raise _unreadable(version, f"split.json names row index {rows.max()}, but the data has {dataset.rows} rows")
    return dataset, rows


def _unreadable(version: ModelVersion, why: str) -> MlctlError:
    return MlctlError(
        f"Model version {version.id[:12]} cannot be measured again: {why}.",
        code="version_unreadable",
        exit_code=ExitCode.VERIFICATION,
        hint="Another release of mlctl or another program wrote it. Train again.",
    )


def as_the_model_has(dataset: Dataset, names: Sequence[str], labels: tuple[Label, ...]) -> Dataset:
    """A dataset with the features of a model that came from elsewhere, in its order, and with its classes.

    The rows may have more columns, and need not hold each class. Raises MlctlError (exit 3) for rows
    that lack a feature, or of a class that the model does not know.
    """
    by_name = {column.name: column for column in dataset.features}
    for name in names:
        if name not in by_name:
            near = did_you_mean(name, by_name)
            raise unfit(dataset, f"has no column '{name}', which the model was fitted on.{near}")
    dataset = replace(dataset, features=tuple(by_name[name] for name in names))
    if dataset.is_regression:
        return dataset
    strange = [label for label in dataset.labels if label not in labels]
    if strange:
        known = ", ".join(repr(label) for label in labels[:8]) + (", …" if len(labels) > 8 else "")
        has = f"has the class {strange[0]!r} in {dataset.target_name}"
        raise unfit(dataset, f"{has}, but the model knows {known} alone.")
    places = np.array([labels.index(label) for label in dataset.labels], dtype=np.int64)
    # Built-in sets have names for their numbers, which the model does not tell.
    named = dict(zip(dataset.labels, dataset.class_names, strict=True))
    return replace(
        dataset,
        classes=places[dataset.classes],
        labels=labels,
        class_names=tuple(named.get(label, text_of(label)) for label in labels),
        task="binary" if len(labels) == 2 else "multiclass",
    )


def unfit(dataset: Dataset, sentence: str) -> MlctlError:
    """The error for rows that a model cannot be measured on."""
    return MlctlError(
        f"{dataset.name} {sentence}",
        code="data_unfit",
        exit_code=ExitCode.BAD_INPUT,
        hint="Give --data a sample of rows like those that the model was trained on, with the target.",
    )


def _place(version: ModelVersion, settings: Settings) -> str:
    recorded = str(version.manifest.settings["data"]["source"])
    # Data of that name that the project has now: it may have moved, or the version came from elsewhere.
    if Path(settings.data.source).name == recorded:
        return settings.data.source
    return version.origin.source or recorded
