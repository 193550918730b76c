"""How long jobs tell what they do: a callback that takes events. Nothing below the CLI prints."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    ``start``: the job named ``name`` begins a part called ``text``; ``total`` of ``unit`` where they are
    counted. ``advance``: ``done`` of ``total`` units of it are through, ``text`` says how it is. ``finish``: the
    part is over, ``text`` says with what, ``ok`` whether it is as one would wish. ``note``: a sentence that
    belongs to no part; ``warning``: one that the user should heed.
    """

    kind: Literal["start", "advance", "finish", "note", "warning"]
    name: str
    text: str = ""
    done: int = 0
    total: int | None = None
    unit: str = ""
    ok: bool = True


Report = Callable[[Event], None]


def silent(event: Event) -> None:
    """The Report of a caller that wants none."""
