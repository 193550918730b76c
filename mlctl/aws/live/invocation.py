"""Invokes one published version directly, without the API and the alias."""

import base64
import json
import time
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError

from mlctl.aws.client.response_checks import foreign, interpreting
from mlctl.aws.client.retry import Sleep, patiently
from mlctl.aws.client.session import Aws
from mlctl.aws.stack.names import Names

# Lambda answers a synchronous call with 6 MB at most:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_LARGEST_PAYLOAD = 8_000_000


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
        content = response["Payload"].read(_LARGEST_PAYLOAD + 1)
        if len(content) > _LARGEST_PAYLOAD:
            raise foreign("Invoke", "it is larger than a function can return")
        # Nothing more, but only the end tells whether all of it came.
        content += response["Payload"].read()
        returned, error = json.loads(content or b"null"), response.get("FunctionError")
    except BotoCoreError:
        raise
    except (ValueError, RecursionError):
        returned, error = None, "its answer is not JSON"
    with interpreting("Invoke"):
        log_tail = base64.b64decode(response.get("LogResult", "")).decode(errors="replace")
    return Invocation(
        payload=returned,
        error=error,
        log_tail=log_tail,
    )
