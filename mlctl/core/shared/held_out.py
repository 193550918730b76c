"""Loads the held-out rows of a model version from the current data."""

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
    """Return the dataset of a version, read with the settings of its training, and its held-out row numbers.

    Reads the data from the source of the training, or from the source in ``settings`` if it has the same name.
    Raises MlctlError (exit 3) if the digest of the data differs from that of the training data.
    """
    recorded = version.manifest.data
    try:
        training_data = DataSettings.model_validate(version.manifest.settings["data"])
    except ValidationError as error:
        raise _unreadable(version, f"its [data] settings: {validation.first_problem(error)}") from None
    source = _source(version, settings)
    training_settings = settings.model_copy(update={"data": training_data.model_copy(update={"source": source})})
    dataset = loading.load(training_settings, folder, report)
    if "imported" in version.manifest.settings["model"]:
        schema = version.read_json("schema.json")
        names = tuple(feature["name"] for feature in schema["features"])
        dataset = adapt_to_model(dataset, names, tuple(schema["target"].get("labels", ())))
    if dataset.digest != recorded["digest"]:
        raise MlctlError(
            f"The data '{dataset.name}' is not the data that model version {version.id[:12]} was trained on: "
            f"its digest is {dataset.digest[:12]}, not {recorded['digest'][:12]}.",
            code="data_changed",
            exit_code=ExitCode.BAD_INPUT,
            hint="Metrics of different data are not comparable. Run `mlctl train` to make a version of this data.",
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


def adapt_to_model(dataset: Dataset, names: Sequence[str], labels: tuple[Label, ...]) -> Dataset:
    """Return a dataset with the features of an imported model, in its order, and with its classes.

    The rows may have more columns, and may lack classes. Raises MlctlError (exit 3) if a feature is missing, or for a
    class that the model does not know.
    """
    by_name = {column.name: column for column in dataset.features}
    for name in names:
        if name not in by_name:
            suggestion = did_you_mean(name, by_name)
            raise data_unfit(dataset, f"has no column '{name}', which the model was fitted on.{suggestion}")
    dataset = replace(dataset, features=tuple(by_name[name] for name in names))
    if dataset.is_regression:
        return dataset
    unknown = [label for label in dataset.labels if label not in labels]
    if unknown:
        known = ", ".join(repr(label) for label in labels[:8]) + (", …" if len(labels) > 8 else "")
        raise data_unfit(
            dataset, f"has the class {unknown[0]!r} in {dataset.target_name}, but the model knows only {known}."
        )
    indexes = np.array([labels.index(label) for label in dataset.labels], dtype=np.int64)
    # Built-in datasets have names for their numbers, which the model does not know.
    names_by_label = dict(zip(dataset.labels, dataset.class_names, strict=True))
    return replace(
        dataset,
        classes=indexes[dataset.classes],
        labels=labels,
        class_names=tuple(names_by_label.get(label, text_of(label)) for label in labels),
        task="binary" if len(labels) == 2 else "multiclass",
    )


def data_unfit(dataset: Dataset, reason: str) -> MlctlError:
    """Return the error for rows that do not fit a model."""
    return MlctlError(
        f"{dataset.name} {reason}",
        code="data_unfit",
        exit_code=ExitCode.BAD_INPUT,
        hint="Set --data to rows like those that the model was trained on, with the target.",
    )


def _source(version: ModelVersion, settings: Settings) -> str:
    recorded = str(version.manifest.settings["data"]["source"])
    # Prefer data of the same name in the settings: it may have moved, or the version comes from another machine.
    if Path(settings.data.source).name == recorded:
        return settings.data.source
    return version.origin.source or recorded
