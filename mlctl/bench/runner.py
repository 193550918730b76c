"""Measures a package: each run is a fresh process that imports its handler and sends it rows.

Two candidates differ only in ``model/`` and in the interpreter's options, so HTTP parsing, schema checks and log lines
are the same on both sides.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from mlctl.data.values import Value
from mlctl.errors import ExitCode, MlctlError

# One thread on both sides: the libraries below NumPy and scikit-learn would use every processor.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1")
# These would change bytecode or log lines on one side only: the portable side ignores Python's variables.
_NOT_INHERITED = ("AWS_LAMBDA_LOG_LEVEL", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONOPTIMIZE")
_SCRIPT = Path(__file__).with_name("worker.py")
_TIMEOUT_SECONDS = 600
# More requests add no information, and their times would count as memory.
_REQUESTS_A_RUN = 5000


@dataclass(frozen=True)
class Measurement:
    """One process: seconds to the first answer and of each warm request; bytes before the handler and at the peak."""

    cold: float
    warm: tuple[float, ...]
    bare: int
    peak: int


@dataclass(frozen=True)
class Probe:
    """The answers of a candidate to every row, ``{"status", "body"}`` each, and its top-level modules."""

    answers: tuple[dict[str, Any], ...]
    modules: frozenset[str]


@dataclass(frozen=True)
class Candidate:
    """An unpacked package and the rows to send, with the values of requests.

    ``pipeline`` is None for the portable engine, which runs without site-packages. Otherwise it describes
    ``model.joblib`` for ``worker.Fitted``, which runs with the site-packages of this interpreter. ``without``: modules
    to hide.
    """

    name: str
    folder: Path
    rows: Sequence[Sequence[Value]]
    pipeline: Mapping[str, Any] | None = None
    without: tuple[str, ...] = ()

    def probe(self) -> Probe:
        """Send every row once, in a process that is not timed. Raises MlctlError (exit 4) if a row fails."""
        result = self._run(first=0, seconds=0.0, requests=1, answers=True)
        for number, answer in enumerate(result["answers"]):
            if answer["status"] != 200:
                reason = answer.get("why") or answer["body"]["error"]["message"]
                raise self._failed(f"answers row {number} with status {answer['status']}: {reason}")
        return Probe(tuple(result["answers"]), frozenset(result["modules"]))

    def measure(self, *, first: int, seconds: float) -> Measurement:
        """One cold start with the row at ``first``, then warm requests for ``seconds``. Raises MlctlError (exit 4)."""
        result = self._run(first=first, seconds=seconds, requests=_REQUESTS_A_RUN, answers=False)
        warm = tuple(nanoseconds / 1e9 for nanoseconds in result["warm"])
        return Measurement(cold=result["cold"] / 1e9, warm=warm, bare=result["bare"], peak=result["peak"])

    def _run(self, **job: Any) -> dict[str, Any]:
        options = ["-I", "-S"] if self.pipeline is None else ["-P"]
        job |= {"rows": [list(row) for row in self.rows], "pipeline": self.pipeline, "without": self.without}
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        try:
            finished = subprocess.run(
                [sys.executable, *options, str(_SCRIPT)],
                input=json.dumps(job),
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                cwd=self.folder,
                env=environment | _ONE_THREAD,
                timeout=_TIMEOUT_SECONDS,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            raise self._failed(
                "does not run in a separate process: " + (error.stderr.strip().splitlines() or ["no message"])[-1]
            ) from None
        except subprocess.TimeoutExpired:
            raise self._failed(f"does not answer within {_TIMEOUT_SECONDS} seconds") from None
        result: dict[str, Any] = json.loads(finished.stdout)
        return result

    def _failed(self, problem: str) -> MlctlError:
        return MlctlError(
            f"The {self.name} side {problem}",
            code="bench_failed",
            exit_code=ExitCode.VERIFICATION,
            hint="Run `mlctl evaluate` to check whether the model itself predicts. If it does, please report this.",
        )


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest of ``values`` (at least one) that a share ``part`` (0 to 1) does not exceed: the nearest rank."""
    ordered = sorted(values)
    # Rounded, because 0.99 * 100 may be a little more than 99.
    return ordered[max(1, ceil(round(part * len(ordered), 9))) - 1]
