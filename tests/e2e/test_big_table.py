"""A CSV that is large for the machine: memory is bounded by the file, and progress is told while it is read."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Peak memory of a child is told by the system, for this child alone.
_RUN = """
import json, resource, sys
from mlctl.cli.app import main
code = main(sys.argv[1:])
print(json.dumps({"code": code, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), file=sys.stderr)
"""


def write_table(path: Path, size: int) -> int:
    """A CSV of at least ``size`` bytes: numbers long and short, text, booleans, dates. Returns the rows."""
    lines = [
        f"{number % 10},{number % 97 / 8},{number * 7919 % 100_003 / 7},{'abcdefg'[number % 7]},city {number % 300},"
        f"{'true' if number % 3 else 'false'},2024-{number % 12 + 1:02}-{number % 28 + 1:02},"
        f"{'' if number % 11 == 0 else number % 1000},{'yes' if number * 31 % 7 < 3 else 'no'}\n"
        for number in range(50_000)
    ]
    block = "".join(lines)
    rows = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("few,eighths,long,letter,city,flag,day,gaps,answer\n")
        while file.tell() < size:
            file.write(block)
            rows += len(lines)
    return rows


def run(folder: Path, *words: str) -> tuple[dict[str, int], list[dict[str, Any]], str]:
    """What the process used, its progress, and its output."""
    finished = subprocess.run(
        [sys.executable, "-c", _RUN, "--log-format", "json", *words, "--json"],
        cwd=folder, capture_output=True, text=True, check=True, timeout=900,
    )  # fmt: skip
    *progress, used = [json.loads(line) for line in finished.stderr.splitlines()]
    return used, progress, finished.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux")
def test_memory_stays_within_three_times_the_file(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    path = tmp_path / "large.csv"
    rows = write_table(path, pytestconfig.getoption("--csv-mb") * 1_000_000)
    (tmp_path / "small.csv").write_text("x,answer\n" + "1,yes\n2,no\n" * 20)
    before, _, _ = run(tmp_path, "data", "validate", "--source", "small.csv", "--target", "answer")
    used, progress, out = run(tmp_path, "data", "validate", "--source", "large.csv", "--target", "answer")
    assert (used["code"], json.loads(out)["rows"]) == (0, rows)
    size = path.stat().st_size
    assert used["peak"] - before["peak"] <= 3 * size
    told = [event["done"] for event in progress if event["event"] == "advance" and event["part"] == "read"]
    assert told == sorted(told)
    assert len(told) > 3
    assert told[-1] == size // 1_000_000
