"""Benchmark of many rows in one request, against the same handler with scikit-learn predicting all rows at once."""

import json
import statistics
from functools import partial
from pathlib import Path

from tests.benchmarks import packages
from tests.benchmarks.packages import DIGITS, IRIS, Unpacked
from tests.benchmarks.pairs import Table, in_turn, ratios

# Requests per process, by rows in a request.
REQUESTS = {1: 100, 10: 100, 100: 50, 1000: 15, 10_000: 3}
# The largest request for each model. Ten thousand rows of digits come close to the handler's limit for a body.
SUBJECTS = {IRIS: 10_000, DIGITS: 1000}
SIDES = {"scikit-learn": "sklearn-batch", "portable": "portable"}


def measure(folder: Path, runs: int) -> list[Table]:
    """One table per model: the median request of each process, for each number of rows."""
    return [_table(packages.unpack(folder, subject), largest, runs) for subject, largest in SUBJECTS.items()]


def _table(unpacked: Unpacked, largest: int, runs: int) -> Table:
    table = Table(f"Rows in one request, whole handler: {unpacked.subject.name} ({runs} processes of each)")
    for size, requests in REQUESTS.items():
        if size > largest:
            break
        bodies = unpacked.folder / f"{size}.json"
        rows = (unpacked.rows * (size // len(unpacked.rows) + 1))[:size]
        bodies.write_text(json.dumps([json.dumps({"instances": rows})]))
        sides = {name: partial(_median, unpacked, engine, bodies, requests) for name, engine in SIDES.items()}
        seconds = in_turn(runs, sides)
        label = f"{size:,} row" + ("s" if size > 1 else "")
        for name in SIDES:
            table.add(f"{label}, {name}", seconds[name], "ms", 1e3)
        table.add(
            f"{label}, scikit-learn / portable, pair by pair", ratios(seconds["scikit-learn"], seconds["portable"])
        )
    return table


def _median(unpacked: Unpacked, engine: str, bodies: Path, requests: int) -> float:
    seconds: list[float] = packages.serve(unpacked, engine, bodies, requests)["seconds"]
    return statistics.median(seconds)
