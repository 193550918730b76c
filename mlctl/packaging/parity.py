"""Runs the very zip in a clean Python and compares its answers with scikit-learn's."""

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
from mlctl.model.answers import Answer, Example, Parity, agrees
from mlctl.scratch import scratch_folder

# Runs in the subprocess, in the unpacked zip: no site-packages, no environment, one HTTP event a row. What the
# handler writes, from its import on, goes nowhere: standard output carries the answers alone, in ASCII.
_RUNNER = """
import json, sys
class Nowhere:
    def write(self, text): return len(text)
    def flush(self): pass
answers, out, sys.stdout = [], sys.stdout, Nowhere()
sys.path.insert(0, ".")
from handler.app import lambda_handler
for row in json.load(sys.stdin):
    http = {"http": {"method": "POST"}}
    event = {"rawPath": "/predict", "requestContext": http, "body": json.dumps({"features": row})}
    response = lambda_handler(event, None)
    answers.append({"status": response["statusCode"], "body": json.loads(response["body"])})
json.dump(answers, out)
"""
_TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Difference:
    """A row on which the package and scikit-learn disagree."""

    row: int
    expected: Answer
    answered: str

    def __str__(self) -> str:
        return f"row {self.row}: scikit-learn says {self.expected}, the package {self.answered}"


def answers_of(
    package: bytes, rows: Sequence[Sequence[Value]], *, python: str = sys.executable
) -> list[dict[str, object]]:
    """What the zip answers to each row: ``{"status", "body"}``, from ``python -I -S`` in an empty folder.

    A row is what a request holds: numbers, text, true and false, null. Raises MlctlError (exit 4) when
    the package does not run there at all.
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
    answers: list[dict[str, object]] = json.loads(finished.stdout)
    return answers


def _killed(number: int) -> MlctlError:
    return MlctlError(
        f"The system ended the process that checks the package ({signal.strsignal(number) or number}).",
        code="check_killed",
        exit_code=ExitCode.UNEXPECTED,
        hint="Often that is for lack of memory: end other programs and run the command again.",
    )


def _broken(why: str) -> MlctlError:
    return MlctlError(
        f"The package does not run in a clean Python: {why}",
        code="package_broken",
        exit_code=ExitCode.VERIFICATION,
        hint="This is a defect of mlctl; please report it with the settings used.",
    )


def first_difference(
    package: bytes, examples: Sequence[Example], labels: Sequence[Label], parity: Parity
) -> Difference | None:
    """The first row whose answer breaks ``parity``, or None when all agree."""
    answers = answers_of(package, [example.features for example in examples])
    for number, (answer, example) in enumerate(zip(answers, examples, strict=True)):
        if answer["status"] != 200 or not agrees(answer["body"], example.answer, labels, parity):
            return Difference(row=number, expected=example.answer, answered=_in_short(answer["body"]))
    return None


def _in_short(body: object) -> str:
    """The answer without its latency: the same difference is told in the same words."""
    told = {key: value for key, value in body.items() if key != "latency_ms"} if isinstance(body, dict) else body
    return json.dumps(told)[:300]
