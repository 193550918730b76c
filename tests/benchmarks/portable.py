"""Benchmarks of the portable engine, as ratios of both sides in one run.

    python -m tests.benchmarks.portable [PART …] [--runs 9] [--large] [--markdown | --into docs/PERFORMANCE.md]

Parts (all by default): ``cold`` (a start under Lambda's runtime client), ``warm`` (a request, against
onnxruntime), ``growth`` (from 10 thousand nodes to 5 million), ``batch`` (many rows in one request).
The sides of each pair run in turn (A B A B …), each in a fresh process. The other engines need onnxruntime, skl2onnx
and onnx: pip install -e '.[dev,bench]'. The benchmarks assert nothing.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import batch, cold, growth, warm
from tests.benchmarks.pairs import Table

# Starts and short requests have the most noise.
RUNS = {"cold": 40, "warm": 11, "growth": 5, "batch": 7}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(RUNS))
    parser.add_argument("--runs", type=int, help="runs of each side (default: " + str(RUNS)[1:-1] + ")")
    parser.add_argument("--markdown", action="store_true", help="print tables for a document")
    parser.add_argument("--into", type=Path, metavar="FILE", help="write them between <!-- PART --> and <!-- end -->")
    parser.add_argument("--large", action="store_true", help="growth: scikit-learn at 5 million nodes too")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(RUNS)
    if unknown:
        parser.error(f"unknown part {sorted(unknown)[0]!r}; there are {', '.join(RUNS)}")
    for part in arguments.parts or RUNS:
        runs = arguments.runs or RUNS[part]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            tables = (
                growth.measure(folder, runs, large=arguments.large)
                if part == "growth"
                else {"cold": cold, "warm": warm, "batch": batch}[part].measure(folder, runs)
            )
        for table in tables:
            print(table.markdown() if arguments.markdown else table.text(), flush=True)
        if arguments.into:
            place(arguments.into, part, tables)


def place(file: Path, part: str, tables: Sequence[Table]) -> None:
    """Replace the text between ``<!-- part -->`` and ``<!-- end -->``."""
    before, start_mark, remainder = file.read_text(encoding="utf-8").partition(f"<!-- {part} -->\n")
    _, end_mark, after = remainder.partition("<!-- end -->")
    if not start_mark or not end_mark:
        raise SystemExit(f"{file} has no place for {part}")
    content = "".join(f"{table.markdown()}\n" for table in tables)
    file.write_text(f"{before}{start_mark}{content}\n{end_mark}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
