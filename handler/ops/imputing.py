"""SimpleImputer and MissingIndicator: a value for each one that is missing, and the columns that tell of it.

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
    """The columns at ``keep``, filled from ``fill``, then 1.0 for each of ``indicators`` that was missing, else 0.0."""
    keep = positions(step["keep"], len(origins))
    indicators = positions(step["indicators"], len(origins))
    fill = [scalar(each) for each in step["fill"]]
    if type(step["fill"]) is not list or len(fill) != len(keep):
        raise InvalidModel("a value to fill in is needed for each column that is kept")
    pairs = list(zip(keep, fill, strict=True))
    gaps_of = _gaps(step)

    def transform(row: Row) -> Row:
        gaps = gaps_of(row)
        filled = [value if gaps[at] else row[at] for at, value in pairs]
        return filled + [1.0 if gaps[at] else 0.0 for at in indicators] if indicators else filled

    return "transformer", transform, [origins[at] for at in keep + indicators]


def indicate(step: Any, program: Program, origins: Origins) -> Built:
    """1.0 for each of ``columns`` that is missing, else 0.0; a gap in one of ``refused`` is refused."""
    columns, refused = positions(step["columns"], len(origins)), positions(step["refused"], len(origins))
    gaps_of = _gaps(step)

    def transform(row: Row) -> Row:
        gaps = gaps_of(row)
        for at in refused:
            if gaps[at]:
                raise UnprocessableRow(origins[at], "is missing, which it never was in training")
        return [1.0 if gaps[at] else 0.0 for at in columns]

    return "transformer", transform, [origins[at] for at in columns]


def _gaps(step: Any) -> Callable[[Row], list[bool]]:
    """Which values of a row are missing; what stands for a missing value may be a text or a number."""
    if step.get("missing") is not None:
        marker = scalar(step["missing"])
        return lambda row: [value == marker for value in row]
    # Missing is None for text and NaN, which alone differs from itself, for numbers.
    return lambda row: [value is None or value != value for value in row]  # noqa: PLR0124


BUILDERS = {"impute": impute, "indicate": indicate}
