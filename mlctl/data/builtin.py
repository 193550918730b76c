"""The built-in datasets, which come with scikit-learn."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import datasets

from mlctl.data.columns import Column, compact, numbers
from mlctl.data.dataset import Dataset
from mlctl.data.source import Table
from mlctl.errors import ExitCode, MlctlError

_LOADERS: dict[str, tuple[Callable[[], Any], str]] = {
    "iris": (datasets.load_iris, "species"),
    "wine": (datasets.load_wine, "cultivar"),
    "breast_cancer": (datasets.load_breast_cancer, "diagnosis"),
    "digits": (datasets.load_digits, "digit"),
}
NAMES = tuple(_LOADERS)


def load(source: str, target: str | tuple[str, ...] | None = None) -> Dataset:
    """The built-in dataset ``source``. Raises MlctlError (exit 3) if ``target`` is not the target of that dataset."""
    loader, target_name = _LOADERS[source]
    if target not in (None, target_name):
        requested = target if isinstance(target, str) else ", ".join(target or ())
        raise MlctlError(
            f"The target of the built-in dataset '{source}' is {target_name}, not '{requested}'.",
            code="target_unknown",
            exit_code=ExitCode.BAD_INPUT,
            hint="Remove [data] target.",
        )
    bunch = loader()
    class_names = tuple(str(name) for name in bunch.target_names)
    names = [clean_name(name) for name in bunch.feature_names]
    classes = np.asarray(bunch.target, dtype=np.int64)
    return Dataset(
        name=source,
        features=tuple(numbers(name, bunch.data[:, index]) for index, name in enumerate(names)),
        targets=(Column(target_name, "number", compact(classes)),),
        task="binary" if len(class_names) == 2 else "multiclass",
        classes=classes,
        labels=tuple(range(len(class_names))),
        class_names=class_names,
    )


def table(source: str) -> Table:
    """The built-in dataset ``source`` as a table."""
    dataset = load(source)
    return Table(source, {column.name: column for column in (*dataset.features, *dataset.targets)})


def clean_name(name: str) -> str:
    """Turn a column name into a JSON key: no unit, lower case (``sepal length (cm)`` → ``sepal_length``)."""
    without_unit = re.sub(r"\s*\([^)]*\)\s*$", "", name)
    return re.sub(r"[^a-z0-9]+", "_", without_unit.lower()).strip("_")
