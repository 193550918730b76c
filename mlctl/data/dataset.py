"""A dataset: the features, the target, the task; and a digest that changes when any of it does."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlctl.data.columns import Column, Floats, Integers
from mlctl.data.values import Label, Value
from mlctl.files import canonical_json

Task = Literal["binary", "multiclass", "regression"]
Rows = NDArray[Any] | slice
ALL = slice(None)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A table with a task.

    ``classes``: the position of each row's class in ``labels`` (what the API answers) and in
    ``class_names`` (their text), shape (rows,); all three empty for a regression, whose numbers are in
    ``targets``: one column or several, of classes always one. ``split_by`` holds the groups or times that
    rows are split by, where they are.
    """

    name: str
    features: tuple[Column, ...]
    targets: tuple[Column, ...]
    task: Task
    classes: Integers
    labels: tuple[Label, ...] = ()
    class_names: tuple[str, ...] = ()
    split_by: Column | None = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.targets[0].rows

    @property
    def is_regression(self) -> bool:
        """Whether numbers are predicted, not a class."""
        return self.task == "regression"

    @property
    def target_name(self) -> str:
        """The name of the target; of several their names in a row."""
        return ", ".join(column.name for column in self.targets)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features in order."""
        return tuple(column.name for column in self.features)

    def frame(self, rows: Rows = ALL) -> pd.DataFrame:
        """The features as a pipeline takes them: float64, and object columns of str for categories."""
        if any(column.kind == "category" for column in self.features):
            # As object, or pandas would make a string type of its own of the texts.
            return pd.DataFrame(
                {
                    each.name: pd.Series(each.for_model(rows), dtype=object if each.kind == "category" else np.float64)
                    for each in self.features
                }
            )
        matrix = np.empty((len(self.targets[0].values[rows]), len(self.features)), dtype=np.float64, order="F")
        for at, column in enumerate(self.features):
            matrix[:, at] = column.floats(rows)
        return pd.DataFrame(matrix, columns=list(self.feature_names), copy=False)

    def answers(self, rows: Rows = ALL) -> NDArray[Any]:
        """The target as an estimator is fitted on it: labels, or float64 for a regression.

        Of shape (rows,); of several targets (rows, targets).
        """
        if self.is_regression:
            found = [column.floats(rows) for column in self.targets]
            return found[0] if len(found) == 1 else np.column_stack(found)
        return np.array(self.labels)[self.classes[rows]]

    def requests(self, rows: Rows = ALL) -> Iterator[tuple[Value, ...]]:
        """The features row by row, as requests hold them."""
        return zip(*(column.for_request(rows) for column in self.features), strict=True)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over names, kinds, labels and all values, independent of the machine and of how they are kept."""
        columns = [*self.features, *self.targets, *([self.split_by] if self.split_by else [])]
        head = {
            "columns": [[column.name, column.kind] for column in columns],
            "features": len(self.features),
            "labels": list(self.labels),
            "class_names": list(self.class_names),
            "rows": self.rows,
            **({"targets": len(self.targets)} if len(self.targets) > 1 else {}),
        }
        digest = hashlib.sha256(canonical_json(head))
        for column in columns:
            for block in _blocks(column):
                digest.update(block)
        return digest.hexdigest()


def _blocks(column: Column) -> Iterator[bytes]:
    """The values of a column in little-endian bytes, a million rows at a time."""
    for text in column.texts():
        encoded = text.encode()
        yield len(encoded).to_bytes(8, "little") + encoded
    for start in range(0, column.rows, 1_000_000):
        rows = slice(start, start + 1_000_000)
        if column.kind == "category":
            yield np.ascontiguousarray(column.values[rows], dtype="<i8").tobytes()
        else:
            floats: Floats = column.floats(rows)
            # There are many NaNs and two zeros; they are one value each.
            floats = np.where(np.isnan(floats), np.nan, floats) + 0.0
            yield np.ascontiguousarray(floats, dtype="<f8").tobytes()
