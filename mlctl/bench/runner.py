"""Measures a package: each run in a fresh process that imports its handler and asks it for rows.

Two candidates are told apart only by what stands in ``model/`` and by the interpreter's options, so that HTTP
parsing, schema checks and the log line are the same on both sides.
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

# One thread, on both sides: the libraries below NumPy and scikit-learn would take every processor.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1")
# What would leave one side without bytecode and log lines; the portable one does not look at Python's variables.
_NOT_INHERITED = ("AWS_LAMBDA_LOG_LEVEL", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONOPTIMIZE")
_SCRIPT = Path(__file__).with_name("worker.py")
_TIMEOUT_SECONDS = 600
# More would tell nothing new, and the times themselves would count as memory.
_REQUESTS_A_RUN = 5000


@dataclass(frozen=True)
class Measurement:
    """One process: seconds to the first answer and of each warm request; bytes before the handler, and at most."""

    cold: float
    warm: tuple[float, ...]
    bare: int
    peak: int


@dataclass(frozen=True)
class Probe:
    """What a candidate answers to every row, ``{"status", "body"}`` each, and the top-level modules it imported."""

    answers: tuple[dict[str, Any], ...]
    modules: frozenset[str]


@dataclass(frozen=True)
class Candidate:
    """An unpacked package and the rows that it is asked, as requests hold them.

    ``pipeline``: None for the portable engine, which runs without site-packages; else what ``measured.Fitted`` is
    to know of ``model.joblib``, which runs with those of this interpreter. ``without``: modules that it is not to find.
    """

    name: str
    folder: Path
    rows: Sequence[Sequence[Value]]
    pipeline: Mapping[str, Any] | None = None
    without: tuple[str, ...] = ()

    def probe(self) -> Probe:
        """Every row asked once, in a process whose times do not count. Raises MlctlError (exit 4) where one fails."""
        found = self._run(first=0, seconds=0.0, requests=1, answers=True)
        for number, answer in enumerate(found["answers"]):
            if answer["status"] != 200:
                why = answer.get("why") or answer["body"]["error"]["message"]
                raise self._failed(f"answers row {number} with status {answer['status']}: {why}")
        return Probe(tuple(found["answers"]), frozenset(found["modules"]))

    def measure(self, *, first: int, seconds: float) -> Measurement:
        """One cold start with the row at ``first``, then warm requests for ``seconds``. Raises MlctlError (exit 4)."""
        found = self._run(first=first, seconds=seconds, requests=_REQUESTS_A_RUN, answers=False)
        warm = tuple(each / 1e9 for each in found["warm"])
        return Measurement(cold=found["cold"] / 1e9, warm=warm, bare=found["bare"], peak=found["peak"])

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
                "does not run in a process of its own: " + (error.stderr.strip().splitlines() or ["no message"])[-1]
            ) from None
        except subprocess.TimeoutExpired:
            raise self._failed(f"does not answer within {_TIMEOUT_SECONDS} seconds") from None
        found: dict[str, Any] = json.loads(finished.stdout)
        return found

    def _failed(self, what: str) -> MlctlError:
        return MlctlError(
            f"The {self.name} side {what}",
            code="bench_failed",
            exit_code=ExitCode.VERIFICATION,
            hint="`mlctl evaluate` tells whether the model itself predicts; if it does, please report this.",
        )


def percentile(values: Sequence[float], part: float) -> float:
    """The least of ``values`` (at least one) that ``part`` (0 to 1) of them do not exceed: the nearest rank."""
    ordered = sorted(values)
    # 0.99 * 100 must not become rank 100 for its last bit.
    return ordered[max(1, ceil(round(part * len(ordered), 9))) - 1]
