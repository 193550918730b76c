"""The sets that come with scikit-learn, under clean column names."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import datasets

from mlctl.data.dataset import Dataset
from mlctl.errors import ExitCode, MlctlError, did_you_mean

_LOADERS: dict[str, tuple[Callable[[], Any], str]] = {
    "iris": (datasets.load_iris, "species"),
    "wine": (datasets.load_wine, "cultivar"),
    "breast_cancer": (datasets.load_breast_cancer, "diagnosis"),
    "digits": (datasets.load_digits, "digit"),
}
NAMES = tuple(_LOADERS)


def load(source: str, target: str | None = None) -> Dataset:
    """The built-in set called ``source``.

    Raises MlctlError (exit 3) for any other name, and for a ``target`` that is not the set's own.
    """
    if source not in _LOADERS:
        raise MlctlError(
            f"There is no built-in dataset '{source}'.{did_you_mean(source, NAMES)}",
            code="dataset_unknown",
            exit_code=ExitCode.BAD_INPUT,
            hint=f"This release reads the built-in sets only. Set [data] source to one of: {', '.join(NAMES)}.",
        )
    loader, target_name = _LOADERS[source]
    if target not in (None, target_name):
        raise MlctlError(
            f"The target of the built-in dataset '{source}' is {target_name}, not '{target}'.",
            code="target_unknown",
            exit_code=ExitCode.BAD_INPUT,
            hint="Remove [data] target.",
        )
    bunch = loader()
    class_names = tuple(str(name) for name in bunch.target_names)
    return Dataset(
        name=source,
        features=np.ascontiguousarray(bunch.data, dtype=np.float64),
        target=np.asarray(bunch.target, dtype=np.int64),
        feature_names=tuple(clean_name(name) for name in bunch.feature_names),
        target_name=target_name,
        labels=tuple(range(len(class_names))),
        class_names=class_names,
    )


def clean_name(name: str) -> str:
    """A column name as a JSON key: no unit, lower case, underscores (``sepal length (cm)`` → ``sepal_length``)."""
    without_unit = re.sub(r"\s*\([^)]*\)\s*$", "", name)
    return re.sub(r"[^a-z0-9]+", "_", without_unit.lower()).strip("_")
