"""A cold start under ``awslambdaric``: from process start to first answer, against a handler that does nothing."""

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
    """Two tables: portable against nothing, and the other engines against portable."""
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
    for at, phase in enumerate(PHASES):
        of_sides = {name: [each[at] for each in seconds[name]] for name in sides}
        for name, values in of_sides.items():
            table.add(f"{name}, {phase}", values, "ms", 1e3)
        more = [ours - nothing for nothing, ours in zip(*of_sides.values(), strict=True)]
        table.add(f"portable less nothing, {phase}, pair by pair", more, "ms", 1e3)
    fewer = max(3, runs // 4)
    seconds = in_turn(fewer, starts(others))
    compared = Table(f"The same start with other engines ({fewer} starts of each)")
    firsts = {name: [each[0] for each in seconds[name]] for name in others}
    for name, values in firsts.items():
        compared.add(f"{name}, to the first answer", values, "ms", 1e3)
        if name != "portable":
            compared.add(f"{name} / portable, pair by pair", ratios(values, firsts["portable"]))
    if refusal:
        compared.say("onnxruntime: not measured", refusal)
    return [table, compared]


def start(package: Path, entry: str, body: str) -> tuple[float, ...]:
    """Seconds of one process: those of PHASES.

    The processor time counts to a little after the answer, when the client waits for more work and is killed.
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
            asked = api.asked.get()
            # It asks again: what came before is done.
            api.asked.get(timeout=60)
        finally:
            process.kill()
            _, process.returncode, used = os.wait4(process.pid, 0)
        if kind != "response" or answer.get("statusCode", 200) != 200:
            raise RuntimeError(f"{entry} answered {kind}: {answer}; {(package / 'errors.txt').read_text()}")
        return api.answered.get() - begin, asked - begin, used.ru_utime + used.ru_stime


def _write(folder: Path, module: str, source: str) -> None:
    """A module with its bytecode, as the package's own modules have."""
    (folder / f"{module}.py").write_text(source)
    py_compile.compile(str(folder / f"{module}.py"), doraise=True)
