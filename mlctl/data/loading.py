"""The dataset that the settings name."""

from dataclasses import replace
from pathlib import Path

from mlctl.data import builtin, source, target
from mlctl.data.dataset import Dataset
from mlctl.errors import ExitCode, MlctlError, did_you_mean
from mlctl.progress import Report, silent
from mlctl.settings import Settings


def load(settings: Settings, folder: Path, report: Report = silent) -> Dataset:
    """The dataset of ``[data]``: a built-in set, or rows from a path, ``s3://`` or standard input.

    A path is relative to ``folder``. Raises MlctlError: exit 3 for data that cannot be used, exit 6
    for data that is not there, exit 5 when AWS refuses it.
    """
    data = settings.data
    if is_builtin(data.source, folder):
        found = builtin.load(data.source, data.target)
        gone = [name for name in data.ignore if name not in found.feature_names]
        if gone:
            raise MlctlError(
                f"The built-in dataset '{data.source}' has no column '{gone[0]}' to ignore.",
                code="column_unknown",
                exit_code=ExitCode.BAD_INPUT,
                hint=f"It has: {', '.join(found.feature_names)}.",
            )
        return replace(found, features=tuple(each for each in found.features if each.name not in data.ignore))
    return target.dataset(source.read(data.source, settings, folder, report), data)


def is_builtin(name: str, folder: Path) -> bool:
    """Whether ``name`` is a built-in set. Raises MlctlError (exit 3) for a word that is neither that nor a file."""
    if name in builtin.NAMES:
        return True
    looks_like_a_word = name.replace("_", "").replace("-", "").isalnum()
    if name != source.STDIN and looks_like_a_word and not (folder / name).exists():
        raise MlctlError(
            f"There is no built-in dataset '{name}', and no file of that name.{did_you_mean(name, builtin.NAMES)}",
            code="dataset_unknown",
            exit_code=ExitCode.BAD_INPUT,
            hint=f"[data] source is a path, s3://BUCKET/KEY, - (stdin), or one of: {', '.join(builtin.NAMES)}.",
        )
    return False
