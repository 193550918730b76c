"""Verifies a release with the golden examples of its model version."""

import json
from dataclasses import dataclass
from itertools import cycle as repeat_forever
from typing import Any

from mlctl.aws.client.errors import translate_errors
from mlctl.aws.live.invocation import Invocation, invoke
from mlctl.data.values import Label, Value
from mlctl.errors import ExitCode, MlctlError
from mlctl.registry import answers
from mlctl.registry.answers import Example, Parity
from mlctl.registry.store import ModelVersion
from mlctl.stages import Stage

_SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class GoldenExamples:
    """The rows that a release must answer as scikit-learn does."""

    stage: Stage
    examples: tuple[Example, ...]
    labels: tuple[Label, ...]
    parity: Parity

    @classmethod
    def of(cls, stage: Stage, version: ModelVersion, parity: Parity) -> "GoldenExamples":
        """Read the golden examples of a version. Raises MlctlError (exit 4) if its files were changed."""
        labels = version.read_json("schema.json")["target"].get("labels", [])
        return cls(stage, tuple(answers.from_document(version.read_json("golden.json"))), tuple(labels), parity)

    def verify(self, release: str) -> None:
        """Invoke a release with every example. Raises MlctlError (exit 4) at the first wrong answer, with its log."""
        for index in range(len(self.examples)):
            self.verify_one(release, index)

    def cycle(self) -> "ExampleCycle":
        """Return a callable that verifies one example per call, endlessly in turn."""
        return ExampleCycle(self, repeat_forever(range(len(self.examples))))

    def verify_one(self, release: str, index: int) -> None:
        """Invoke a release with the example at ``index``. Raises MlctlError (exit 4) for a wrong answer."""
        example = self.examples[index]
        with translate_errors():
            invocation = invoke(self.stage.aws, self.stage.names, release, predict_event(example.features))
        try:
            body = json.loads(invocation.payload["body"])
        except (KeyError, TypeError, ValueError):
            body = None
        if invocation.error or not answers.agrees(body, example.answer, self.labels, self.parity):
            raise self._wrong_answer(release, index, invocation)

    def _wrong_answer(self, release: str, index: int, invocation: Invocation) -> MlctlError:
        payload = invocation.payload
        answer = payload.get("body", payload) if isinstance(payload, dict) else payload
        answer = (answer if isinstance(answer, str) else json.dumps(answer))[:_SHOWN_CHARACTERS]
        return MlctlError(
            f"Release {release} answers golden example {index + 1} of {len(self.examples)} wrongly: "
            f"expected {answers.describe(self.examples[index].answer, self.labels)}, got {answer}.",
            details=invocation.log_lines,
            code="verification_failed",
            exit_code=ExitCode.VERIFICATION,
            hint="The release gets no traffic. The previous release is still live.",
        )


class ExampleCycle:
    """Verifies one golden example per call, endlessly in turn."""

    def __init__(self, golden: GoldenExamples, indexes: "repeat_forever[int]") -> None:
        self._golden = golden
        self._indexes = indexes

    def __call__(self, release: str) -> None:
        """Verify the next example. Raises MlctlError (exit 4) for a wrong answer."""
        self._golden.verify_one(release, next(self._indexes))


def predict_event(features: tuple[Value, ...]) -> dict[str, Any]:
    """Return the API Gateway event of a ``POST /predict`` for one row."""
    return event("POST", "/predict", json.dumps({"features": features}))


def event(method: str, path: str, body: str | None = None) -> dict[str, Any]:
    """Return an API Gateway event (payload format 2.0) that does not count as traffic in the log.

    The key ``mlctl`` marks it for the handler. API Gateway never sets this key, so a request cannot imitate a check.
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
