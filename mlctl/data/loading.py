"""Loads the dataset that the settings name."""

from dataclasses import replace
from pathlib import Path

from mlctl.data import builtin, source, target
from mlctl.data.dataset import Dataset
from mlctl.errors import ExitCode, MlctlError, did_you_mean
from mlctl.progress import Report, silent
from mlctl.settings import Settings


def load(settings: Settings, folder: Path, report: Report = silent) -> Dataset:
    """Load the dataset of ``[data]``: a built-in dataset, or rows from a path, ``s3://`` or standard input.

    A path is relative to ``folder``. Raises MlctlError: exit 3 for invalid data, exit 6 if the data does not
    exist, exit 5 if AWS denies access.
    """
    data = settings.data
    if is_builtin(data.source, folder):
        dataset = builtin.load(data.source, data.target)
        unknown = [name for name in data.ignore if name not in dataset.feature_names]
        if unknown:
            raise MlctlError(
                f"The built-in dataset '{data.source}' has no column '{unknown[0]}' to ignore.",
                code="column_unknown",
                exit_code=ExitCode.BAD_INPUT,
                hint=f"It has: {', '.join(dataset.feature_names)}.",
            )
        return replace(dataset, features=tuple(column for column in dataset.features if column.name not in data.ignore))
    return target.dataset(source.read(data.source, settings, folder, report), data)


def is_builtin(name: str, folder: Path) -> bool:
    """Whether ``name`` is a built-in dataset. Raises MlctlError (exit 3) for a word that is neither that nor a file."""
    if name in builtin.NAMES:
        return True
    is_word = name.replace("_", "").replace("-", "").isalnum()
    if name != source.STDIN and is_word and not (folder / name).exists():
        raise MlctlError(
            f"There is no built-in dataset '{name}', and no file of that name.{did_you_mean(name, builtin.NAMES)}",
            code="dataset_unknown",
            exit_code=ExitCode.BAD_INPUT,
            hint=f"[data] source is a path, s3://BUCKET/KEY, - (stdin), or one of: {', '.join(builtin.NAMES)}.",
        )
    return False
