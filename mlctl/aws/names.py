"""Names on AWS for a project and a stage, and the description by which a release is known."""

import re
from dataclasses import dataclass

ALIAS = "live"
HANDLER = "handler.app.lambda_handler"
POLICY = "logs"
STATEMENT = "mlctl-api"
_NAME_LIMIT = 64  # functions and roles alike

_DESCRIPTION = re.compile(r"^mlctl model=(?P<model>[0-9a-f]{64}) package=(?P<package>[0-9a-f]{64}) by=(?P<by>\S*)$")
_DESCRIPTION_LIMIT = 256


@dataclass(frozen=True)
class Names:
    """What a project's things are called on a stage."""

    project: str
    stage: str

    @property
    def function(self) -> str:
        """Function and API: ``iris-prod``."""
        return f"{self.project}-{self.stage}"

    @property
    def role(self) -> str:
        """The function's role: ``iris-prod-lambda``."""
        return f"{self.function}-lambda"

    @property
    def log_group(self) -> str:
        """The function's log group."""
        return f"/aws/lambda/{self.function}"

    @property
    def tags(self) -> dict[str, str]:
        """What marks a resource as ours."""
        return {"mlctl:project": self.project, "mlctl:stage": self.stage}

    @property
    def fit(self) -> bool:
        """Whether AWS takes names this long."""
        return len(self.role) <= _NAME_LIMIT


@dataclass(frozen=True)
class ReleaseText:
    """A release's model version, package digest and maker, as a Lambda version's description holds them."""

    model: str
    package: str
    by: str

    def to_description(self) -> str:
        """At most 256 characters, which is what Lambda keeps."""
        return f"mlctl model={self.model} package={self.package} by={self.by}"[:_DESCRIPTION_LIMIT]

    @classmethod
    def from_description(cls, description: str) -> "ReleaseText | None":
        """None for a description that is not one of ours."""
        matched = _DESCRIPTION.match(description)
        return cls(**matched.groupdict()) if matched else None
