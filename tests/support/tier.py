"""How much the tests do: the default tier answers in minutes, the full tier (``pytest --full``) does everything.

scikit-learn, asked one row at a time, is what most of the time goes to; its answers do not depend on our code, so
the default tier asks it for fewer rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

_Case = TypeVar("_Case")


@dataclass(frozen=True)
class Tier:
    """``parity_rows``: rows for each class that compiles. ``examples``: of Hypothesis, for each law."""

    name: str
    parity_rows: int
    examples: int
    grids_whole: bool


DEFAULT = Tier(name="default", parity_rows=250, examples=25, grids_whole=False)
FULL = Tier(name="full", parity_rows=2000, examples=300, grids_whole=True)

current = DEFAULT


def some(cases: Sequence[_Case], count: int) -> Sequence[_Case]:
    """The first ``count`` of them in the default tier, all of them in the full tier."""
    return cases if current is FULL else cases[:count]
