"""The dataset that a model is trained on: features, targets, task, and a digest of all of them."""

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

    A classification has one target. ``classes`` has shape (rows,): the position of each row's class in ``labels``
    (the values that the API returns) and in ``class_names`` (their texts). A regression has one target or several,
    and these three are empty. ``split_by`` holds the groups or times that rows are split by, if any.
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
        """Whether the task is to predict numbers."""
        return self.task == "regression"

    @property
    def target_name(self) -> str:
        """The name of the target, or the names of all targets joined by commas."""
        return ", ".join(column.name for column in self.targets)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features in order."""
        return tuple(column.name for column in self.features)

    def frame(self, rows: Rows = ALL) -> pd.DataFrame:
        """The features as input of a pipeline: float64 columns, and object columns of str for categories."""
        if any(column.kind == "category" for column in self.features):
            # dtype=object prevents pandas from choosing its string type.
            return pd.DataFrame(
                {
                    column.name: pd.Series(
                        column.for_model(rows), dtype=object if column.kind == "category" else np.float64
                    )
                    for column in self.features
                }
            )
        matrix = np.empty((len(self.targets[0].values[rows]), len(self.features)), dtype=np.float64, order="F")
        for index, column in enumerate(self.features):
            matrix[:, index] = column.floats(rows)
        return pd.DataFrame(matrix, columns=list(self.feature_names), copy=False)

    def answers(self, rows: Rows = ALL) -> NDArray[Any]:
        """The target values as input of ``fit``: labels, or float64 for a regression.

        The shape is (rows,), or (rows, targets) with several targets.
        """
        if self.is_regression:
            values = [column.floats(rows) for column in self.targets]
            return values[0] if len(values) == 1 else np.column_stack(values)
        return np.array(self.labels)[self.classes[rows]]

    def requests(self, rows: Rows = ALL) -> Iterator[tuple[Value, ...]]:
        """Yield the features of each row as the values of a request."""
        return zip(*(column.for_request(rows) for column in self.features), strict=True)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of names, kinds, labels and all values, independent of the machine and of the storage types."""
        columns = [*self.features, *self.targets, *([self.split_by] if self.split_by else [])]
        header = {
            "columns": [[column.name, column.kind] for column in columns],
            "features": len(self.features),
            "labels": list(self.labels),
            "class_names": list(self.class_names),
            "rows": self.rows,
            **({"targets": len(self.targets)} if len(self.targets) > 1 else {}),
        }
        digest = hashlib.sha256(canonical_json(header))
        for column in columns:
            for block in _blocks(column):
                digest.update(block)
        return digest.hexdigest()


def _blocks(column: Column) -> Iterator[bytes]:
    """Yield the values of a column as little-endian bytes, a million rows at a time."""
    for text in column.texts():
        encoded = text.encode()
        yield len(encoded).to_bytes(8, "little") + encoded
    for start in range(0, column.rows, 1_000_000):
        rows = slice(start, start + 1_000_000)
        if column.kind == "category":
            yield np.ascontiguousarray(column.values[rows], dtype="<i8").tobytes()
        else:
            floats: Floats = column.floats(rows)
            # All NaNs count as one value, and so do 0.0 and -0.0.
            floats = np.where(np.isnan(floats), np.nan, floats) + 0.0
            yield np.ascontiguousarray(floats, dtype="<f8").tobytes()
