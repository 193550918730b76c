"""Benchmark of forests of 10 thousand to 5 million nodes: loading, memory and time per row, against scikit-learn."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib

from mlctl.packaging import build
from mlctl.portable.codegen.generator import generate
from mlctl.portable.compile import compile_pipeline
from mlctl.settings import deploy
from tests.benchmarks import synthetic
from tests.benchmarks.packages import HERE, ONE_THREAD
from tests.benchmarks.pairs import Table, in_turn, ratios

# A forest whose trees have one split and two leaves. Its cost is that of the engine's modules.
MINIMAL = 300
SIZES = (10_000, 100_000, 1_000_000, 5_000_000)
# scikit-learn needs 100 bytes per node, and the same again while it loads them.
SKLEARN_UP_TO = 1_000_000
ROWS = 300
MB = 2**20


def measure(folder: Path, runs: int, *, large: bool) -> list[Table]:
    """One table per size. With ``large``, scikit-learn is measured at every size."""
    rows = folder / "rows.json"
    rows.write_text(json.dumps(synthetic.rows(ROWS)))
    tables = []
    minimal = folder / str(MINIMAL)
    sides = {"engine": _side(minimal, "portable", rows, _write(minimal, MINIMAL, with_sklearn=False))}
    for nodes in SIZES:
        code = folder / str(nodes)
        generated = _write(code, nodes, with_sklearn=large or nodes <= SKLEARN_UP_TO)
        sides["portable"] = _side(code, "portable", rows, generated)
        if (code / "model.joblib").exists():
            sides["scikit-learn"] = _side(code, "sklearn", rows, generated)
        else:
            sides.pop("scikit-learn", None)
        results = in_turn(runs, sides)
        tables.append(_table(code, nodes, generated, results))
        shutil.rmtree(code)
    return tables


def _table(code: Path, nodes: int, generated: bool, results: dict[str, list[dict[str, Any]]]) -> Table:
    size = sum(file.stat().st_size for file in _model_files(code, generated))
    form = "arrays and generated code" if generated else "arrays"
    table = Table(
        f"A forest of {nodes:,} nodes, {size / MB:.1f} MB as {form} ({len(results['portable'])} processes of each)"
    )
    engine = results.pop("engine")
    for name, runs in results.items():
        table.add(f"{name}: load", [run["load"] for run in runs], "ms", 1e3)
        table.add(f"{name}: first row", [run["first"] for run in runs], "ms", 1e3)
        table.add(f"{name}: a row after it", [run["row"] for run in runs], "µs", 1e6)
        growth = [run["walked"] - run["before"] for run in runs]
        table.add(f"{name}: memory after {ROWS} rows, above that before loading", growth, "MB", 1 / MB)
        peaks = [run["peak"] - run["before"] for run in runs]
        table.add(f"{name}: at most, above that before loading", peaks, "MB", 1 / MB)
        if name == "portable":
            pairs = list(zip(runs, engine, strict=True))
            for key, label in (("walked", "memory"), ("peak", "at most")):
                excess = [run[key] - run["before"] - (least[key] - least["before"]) for run, least in pairs]
                shares = [count / size for count in excess]
                table.add(f"portable: {label}, above that of {MINIMAL} nodes, / file", shares)
    if len(results) > 1:
        for key, label in (("load", "load"), ("row", "a row")):
            both = ([run[key] for run in results[name]] for name in ("scikit-learn", "portable"))
            table.add(f"scikit-learn / portable, {label}, pair by pair", ratios(*both))
        same = all(a["answer"] == b["answer"] for a, b in zip(*results.values(), strict=True))
        table.say("the last row's probabilities", "the same to the last bit" if same else "DIFFERENT")
    return table


def _write(code: Path, nodes: int, *, with_sklearn: bool) -> bool:
    """Write the package of a forest with ``nodes`` nodes to ``code``. Returns whether it has generated code."""
    code.mkdir()
    pipeline = synthetic.forest(nodes)
    if with_sklearn:
        joblib.dump(pipeline, code / "model.joblib")
    features = [
        {"name": f"x{number}", "kind": "number", "nullable": False, "min": 0, "max": 1}
        for number in range(synthetic.N_FEATURES)
    ]
    model = compile_pipeline(pipeline, features)
    source = generate(model)
    files = build.layout(
        {"version": "0" * 64, "project": "growth", "estimator": "forest", "parity": model.parity},
        {build.PORTABLE_FILE: model.to_bytes()},
        generated=None if source is None else source.encode(),
        python=deploy.default_python(),
    )
    for name, data in files.items():
        path = code / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    has_generated_code: bool = json.loads(files["model/package.json"])["generated"]
    return has_generated_code


def _model_files(code: Path, generated: bool) -> list[Path]:
    """Files of the model that the handler reads: the arrays, and the bytecode of the generated code."""
    bytecode = (code / "handler" / "__pycache__").glob("generated.*.pyc") if generated else ()
    return [code / "model" / build.PORTABLE_FILE, *bytecode]


def _side(code: Path, engine: str, rows: Path, generated: bool) -> Callable[[], dict[str, Any]]:
    command = [sys.executable, "-P", str(HERE / "load.py"), engine, str(rows), "yes" if generated else "no"]

    def run() -> dict[str, Any]:
        finished = subprocess.run(command, cwd=code, env=ONE_THREAD, stdout=subprocess.PIPE, text=True, check=True)
        printed: dict[str, Any] = json.loads(finished.stdout)
        return printed

    return run
