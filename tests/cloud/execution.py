"""What an invocation of a deployed release gives: its own answer, or one under a spell that a test has cast on it."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from tests.cloud.handlers import Failed, Runner
from tests.cloud.lambda_state import Function, Version

_ID = "11111111-2222-3333-4444-555555555555"

Spell = Literal["wrong", "crash", "timeout"]


@dataclass(frozen=True)
class Asked:
    """A golden example that a release has answered as its package does."""

    function: str
    number: str
    body: str


class Execution:
    """Lambda's workers. ``invocations`` tells the releases in the order in which they were invoked."""

    def __init__(self, runner: Runner) -> None:
        self.spells: dict[str, Spell] = {}
        self.invocations: list[str] = []
        self.asked: Asked | None = None
        self._runner = runner

    def run(self, function: Function, version: Version, payload: bytes) -> tuple[bytes, str | None, str]:
        """What that version returns, the error that Lambda tells of, and the log."""
        self.invocations.append(version.number)
        answer, error, log = self._outcome(function, version, json.loads(payload))
        start, end = f"START RequestId: {_ID} Version: {version.number}\n", f"END RequestId: {_ID}\n"
        return json.dumps(answer).encode(), error, f"{start}{log}{end}"

    def _outcome(self, function: Function, version: Version, event: Any) -> tuple[Any, str | None, str]:
        spell = self.spells.get(version.number)
        if spell == "timeout":
            message = f"2030-01-01T00:00:00.000Z {_ID} Task timed out after {version.config['Timeout']}.00 seconds"
            return {"errorMessage": message}, "Unhandled", f"{message}\n\n"
        if spell == "crash":
            return {"errorMessage": "it fell over", "errorType": "RuntimeError", "stackTrace": []}, "Unhandled", ""
        try:
            answer, log = self._runner.run(version.sha256, version.code, version.config["Handler"], event)
        except Failed as failed:
            return failed.document, "Unhandled", failed.log
        if spell == "wrong":
            return _falsified(answer), None, log
        if isinstance(event, dict) and event.get("mlctl") and event.get("body"):
            self.asked = Asked(function.name, version.number, canonical(json.loads(event["body"])))
        return answer, None, log


def canonical(document: Any) -> str:
    """JSON in one spelling."""
    return json.dumps(document, sort_keys=True)


def _falsified(answer: Any) -> Any:
    """An answer with another prediction in it."""
    body = json.loads(answer["body"])
    if "prediction" in body:
        body["prediction"] = "wrong" if isinstance(body["prediction"], str) else body["prediction"] + 1
    return {**answer, "body": json.dumps(body)}
