"""The state that the steps of one deploy share."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mlctl.aws.client.retry import Sleep
from mlctl.aws.client.session import Aws
from mlctl.aws.stack.names import AliasText
from mlctl.aws.stack.plan import existing_release
from mlctl.aws.stack.state import Actual, Desired
from mlctl.progress import Report, silent
from mlctl.settings.deploy import CanaryLimits


@dataclass
class DeployContext:
    """Inputs of a deploy, and the results that later steps need.

    ``verify`` takes a release's number and raises when its answers are wrong; ``ask`` asks it one golden example.
    ``release``, ``api_id`` and ``api_endpoint`` are empty until they are there.
    """

    aws: Aws
    desired: Desired
    actual: Actual
    code: bytes
    verify: Callable[[str], None]
    ask: Callable[[str], None] = lambda release: None
    limits: CanaryLimits = field(default_factory=CanaryLimits)
    report: Report = silent
    sleep: Sleep = time.sleep
    clock: Callable[[], float] = time.time
    release: str = field(default="", init=False)
    api_id: str = field(default="", init=False)
    api_endpoint: str = field(default="", init=False)
    alias_revision: str = field(default="", init=False)
    alias_text: AliasText = field(default_factory=AliasText, init=False)

    def __post_init__(self) -> None:
        found = existing_release(self.desired, self.actual)
        self.release = found.number if found else ""
        if self.actual.api:
            self.api_id, self.api_endpoint = self.actual.api.id, self.actual.api.endpoint
        if self.actual.alias:
            self.alias_revision, self.alias_text = self.actual.alias.revision, self.actual.alias.text

    @property
    def function(self) -> str:
        """The function's name."""
        return self.desired.names.function
