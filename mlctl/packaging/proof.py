"""Runs a package in a clean Python and compares its answers with scikit-learn's."""

import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from mlctl.data.values import Label, Value
from mlctl.disk import errors_named
from mlctl.errors import ExitCode, MlctlError
from mlctl.registry.answers import Answer, Example, Parity, agrees
from mlctl.scratch import scratch_folder

# Runs in the subprocess, in the unpacked zip, without site-packages and environment: one HTTP event for each row. The
# handler's own output is discarded, so standard output has only the answers, in ASCII. Afterwards a request with rows
# for about a second measures the time of a row.
_RUNNER = """
import json, sys, time
class Nowhere:
    def write(self, text): return len(text)
    def flush(self): pass
answers, out, sys.stdout = [], sys.stdout, Nowhere()
sys.path.insert(0, ".")
from handler.app import lambda_handler
rows, http = json.load(sys.stdin), {"http": {"method": "POST"}}
began = time.perf_counter()
for row in rows:
    event = {"rawPath": "/predict", "requestContext": http, "body": json.dumps({"features": row})}
    response = lambda_handler(event, None)
    answers.append({"status": response["statusCode"], "body": json.loads(response["body"])})
some = rows[: max(1, int(len(rows) / max(time.perf_counter() - began, 1e-9)))]
instances = json.dumps({"instances": some})
seconds = []
for _ in range(2):
    started = time.perf_counter()
    response = lambda_handler({"rawPath": "/predict", "requestContext": http, "body": instances}, None)
    seconds.append(time.perf_counter() - started)
json.dump({"answers": answers, "row_seconds": min(seconds) / len(some) if response["statusCode"] == 200 else None}, out)
"""
_TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Proof:
    """The answers of a package, and the seconds for each row of a large request on this machine (None if it failed)."""

    answers: tuple[dict[str, object], ...]
    row_seconds: float | None


@dataclass(frozen=True)
class Difference:
    """A row on which the package and scikit-learn disagree."""

    row: int
    expected: Answer
    answered: str

    def __str__(self) -> str:
        return f"row {self.row}: scikit-learn predicts {self.expected}, the package {self.answered}"


def run_package(package: bytes, rows: Sequence[Sequence[Value]], *, python: str = sys.executable) -> Proof:
    """Run the zip with ``python -I -S`` in an empty folder and collect ``{"status", "body"}`` for each row.

    A row has the JSON values of a request: numbers, text, true, false and null. Raises MlctlError (exit 4) if the
    package does not run.
    """
    with scratch_folder() as folder:
        with errors_named(folder), zipfile.ZipFile(BytesIO(package)) as archive:
            archive.extractall(folder)
        try:
            finished = subprocess.run(
                [python, "-I", "-S", "-c", _RUNNER],
                input=json.dumps([list(row) for row in rows]),
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                cwd=folder,
                timeout=_TIMEOUT_SECONDS,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            if error.returncode < 0:
                raise _killed(-error.returncode) from None
            raise _broken((error.stderr.strip().splitlines() or ["no message"])[-1]) from None
        except subprocess.TimeoutExpired:
            raise _broken(f"no answer within {_TIMEOUT_SECONDS} seconds") from None
    result = json.loads(finished.stdout)
    return Proof(tuple(result["answers"]), result["row_seconds"])


def answers_of(
    package: bytes, rows: Sequence[Sequence[Value]], *, python: str = sys.executable
) -> list[dict[str, object]]:
    """The answers of ``run_package``."""
    return list(run_package(package, rows, python=python).answers)


def _killed(number: int) -> MlctlError:
    return MlctlError(
        f"The system ended the process that checks the package ({signal.strsignal(number) or number}).",
        code="check_killed",
        exit_code=ExitCode.UNEXPECTED,
        hint="The usual cause is a lack of memory: close other programs and run the command again.",
    )


def _broken(reason: str) -> MlctlError:
    return MlctlError(
        f"The package does not run in a clean Python: {reason}",
        code="package_broken",
        exit_code=ExitCode.VERIFICATION,
        hint="This is a defect of mlctl. Please report it with your settings.",
    )


def first_difference(
    package: bytes, examples: Sequence[Example], labels: Sequence[Label], parity: Parity
) -> Difference | None:
    """Run the package, and return the first row whose answer violates ``parity``; None if all agree."""
    answers = answers_of(package, [example.features for example in examples])
    return difference_of(answers, examples, labels, parity)


def difference_of(
    answers: Sequence[dict[str, object]], examples: Sequence[Example], labels: Sequence[Label], parity: Parity
) -> Difference | None:
    """The first answer that violates ``parity``; None if all agree."""
    for number, (answer, example) in enumerate(zip(answers, examples, strict=True)):
        if answer["status"] != 200 or not agrees(answer["body"], example.answer, labels, parity):
            return Difference(row=number, expected=example.answer, answered=_shortened(answer["body"]))
    return None


def _shortened(body: object) -> str:
    """The answer without its latency, so that the same difference always has the same message."""
    stable = {key: value for key, value in body.items() if key != "latency_ms"} if isinstance(body, dict) else body
    return json.dumps(stable)[:300]
