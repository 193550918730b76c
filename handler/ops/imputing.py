"""SimpleImputer: a value for each one that is missing.

Source: sklearn/impute/_base.py (``SimpleImputer.transform``, ``MissingIndicator.transform``).
"""

from __future__ import annotations

from handler.ops import InvalidModel, positions, scalar

# Not from typing: importing it would cost a cold start some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Built, Origins, Program, Row


def impute(step: Any, program: Program, origins: Origins) -> Built:
    """The columns at ``keep``, filled from ``fill``, then 1.0 for each of ``indicators`` that was missing, else 0.0."""
    keep = positions(step["keep"], len(origins))
    indicators = positions(step["indicators"], len(origins))
    fill = [scalar(each) for each in step["fill"]]
    if len(fill) != len(keep):
        raise InvalidModel("a value to fill in is needed for each column that is kept")
    pairs = list(zip(keep, fill, strict=True))

    def transform(row: Row) -> Row:
        # Missing is None for text and NaN, which alone differs from itself, for numbers.
        gaps = [value is None or value != value for value in row]  # noqa: PLR0124
        filled = [value if gaps[at] else row[at] for at, value in pairs]
        return filled + [1.0 if gaps[at] else 0.0 for at in indicators] if indicators else filled

    return "transformer", transform, [origins[at] for at in keep + indicators]


BUILDERS = {"impute": impute}
