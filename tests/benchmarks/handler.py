"""The handler on Iris, portable against scikit-learn, and ``mlctl --help`` against its own imports.

    .venv/bin/python -m tests.benchmarks.handler [--runs 9]

Both sides of each pair run in turn (A B A B …), each cold start in a fresh process, so that what the
machine does meanwhile falls on both. The scikit-learn side is the same handler around the same
pipeline from model.joblib, one ``predict_proba`` a row with one thread.
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

# One scaler in the pipeline itself: a ColumnTransformer by name would have the scikit-learn side import
# pandas and make a DataFrame of each row.
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
    show("mlctl --help", "ms", 1e3, [dict(zip(times, each, strict=True)) for each in zip(*times.values(), strict=True)])


def handler_times(unpacked: Unpacked, runs: int, *host: str) -> list[tuple[dict[str, float], dict[str, float]]]:
    """Of each run ``(first, warm)``: seconds by engine to the first answer, and of a warm one."""
    bodies = unpacked.folder / "requests.json"
    bodies.write_text(json.dumps([json.dumps({"features": [5.1, 3.5, 1.4, 0.2]})]))

    def side(engine: str) -> Callable[[], tuple[float, float]]:
        def measure() -> tuple[float, float]:
            found = packages.serve(unpacked, engine, bodies, ROUNDS[engine], *host)
            return found["first"], statistics.fmean(found["seconds"])

        return measure

    times = in_turn(runs, {engine: side(engine) for engine in ROUNDS})
    return [
        ({name: times[name][at][0] for name in times}, {name: times[name][at][1] for name in times})
        for at in range(runs)
    ]


def show(title: str, unit: str, scale: float, pairs: list[dict[str, float]]) -> None:
    """Minimum, median and maximum of both sides, and of the ratio pair by pair."""
    table = Table(f"{title} ({len(pairs)} runs of each)")
    one, other = pairs[0]
    for name in (one, other):
        table.add(name, [pair[name] for pair in pairs], unit, scale)
    table.add("ratio, pair by pair", ratios([pair[one] for pair in pairs], [pair[other] for pair in pairs]))
    print(table.text(), flush=True)


if __name__ == "__main__":
    main()
