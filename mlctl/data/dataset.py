"""A dataset: rows of numbers, a target, and a digest that changes when either does."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mlctl.files import canonical_json

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A table for classification.

    ``features`` has shape (rows, columns) in float64; ``target`` shape (rows,) holds positions in
    ``labels`` (what the API answers) and ``class_names`` (their text).
    """

    name: str
    features: Floats
    target: Integers
    feature_names: tuple[str, ...]
    target_name: str
    labels: tuple[int | str, ...]
    class_names: tuple[str, ...]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.features)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over names, labels, features and target, independent of the machine's byte order."""
        head = canonical_json(
            {
                "features": self.feature_names,
                "target": self.target_name,
                "labels": self.labels,
                "class_names": self.class_names,
                "shape": self.features.shape,
            }
        )
        digest = hashlib.sha256(head)
        digest.update(np.ascontiguousarray(self.features, dtype="<f8").tobytes())
        digest.update(np.ascontiguousarray(self.target, dtype="<i8").tobytes())
        return digest.hexdigest()
