"""What the portable engine promises of speed, in ratios of both sides in one run.

    python -m tests.benchmarks.portable [PART …] [--runs 9] [--large] [--markdown | --into docs/PERFORMANCE.md]

Parts (all by default): ``cold`` (a start under Lambda's runtime client), ``warm`` (a request, against
onnxruntime), ``growth`` (from 10 thousand nodes to 5 million), ``batch`` (many rows in one request).
The sides of each pair run in turn (A B A B …), each in a fresh process. onnxruntime, skl2onnx and onnx
are needed for the sides that are theirs: pip install -e '.[dev,bench]'. Asserts nothing.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import batch, cold, growth, warm
from tests.benchmarks.pairs import Table

# Starts and short requests are the noisiest.
RUNS = {"cold": 40, "warm": 11, "growth": 5, "batch": 7}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(RUNS))
    parser.add_argument("--runs", type=int, help="runs of each side (default: " + str(RUNS)[1:-1] + ")")
    parser.add_argument("--markdown", action="store_true", help="print tables for a document")
    parser.add_argument("--into", type=Path, metavar="FILE", help="put them in its places <!-- PART --> … <!-- end -->")
    parser.add_argument("--large", action="store_true", help="growth: scikit-learn at 5 million nodes too")
    given = parser.parse_args()
    unknown = set(given.parts) - set(RUNS)
    if unknown:
        parser.error(f"unknown part {sorted(unknown)[0]!r}; there are {', '.join(RUNS)}")
    for part in given.parts or RUNS:
        runs = given.runs or RUNS[part]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            tables = (
                growth.measure(folder, runs, large=given.large)
                if part == "growth"
                else {"cold": cold, "warm": warm, "batch": batch}[part].measure(folder, runs)
            )
        for table in tables:
            print(table.markdown() if given.markdown else table.text(), flush=True)
        if given.into:
            place(given.into, part, tables)


def place(file: Path, part: str, tables: Sequence[Table]) -> None:
    """Replace what stands between ``<!-- part -->`` and ``<!-- end -->``."""
    before, mark, rest = file.read_text(encoding="utf-8").partition(f"<!-- {part} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    if not mark or not end:
        raise SystemExit(f"{file} has no place for {part}")
    made = "".join(f"{table.markdown()}\n" for table in tables)
    file.write_text(f"{before}{mark}{made}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
