"""Benchmark of a cold start under ``awslambdaric``, from process start to first response, against an empty handler."""

import json
import os
import py_compile
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.benchmarks import packages
from tests.benchmarks.packages import IRIS
from tests.benchmarks.pairs import Table, in_turn, ratios
from tests.conftest import http_event
from tests.support import runtime_api

NOTHING = "def lambda_handler(event, context):\n    return {}\n"
AROUND = "import engines\nlambda_handler = engines.use({engine!r})\n"


PHASES = (
    "to the first answer",
    "of it, until the client asks for work",
    "processor time",
)


def measure(folder: Path, runs: int) -> list[Table]:
    """Two tables: the portable engine against an empty handler, and the other engines against the portable one."""
    unpacked = packages.unpack(folder, IRIS)
    _write(unpacked.folder, "nothing", NOTHING)
    _write(unpacked.folder, "around_sklearn", AROUND.format(engine="sklearn"))
    sides = {"nothing": "nothing.lambda_handler", "portable": "handler.app.lambda_handler"}
    others = {"portable": sides["portable"], "scikit-learn": "around_sklearn.lambda_handler"}
    refusal = packages.missing_extras()
    if refusal is None:
        packages.convert(unpacked)
        _write(unpacked.folder, "around_onnx", AROUND.format(engine="onnxruntime"))
        others["onnxruntime"] = "around_onnx.lambda_handler"
    body = json.dumps({"features": unpacked.rows[0]})

    def starts(handlers: dict[str, str]) -> dict[str, Callable[[], tuple[float, ...]]]:
        return {name: partial(start, unpacked.folder, entry, body) for name, entry in handlers.items()}

    seconds = in_turn(runs, starts(sides))
    table = Table(f"A cold start on Iris under awslambdaric, process to first answer ({runs} starts of each)")
    for position, phase in enumerate(PHASES):
        phase_seconds = {name: [run[position] for run in seconds[name]] for name in sides}
        for name, values in phase_seconds.items():
            table.add(f"{name}, {phase}", values, "ms", 1e3)
        differences = [portable - nothing for nothing, portable in zip(*phase_seconds.values(), strict=True)]
        table.add(f"portable less nothing, {phase}, pair by pair", differences, "ms", 1e3)
    fewer_runs = max(3, runs // 4)
    seconds = in_turn(fewer_runs, starts(others))
    engines = Table(f"The same start with other engines ({fewer_runs} starts of each)")
    first_seconds = {name: [run[0] for run in seconds[name]] for name in others}
    for name, values in first_seconds.items():
        engines.add(f"{name}, to the first answer", values, "ms", 1e3)
        if name != "portable":
            engines.add(f"{name} / portable, pair by pair", ratios(values, first_seconds["portable"]))
    if refusal:
        engines.say("onnxruntime: not measured", refusal)
    return [table, engines]


def start(package: Path, entry: str, body: str) -> tuple[float, ...]:
    """Seconds of one process, in the order of PHASES.

    The processor time includes a moment after the response, until the client asks for more work and is killed.
    """
    with runtime_api.running() as api, (package / "errors.txt").open("w") as errors:
        api.events.put(http_event("POST", "/predict", body))
        begin = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", entry],
            cwd=package,
            env=api.environment(package) | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        try:
            kind, answer = api.answers.get(timeout=60)
            polled = api.asked.get()
            # The client polls again when it has finished the first request.
            api.asked.get(timeout=60)
        finally:
            process.kill()
            _, process.returncode, usage = os.wait4(process.pid, 0)
        if kind != "response" or answer.get("statusCode", 200) != 200:
            raise RuntimeError(f"{entry} answered {kind}: {answer}; {(package / 'errors.txt').read_text()}")
        return api.answered.get() - begin, polled - begin, usage.ru_utime + usage.ru_stime


def _write(folder: Path, module: str, source: str) -> None:
    """Write a module and its bytecode, because the modules of a package have bytecode too."""
    (folder / f"{module}.py").write_text(source)
    py_compile.compile(str(folder / f"{module}.py"), doraise=True)
