"""Progress of long jobs: events for a callback. Only the CLI prints."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Event:
    """A progress event of the job ``name``.

    ``start``: a step with the title ``text`` begins; ``total`` and ``unit`` are set if its units are counted.
    ``advance``: ``done`` of ``total`` units are complete; ``text`` is the state. ``finish``: the step is complete;
    ``text`` is the result and ``ok`` whether it succeeded. ``note``: a sentence outside of a step. ``warning``: a
    sentence that the user should act on.
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
    """Ignore the event."""
