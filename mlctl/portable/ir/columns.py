"""The known properties of a row's columns between two parts of a pipeline, during compilation."""

from dataclasses import dataclass, replace

import numpy as np

from mlctl.portable.ir.program import NotPortableError, Step


@dataclass(frozen=True)
class ColumnType:
    """One column: whether it may contain text, missing values and infinite numbers.

    ``close``: numbers may differ from scikit-learn's in their last bits. ``dtype``: NumPy's name of the type of the
    numbers in scikit-learn. In the handler all numbers are float64.
    """

    text: bool = False
    missing: bool = False
    infinite: bool = False
    close: bool = False
    dtype: str = "float64"


@dataclass(frozen=True)
class ColumnTypes:
    """The columns in order.

    ``sparse``: scikit-learn uses a sparse matrix, with which some parts compute in another way.
    """

    columns: tuple[ColumnType, ...]
    sparse: bool = False

    @property
    def missing(self) -> bool:
        """Whether any value may be missing."""
        return any(column.missing for column in self.columns)

    @property
    def infinite(self) -> bool:
        """Whether any number may be infinite."""
        return any(column.infinite for column in self.columns)

    @property
    def close(self) -> bool:
        """Whether any number may differ from scikit-learn's in its last bits."""
        return any(column.close for column in self.columns)

    @property
    def dtype(self) -> str:
        """The type of one array of all columns; ``object`` if there may be text."""
        names = {"object" if column.text else column.dtype for column in self.columns}
        return str(np.result_type(*sorted(names))) if names else "float64"

    def as_array(self) -> "ColumnTypes":
        """The columns in one array: all of one type."""
        dtype = self.dtype
        return replace(self, columns=tuple(replace(column, dtype=dtype) for column in self.columns))

    def as_close(self) -> "ColumnTypes":
        """The columns, marked as ``close``."""
        return replace(self, columns=tuple(replace(column, close=True) for column in self.columns))

    def pick(self, positions: list[int]) -> "ColumnTypes":
        """The columns at ``positions``."""
        return replace(self, columns=tuple(self.columns[position] for position in positions))

    def require_numbers(self) -> None:
        """Raise NotPortableError if there may be text, which scikit-learn would parse as numbers."""
        if any(column.text for column in self.columns):
            raise NotPortableError("takes columns of text as numbers, which is not supported")


# The steps of a part, and its output columns; None for a model.
Compiled = tuple[tuple[Step, ...], ColumnTypes | None]
