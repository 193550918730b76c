"""Invokes one published version by its number, past API and alias."""

import base64
import json
import time
from dataclasses import dataclass
from typing import Any

from mlctl.aws.names import Names
from mlctl.aws.patience import Sleep, patiently
from mlctl.aws.session import Aws


@dataclass(frozen=True)
class Invocation:
    """What a version returned; ``error``: the function failed or returned no JSON, though AWS answered 200."""

    payload: Any
    error: str | None
    log_tail: str

    @property
    def log_lines(self) -> list[str]:
        """The log of that invocation by lines, without empty ones."""
        return [line for line in self.log_tail.split("\n") if line.strip()]


def invoke(aws: Aws, names: Names, release: str, event: dict[str, Any], sleep: Sleep = time.sleep) -> Invocation:
    """Invoke release ``release`` with ``event`` and wait for its answer; one that sleeps is woken by it."""
    payload = json.dumps(event).encode()
    response = patiently(
        aws,
        lambda: aws.lambda_.invoke(FunctionName=names.function, Qualifier=release, Payload=payload, LogType="Tail"),
        sleep,
    )
    try:
        returned, error = json.loads(response["Payload"].read() or b"null"), response.get("FunctionError")
    except (ValueError, RecursionError):
        returned, error = None, "its answer is no JSON"
    return Invocation(
        payload=returned,
        error=error,
        log_tail=base64.b64decode(response.get("LogResult", "")).decode(errors="replace"),
    )
