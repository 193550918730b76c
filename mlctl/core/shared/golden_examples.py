"""The golden examples of a version, asked of a release by its number. Shared by verbs."""

import json
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from mlctl.aws.client.errors import translate_errors
from mlctl.aws.live.invocation import Invocation, invoke
from mlctl.data.values import Label, Value
from mlctl.errors import ExitCode, MlctlError
from mlctl.registry import answers
from mlctl.registry.answers import Example, Parity
from mlctl.registry.store import ModelVersion
from mlctl.stages import Stage

_SHOWN = 300


@dataclass(frozen=True)
class Golden:
    """The rows that a release has to answer as scikit-learn did."""

    stage: Stage
    examples: tuple[Example, ...]
    labels: tuple[Label, ...]
    parity: Parity

    @classmethod
    def of(cls, stage: Stage, version: ModelVersion, parity: Parity) -> "Golden":
        """Those of a version on disk. Raises MlctlError (exit 4) when its files were changed."""
        labels = version.read_json("schema.json")["target"].get("labels", [])
        return cls(stage, tuple(answers.from_document(version.read_json("golden.json"))), tuple(labels), parity)

    def verify(self, release: str) -> None:
        """Ask for all of them; raise MlctlError (exit 4) at the first wrong answer, with the log of that invocation."""
        for number in range(len(self.examples)):
            self.ask(release, number)

    def asker(self) -> "Asker":
        """Asks one after the other, over and over."""
        return Asker(self, cycle(range(len(self.examples))))

    def ask(self, release: str, number: int) -> None:
        """Ask for one of them, counted from 0."""
        example = self.examples[number]
        with translate_errors():
            invocation = invoke(self.stage.aws, self.stage.names, release, predict_event(example.features))
        try:
            body = json.loads(invocation.payload["body"])
        except (KeyError, TypeError, ValueError):
            body = None
        if invocation.error or not answers.agrees(body, example.answer, self.labels, self.parity):
            raise self._wrong(release, number, invocation)

    def _wrong(self, release: str, number: int, invocation: Invocation) -> MlctlError:
        payload = invocation.payload
        answered = payload.get("body", payload) if isinstance(payload, dict) else payload
        answered = (answered if isinstance(answered, str) else json.dumps(answered))[:_SHOWN]
        return MlctlError(
            f"Release {release} answers golden example {number + 1} of {len(self.examples)} wrongly: "
            f"expected {answers.describe(self.examples[number].answer, self.labels)}, got {answered}.",
            details=invocation.log_lines,
            code="verification_failed",
            exit_code=ExitCode.VERIFICATION,
            hint="It gets no traffic; what was live before still is.",
        )


class Asker:
    """Asks a release the golden examples in turn, one a call."""

    def __init__(self, golden: Golden, numbers: "cycle[int]") -> None:
        self._golden = golden
        self._numbers = numbers

    def __call__(self, release: str) -> None:
        """Ask the next one."""
        self._golden.ask(release, next(self._numbers))


def predict_event(features: tuple[Value, ...]) -> dict[str, Any]:
    """The API Gateway event of a ``POST /predict`` for one row."""
    return event("POST", "/predict", json.dumps({"features": features}))


def event(method: str, path: str, body: str | None = None) -> dict[str, Any]:
    """An API Gateway event (payload format 2.0) that the log does not take for traffic.

    The key ``mlctl`` says so to the handler. API Gateway never sets it, so a request cannot claim to be a check.
    """
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        "body": body,
        "isBase64Encoded": False,
        "mlctl": {"check": "golden example"},
    }
