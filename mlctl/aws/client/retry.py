"""Waits and retries for new roles, updates in progress and inactive releases."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from mlctl.aws.client.errors import code_of
from mlctl.aws.client.session import Aws

Result = TypeVar("Result")
Sleep = Callable[[float], None]

# What Lambda says of a role, or of a policy of it, that IAM has not spread yet.
_YOUNG = (
    "cannot be assumed by Lambda",
    "execution role does not have permissions",
    "ensure the role can perform",
)
# IAM agrees with itself after some seconds, an update of a function is through after some more.
_ATTEMPTS = 15
_PAUSE_SECONDS = 4.0
_WAIT_ATTEMPTS = 300


def patiently(aws: Aws, call: Callable[[], Result], sleep: Sleep = time.sleep) -> Result:
    """What ``call`` returns, made again while AWS refuses it for a reason that passes by itself: a minute at most."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return call()
        except ClientError as error:
            if not _passes(error) or attempt == _ATTEMPTS:
                raise
            sleep(_PAUSE_SECONDS * aws.pace)
    raise AssertionError("the last attempt returns or raises")


def wait(aws: Aws, waiter: Any, **target: str) -> None:
    """Wait for what botocore's waiter of that name looks at. Raises botocore's WaiterError when it takes too long."""
    delay = {"Delay": aws.pace, "MaxAttempts": _WAIT_ATTEMPTS}
    aws.lambda_.get_waiter(waiter).wait(**target, WaiterConfig=delay)


def _passes(error: ClientError) -> bool:
    code, message = code_of(error), str(error.response.get("Error", {}).get("Message", ""))
    young_role = code == "InvalidParameterValueException" and any(text in message for text in _YOUNG)
    # An idle release is Inactive; the invocation that is refused wakes it.
    busy = code == "ResourceConflictException" and any(
        text in message for text in ("in progress", "Pending", "Inactive")
    )
    return young_role or busy or code == "SnapStartNotReadyException"
