"""Holding rows out."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

from mlctl.data.dataset import Dataset, Integers
from mlctl.errors import ExitCode, MlctlError


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of the training and the test part, each in ascending order."""

    train: Integers
    test: Integers


def stratified(dataset: Dataset, *, test_size: float, seed: int) -> Split:
    """A split that keeps the balance of the classes; the same ``seed`` gives the same rows.

    Raises MlctlError (exit 3) when a class is too small to stand in both parts.
    """
    try:
        train, test = train_test_split(
            np.arange(dataset.rows), test_size=test_size, random_state=seed, stratify=dataset.target
        )
    except ValueError as error:
        raise MlctlError(
            f"The rows cannot be split into training and test: {error}",
            code="split_impossible",
            exit_code=ExitCode.BAD_INPUT,
            hint="Give [data] a test_size that leaves every class at least one row in each part.",
        ) from None
    return Split(train=np.sort(train), test=np.sort(test))
