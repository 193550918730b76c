"""Benchmark of the handler on Iris, portable against scikit-learn, and of ``mlctl --help`` against its own imports.

    .venv/bin/python -m tests.benchmarks.handler [--runs 9]

Both sides of each pair run in turn (A B A B …), each cold start in a fresh process, so that other load on the machine
affects both. The scikit-learn side is the same handler with the same pipeline from model.joblib, one
``predict_proba`` per row in one thread.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.benchmarks import packages
from tests.benchmarks.packages import IRIS, SCALED, Subject, Unpacked
from tests.benchmarks.pairs import Table, in_turn, ratios, wall_time

# The scaler is a step of the pipeline. With a ColumnTransformer by name, the scikit-learn side would import pandas and
# make a DataFrame of each row.
SCALED_IRIS = Subject("Iris", "iris", {**IRIS.model, "preprocess": SCALED})
ROUNDS = {"sklearn": 200, "portable": 5000}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9, help="runs of each side (default 9)")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        unpacked = packages.unpack(Path(name), SCALED_IRIS)
        bare = handler_times(unpacked, runs)
        hosted = handler_times(unpacked, runs, "lambda")
    firsts = "import + load + first prediction"
    show(f"{firsts}, a bare interpreter", "ms", 1e3, [first for first, _ in bare])
    show(f"{firsts}, Lambda's runtime client loaded", "ms", 1e3, [first for first, _ in hosted])
    show("a warm request, whole handler", "µs", 1e6, [warm for _, warm in bare])
    mlctl = str(Path(sys.executable).with_name("mlctl"))
    commands = {"mlctl --help": [mlctl, "--help"], "its imports": [sys.executable, "-c", "import typer, rich"]}
    times = in_turn(runs * 3, {name: partial(wall_time, command) for name, command in commands.items()})
    pairs = [dict(zip(times, seconds, strict=True)) for seconds in zip(*times.values(), strict=True)]
    show("mlctl --help", "ms", 1e3, pairs)


def handler_times(unpacked: Unpacked, runs: int, *host: str) -> list[tuple[dict[str, float], dict[str, float]]]:
    """``(first, warm)`` of each run: seconds by engine to the first response, and of a warm request."""
    bodies = unpacked.folder / "requests.json"
    bodies.write_text(json.dumps([json.dumps({"features": [5.1, 3.5, 1.4, 0.2]})]))

    def side(engine: str) -> Callable[[], tuple[float, float]]:
        def measure() -> tuple[float, float]:
            result = packages.serve(unpacked, engine, bodies, ROUNDS[engine], *host)
            return result["first"], statistics.fmean(result["seconds"])

        return measure

    times = in_turn(runs, {engine: side(engine) for engine in ROUNDS})
    return [
        ({name: times[name][run][0] for name in times}, {name: times[name][run][1] for name in times})
        for run in range(runs)
    ]


def show(title: str, unit: str, scale: float, pairs: list[dict[str, float]]) -> None:
    """Print minimum, median and maximum of both sides, and of the ratio pair by pair."""
    table = Table(f"{title} ({len(pairs)} runs of each)")
    first, second = pairs[0]
    for name in (first, second):
        table.add(name, [pair[name] for pair in pairs], unit, scale)
    table.add("ratio, pair by pair", ratios([pair[first] for pair in pairs], [pair[second] for pair in pairs]))
    print(table.text(), flush=True)


if __name__ == "__main__":
    main()
