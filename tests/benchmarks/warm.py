"""Benchmark of a warm request through the whole handler, the portable engine against onnxruntime."""

import json
import random
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from mlctl.errors import MlctlError
from tests.benchmarks import packages
from tests.benchmarks.packages import SUBJECTS, Unpacked
from tests.benchmarks.pairs import Table, in_turn, ratios

REQUESTS = 3000
SIDES = {"onnxruntime": "onnxruntime", "portable": "portable"}


def measure(folder: Path, runs: int) -> list[Table]:
    """One table per model: the median and the 99th percentile of the requests of each process."""
    refusal = packages.missing_extras()
    if refusal:
        return [_skipped("A warm request", refusal)]
    tables = []
    for subject in SUBJECTS:
        try:
            unpacked = packages.unpack(folder, subject)
        except MlctlError as error:
            tables.append(_skipped(f"A warm request: {subject.name}", str(error)))
            continue
        packages.convert(unpacked)
        tables.append(_table(unpacked, runs))
    return tables


def _table(unpacked: Unpacked, runs: int) -> Table:
    """Both sides on one model. Each process sends all rows of its data repeatedly, in one shuffled order."""
    rows = unpacked.rows[:]
    random.Random(0).shuffle(rows)
    bodies = unpacked.folder / "requests.json"
    bodies.write_text(json.dumps([json.dumps({"features": row}) for row in rows]))

    def side(engine: str) -> Callable[[], list[float]]:
        return lambda: packages.serve(unpacked, engine, bodies, REQUESTS)["seconds"]

    seconds = in_turn(runs, {name: side(engine) for name, engine in SIDES.items()})
    table = Table(f"A warm request, whole handler: {unpacked.subject.name} ({runs} processes of {REQUESTS} requests)")
    for title, figure in (("p50", statistics.median), ("p99", _p99)):
        figures = {name: [figure(times) for times in seconds[name]] for name in SIDES}
        for name, values in figures.items():
            table.add(f"{name}, {title}", values, "µs", 1e6)
        table.add(f"portable / onnxruntime, {title}, pair by pair", ratios(figures["portable"], figures["onnxruntime"]))
    return table


def _p99(seconds: Sequence[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]


def _skipped(title: str, reason: str) -> Table:
    table = Table(title)
    table.say("not measured", reason)
    return table
