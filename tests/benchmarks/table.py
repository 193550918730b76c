"""Benchmark of loading, checking and splitting a table: mlctl against plain pandas and scikit-learn.

Run: python -m tests.benchmarks.table --rows 1000000 10000000 --runs 5

Each side runs in a separate process, in turn, so that the peak memory can be measured. Both read the same CSV of eleven
columns (numbers with and without missing values, text, booleans, dates). They look for missing values, infinite and
constant columns, identifiers, columns that reveal the target and repeated rows, check the balance of the classes, and
return a stratified training and test part.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIDES = ("plain", "mlctl")
PHASES = ("load", "validate", "split")


def generate(path: Path, rows: int) -> None:
    """Write a CSV of ``rows`` rows, a million at a time."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(0)
    for start in range(0, rows, 1_000_000):
        n = min(1_000_000, rows - start)
        ratio = np.where(random.random(n) < 0.05, np.nan, random.random(n) * 100).round(3)
        days = pd.to_timedelta(random.integers(0, 3000, n), unit="D")
        pd.DataFrame(
            {
                "age": random.integers(18, 90, n),
                "income": random.normal(5e4, 1e4, n).round(2),
                "score": random.random(n),
                "ratio": ratio,
                "plan": random.choice(["basic", "plus", "pro"], n),
                "city": random.choice([f"city{number}" for number in range(200)], n),
                "active": random.choice([True, False], n),
                "visits": random.integers(0, 9, n),
                "since": pd.to_datetime("2015-01-01") + days,
                "balance": random.normal(0, 1, n),
                "churn": random.choice(["yes", "no"], n, p=[0.2, 0.8]),
            }
        ).to_csv(path, index=False, mode="w" if start == 0 else "a", header=start == 0)


def plain(path: Path) -> dict[str, float]:
    """The same work, written by hand with pandas and scikit-learn."""
    import numpy as np
    import pandas as pd
    from sklearn.model_selection import train_test_split

    times = [time.perf_counter()]
    frame = pd.read_csv(path, parse_dates=["since"])
    times.append(time.perf_counter())
    target = frame.pop("churn")
    assert not target.isna().any()
    assert target.value_counts().min() > 5
    codes = target.astype("category").cat.codes
    for name in frame:
        column = frame[name]
        column.isna().sum()
        distinct = column.nunique()
        assert distinct > 1
        if column.dtype.kind == "f":
            assert not np.isinf(column).any()
        if distinct == 2:
            pd.crosstab(column, codes)
    frame.duplicated().sum()
    times.append(time.perf_counter())
    train_test_split(frame, target, test_size=0.2, random_state=42, stratify=target)
    times.append(time.perf_counter())
    return _phases(times)


def ours(path: Path) -> dict[str, float]:
    """The steps of ``mlctl train`` before it trains."""
    from mlctl.data import checks, loading, split
    from mlctl.settings import DataSettings, Settings

    settings = Settings(data=DataSettings(source=str(path), target="churn"))
    times = [time.perf_counter()]
    dataset = loading.load(settings, path.parent)
    times.append(time.perf_counter())
    assert not checks.check(dataset, settings).problems
    times.append(time.perf_counter())
    parts = split.hold_out(dataset, settings.data)
    tables = [(dataset.frame(rows), dataset.answers(rows)) for rows in (parts.train, parts.test)]
    times.append(time.perf_counter())
    assert len(tables) == 2
    return _phases(times)


def _phases(times: list[float]) -> dict[str, float]:
    return {name: after - before for name, before, after in zip(PHASES, times, times[1:], strict=False)}


def _measure(side: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.table", "--side", side, "--file", str(path)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(finished.stdout)
    return result


def _report(rows: int, size: int, runs: dict[str, list[dict[str, float]]]) -> None:
    print(f"\n{rows:,} rows, {size / 1e6:,.0f} MB of CSV; medians of {len(runs['mlctl'])} runs")
    print(f"{'':10}{'plain':>12}{'mlctl':>12}   ratio, pair by pair")
    for name in (*PHASES, "total", "memory"):
        unit = "MB" if name == "memory" else "s"
        medians = {side: statistics.median(run[name] for run in runs[side]) for side in SIDES}
        ratios = [ours[name] / plain[name] for plain, ours in zip(runs["plain"], runs["mlctl"], strict=True)]
        print(
            f"{name:10}{medians['plain']:>10.2f} {unit:2}{medians['mlctl']:>9.2f} {unit:2}"
            f"  {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )
    for side in SIDES:
        print(f"{side}: {rows / statistics.median(run['total'] for run in runs[side]):,.0f} rows a second")


def main() -> None:
    """Measure both sides and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--file", type=Path)
    arguments = parser.parse_args()
    if arguments.side:
        seconds = (plain if arguments.side == "plain" else ours)(arguments.file)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({**seconds, "total": sum(seconds.values()), "memory": peak}))
        return
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "table.csv"
            generate(path, rows)
            runs: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
            for _ in range(arguments.runs):
                for side in SIDES:
                    runs[side].append(_measure(side, path))
            _report(rows, path.stat().st_size, runs)


if __name__ == "__main__":
    main()
