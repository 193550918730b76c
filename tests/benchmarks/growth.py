"""Forests of 10 thousand to 5 million nodes: loading, memory and a row, and scikit-learn on the same forests."""

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

# What every model costs: the modules of the engine, in a forest of one node a tree and its two leaves.
LEAST = 300
SIZES = (10_000, 100_000, 1_000_000, 5_000_000)
# scikit-learn needs 100 bytes a node, and as much again to load them.
SKLEARN_UP_TO = 1_000_000
ROWS = 300
MB = 2**20


def measure(folder: Path, runs: int, *, large: bool) -> list[Table]:
    """A table a size. ``large``: scikit-learn at every size."""
    rows = folder / "rows.json"
    rows.write_text(json.dumps(synthetic.rows(ROWS)))
    tables = []
    least = folder / str(LEAST)
    sides = {"engine": _side(least, "portable", rows, _write(least, LEAST, with_sklearn=False))}
    for nodes in SIZES:
        code = folder / str(nodes)
        generated = _write(code, nodes, with_sklearn=large or nodes <= SKLEARN_UP_TO)
        sides["portable"] = _side(code, "portable", rows, generated)
        if (code / "model.joblib").exists():
            sides["scikit-learn"] = _side(code, "sklearn", rows, generated)
        else:
            sides.pop("scikit-learn", None)
        found = in_turn(runs, sides)
        tables.append(_table(code, nodes, generated, found))
        shutil.rmtree(code)
    return tables


def _table(code: Path, nodes: int, generated: bool, found: dict[str, list[dict[str, Any]]]) -> Table:
    size = sum(each.stat().st_size for each in _model_files(code, generated))
    how = "arrays and generated code" if generated else "arrays"
    table = Table(
        f"A forest of {nodes:,} nodes, {size / MB:.1f} MB as {how} ({len(found['portable'])} processes of each)"
    )
    engine = found.pop("engine")
    for name, runs in found.items():
        table.add(f"{name}: load", [each["load"] for each in runs], "ms", 1e3)
        table.add(f"{name}: first row", [each["first"] for each in runs], "ms", 1e3)
        table.add(f"{name}: a row after it", [each["row"] for each in runs], "µs", 1e6)
        grown = [each["walked"] - each["before"] for each in runs]
        table.add(f"{name}: memory after {ROWS} rows, above that before loading", grown, "MB", 1 / MB)
        table.add(f"{name}: at most, above that before loading", [e["peak"] - e["before"] for e in runs], "MB", 1 / MB)
        if name == "portable":
            pairs = list(zip(runs, engine, strict=True))
            for key, what in (("walked", "memory"), ("peak", "at most")):
                more = [each[key] - each["before"] - (least[key] - least["before"]) for each, least in pairs]
                table.add(f"portable: {what}, above that of {LEAST} nodes, / file", [each / size for each in more])
    if len(found) > 1:
        for key, what in (("load", "load"), ("row", "a row")):
            both = ([each[key] for each in found[name]] for name in ("scikit-learn", "portable"))
            table.add(f"scikit-learn / portable, {what}, pair by pair", ratios(*both))
        same = all(a["answer"] == b["answer"] for a, b in zip(*found.values(), strict=True))
        table.say("the last row's probabilities", "the same to the last bit" if same else "DIFFERENT")
    return table


def _write(code: Path, nodes: int, *, with_sklearn: bool) -> bool:
    """Write to ``code`` what ``mlctl package`` would ship for a forest of ``nodes``; true with generated code."""
    code.mkdir()
    pipeline = synthetic.forest(nodes)
    if with_sklearn:
        joblib.dump(pipeline, code / "model.joblib")
    features = [
        {"name": f"x{at}", "kind": "number", "nullable": False, "min": 0, "max": 1}
        for at in range(synthetic.N_FEATURES)
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
    shipped: bool = json.loads(files["model/package.json"])["generated"]
    return shipped


def _model_files(code: Path, generated: bool) -> list[Path]:
    """The files that are read of the model: the arrays, and the bytecode made of them."""
    bytecode = (code / "handler" / "__pycache__").glob("generated.*.pyc") if generated else ()
    return [code / "model" / build.PORTABLE_FILE, *bytecode]


def _side(code: Path, engine: str, rows: Path, generated: bool) -> Callable[[], dict[str, Any]]:
    command = [sys.executable, "-P", str(HERE / "load.py"), engine, str(rows), "yes" if generated else "no"]

    def run() -> dict[str, Any]:
        finished = subprocess.run(command, cwd=code, env=ONE_THREAD, stdout=subprocess.PIPE, text=True, check=True)
        printed: dict[str, Any] = json.loads(finished.stdout)
        return printed

    return run
