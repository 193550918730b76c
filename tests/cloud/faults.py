"""Faults of one call: AWS's refusals, broken connections, a killed process."""

from dataclasses import dataclass
from typing import Literal, get_args

from botocore.exceptions import ConnectionClosedError
from botocore.model import OperationModel

from tests.cloud.record import Calls
from tests.cloud.wire import Refusal

Kind = Literal[
    "throttle",
    "throttle-lasting",
    "500",
    "reset-before",
    "reset-after",
    "reset-after-lasting",
    "access-denied",
    "kill",
    "kill-after",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
# Those that botocore's own retries can get over: the command may end well.
_FIRST_ATTEMPT_ONLY = ("throttle", "reset-after")

# How each service says "too fast": https://docs.aws.amazon.com/general/latest/gr/api-retries.html
_THROTTLES = {
    "lambda": (429, "TooManyRequestsException"),
    "apigatewayv2": (429, "TooManyRequestsException"),
    "logs": (400, "ThrottlingException"),
    "acm": (400, "ThrottlingException"),
    "s3": (503, "SlowDown"),
}
_DENIALS = {"iam": "AccessDenied", "sts": "AccessDenied", "s3": "AccessDenied", "cloudwatch": "AccessDenied"}


class Killed(BaseException):
    """The process is gone: nothing catches this, and nothing that runs later may reach AWS."""


@dataclass(frozen=True)
class Fault:
    """A fault of a command's ``k``th call, counted from 1; if ``mutating``, of its ``k``th that can change something.

    ``…-lasting`` and what has no such name of its own hit every attempt of that call, ``throttle`` and ``reset-after``
    the first one only. ``…-after``: the call takes effect first. ``access-denied`` holds for every later call of the
    same operation too.
    """

    kind: Kind
    k: int
    mutating: bool = False

    @property
    def passes(self) -> bool:
        """Whether botocore's own retries can get over it."""
        return self.kind in _FIRST_ATTEMPT_ONLY

    def hits(self, calls: Calls, attempt: int, denied: set[str]) -> bool:
        """Whether it strikes this attempt of the last of ``calls``; ``denied`` are the operations that it refuses."""
        call = calls[-1]
        counted = len(calls.mutating) if self.mutating else call.number
        struck = counted == self.k and (call.mutates or not self.mutating)
        if self.kind == "access-denied":
            return struck or str(call) in denied
        return struck and (attempt == 1 or not self.passes)

    def before(self, model: OperationModel, url: str) -> Refusal | None:
        """What is answered in the service's place. Raises what ends the attempt before the service sees it."""
        service, operation = model.service_model.service_name, model.name
        if self.kind == "kill":
            raise Killed
        if self.kind == "reset-before":
            raise ConnectionClosedError(endpoint_url=url)
        if self.kind in ("throttle", "throttle-lasting"):
            return Refusal(*_THROTTLES.get(service, (400, "Throttling")), "Rate exceeded")
        if self.kind == "500":
            return Refusal(500, "InternalFailure", "Internal server error")
        if self.kind == "access-denied":
            code = _DENIALS.get(service, "AccessDeniedException")
            who = "User: arn:aws:iam::123456789012:user/ci"
            return Refusal(403, code, f"{who} is not authorized to perform: {service}:{operation}")
        return None

    def after(self, url: str) -> None:
        """Raises what ends the attempt after it took effect."""
        if self.kind == "kill-after":
            raise Killed
        if self.kind in ("reset-after", "reset-after-lasting"):
            raise ConnectionClosedError(endpoint_url=url)
