"""Measures sides in turn (A B A B …), so that other load on the machine affects all, and prints tables."""

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


def in_turn(runs: int, sides: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Results of each side in ``runs`` rounds, after one round that does not count."""
    rounds = [{name: side() for name, side in sides.items()} for _ in range(runs + 1)][1:]
    return {name: [results[name] for results in rounds] for name in sides}


def wall_time(command: list[str]) -> float:
    """Seconds from the start of a process to its end."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """Quotients, pair by pair."""
    return [a / b for a, b in zip(numerators, denominators, strict=True)]


@dataclass
class Table:
    """Table with the median, minimum and maximum of each measurement."""

    title: str
    lines: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, values: Sequence[float], unit: str = "", scale: float = 1.0) -> None:
        """Add a line with ``values`` times ``scale`` in ``unit``."""
        lowest, median, highest = (
            _figure(value * scale) for value in (min(values), statistics.median(values), max(values))
        )
        suffix = f" {unit}" if unit else ""
        spread = "" if lowest == highest else f" ({lowest} to {highest})"
        self.lines.append((name, f"{median}{suffix}{spread}"))

    def say(self, name: str, words: str) -> None:
        """Add a line of text."""
        self.lines.append((name, words))

    def text(self) -> str:
        """The table for a terminal."""
        width = max((len(name) for name, _ in self.lines), default=0)
        return "\n".join([f"\n{self.title}", *(f"  {name:{width}}  {value}" for name, value in self.lines)])

    def markdown(self) -> str:
        """The table for a document."""
        return "\n".join(
            [f"\n**{self.title}**\n", "| | median (least to most) |", "|---|---|"]
            + [f"| {name} | {value} |" for name, value in self.lines]
        )


def _figure(value: float) -> str:
    """Three significant digits, or a whole number from a hundred on."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:#.3g}"
