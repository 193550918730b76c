"""Sides measured in turn (A B A B …), so that what the machine does meanwhile falls on all, and their tables."""

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


def in_turn(runs: int, sides: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """What each side gave in ``runs`` rounds, after one round that is not counted."""
    rounds = [{name: side() for name, side in sides.items()} for _ in range(runs + 1)][1:]
    return {name: [each[name] for each in rounds] for name in sides}


def wall_time(command: list[str]) -> float:
    """Seconds from the start of a process to its end."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def ratios(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """``one`` over ``other``, pair by pair."""
    return [a / b for a, b in zip(one, other, strict=True)]


@dataclass
class Table:
    """Lines of the least, the median and the greatest of what was measured, under a title."""

    title: str
    lines: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, values: Sequence[float], unit: str = "", scale: float = 1.0) -> None:
        """A line: ``name``, and ``values`` times ``scale`` in ``unit``."""
        least, median, most = (
            _figure(value * scale) for value in (min(values), statistics.median(values), max(values))
        )
        of = f" {unit}" if unit else ""
        spread = "" if least == most else f" ({least} to {most})"
        self.lines.append((name, f"{median}{of}{spread}"))

    def say(self, name: str, what: str) -> None:
        """A line in words."""
        self.lines.append((name, what))

    def text(self) -> str:
        """For a terminal."""
        width = max((len(name) for name, _ in self.lines), default=0)
        return "\n".join([f"\n{self.title}", *(f"  {name:{width}}  {what}" for name, what in self.lines)])

    def markdown(self) -> str:
        """For a document."""
        return "\n".join(
            [f"\n**{self.title}**\n", "| | median (least to most) |", "|---|---|"]
            + [f"| {name} | {what} |" for name, what in self.lines]
        )


def _figure(value: float) -> str:
    """Three digits; whole numbers from a hundred on."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:#.3g}"
