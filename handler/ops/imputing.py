"""SimpleImputer and MissingIndicator: replace missing values, and add columns that mark them.

Source: sklearn/impute/_base.py (``SimpleImputer.transform``, ``MissingIndicator.transform``).
"""

from __future__ import annotations

from handler.ops import InvalidModel, UnprocessableRow, positions, scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from handler.ops import Built, Origins, Program, Row


def impute(step: Any, program: Program, origins: Origins) -> Built:
    """The columns ``keep``, filled from ``fill``, then 1.0 for each missing one of ``indicators``, else 0.0."""
    keep = positions(step["keep"], len(origins))
    indicators = positions(step["indicators"], len(origins))
    fill = [scalar(value) for value in step["fill"]]
    if type(step["fill"]) is not list or len(fill) != len(keep):
        raise InvalidModel("each column that is kept needs a fill value")
    pairs = list(zip(keep, fill, strict=True))
    gaps_of = _gaps(step)

    def transform(row: Row) -> Row:
        gaps = gaps_of(row)
        filled = [value if gaps[column] else row[column] for column, value in pairs]
        return filled + [1.0 if gaps[column] else 0.0 for column in indicators] if indicators else filled

    return "transformer", transform, [origins[column] for column in keep + indicators]


def indicate(step: Any, program: Program, origins: Origins) -> Built:
    """1.0 for each of ``columns`` that is missing, else 0.0. A missing value in one of ``refused`` is refused."""
    columns, refused = positions(step["columns"], len(origins)), positions(step["refused"], len(origins))
    gaps_of = _gaps(step)

    def transform(row: Row) -> Row:
        gaps = gaps_of(row)
        for column in refused:
            if gaps[column]:
                raise UnprocessableRow(origins[column], "is missing, but was never missing in training")
        return [1.0 if gaps[column] else 0.0 for column in columns]

    return "transformer", transform, [origins[column] for column in columns]


def _gaps(step: Any) -> Callable[[Row], list[bool]]:
    """A function that tells which values of a row are missing. A marker of missing values is text or a number."""
    if step.get("missing") is not None:
        marker = scalar(step["missing"])
        return lambda row: [value == marker for value in row]
    # None for text; NaN for numbers, the only number that differs from itself.
    return lambda row: [value is None or value != value for value in row]  # noqa: PLR0124


BUILDERS = {"impute": impute, "indicate": indicate}
