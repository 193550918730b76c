"""The rows that a version was measured on, from the data as it is now."""

import numpy as np

from mlctl.data import builtin
from mlctl.data.dataset import Dataset, Integers
from mlctl.errors import ExitCode, MlctlError
from mlctl.model.registry import ModelVersion


def load(version: ModelVersion) -> tuple[Dataset, Integers]:
    """The dataset of a version, and its held-out row numbers.

    Raises MlctlError (exit 3) when the data's digest is not the one that the version was trained on.
    """
    recorded = version.manifest.data
    dataset = builtin.load(recorded["source"])
    if dataset.digest != recorded["digest"]:
        raise MlctlError(
            f"The data '{recorded['source']}' is not what model version {version.id[:12]} was trained on: "
            f"its digest is {dataset.digest[:12]}, not {recorded['digest'][:12]}.",
            code="data_changed",
            exit_code=ExitCode.BAD_INPUT,
            hint="Metrics of different data cannot be compared. Run `mlctl train` to make a version of this data.",
        )
    return dataset, np.asarray(version.read_json("split.json")["test_rows"], dtype=np.int64)
