"""Names of AWS resources, and the descriptions that identify releases."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

ALIAS = "live"
LOCAL_STAGE = "local"
HANDLER = "handler.app.lambda_handler"
STATEMENT = "mlctl-api"
_NAME_LIMIT = 64  # functions and roles alike

_DESCRIPTION = re.compile(r"^mlctl model=(?P<model>[0-9a-f]{64}) package=(?P<package>[0-9a-f]{64}) by=(?P<by>\S*)$")
# https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html and API_CreateAlias.html
_DESCRIPTION_LIMIT = 256
# Far more than a function has; a description can be written by anyone with the permission.
_MAX_RELEASES = 100_000


def stage_option(stage: str) -> str:
    """The option that selects ``stage`` in a command: empty for ``local``, or ``" --stage prod"``."""
    return "" if stage == LOCAL_STAGE else f" --stage {stage}"


@dataclass(frozen=True)
class Identity:
    """The account that calls go to, its partition and region, and who calls."""

    account: str
    partition: str
    region: str
    caller: str


@dataclass(frozen=True)
class Names:
    """The names of a project's resources on a stage."""

    project: str
    stage: str

    @property
    def function(self) -> str:
        """Function, API and authorizer: ``iris-prod``."""
        return f"{self.project}-{self.stage}"

    @property
    def qualified_function(self) -> str:
        """Function and alias: ``iris-prod:live``."""
        return f"{self.function}:{ALIAS}"

    @property
    def stage_option(self) -> str:
        """The option that selects this stage in a command: empty for ``local``, or ``" --stage prod"``."""
        return stage_option(self.stage)

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
        """The tags that mark a resource as ours."""
        return {"mlctl:project": self.project, "mlctl:stage": self.stage}

    @property
    def fit(self) -> bool:
        """Whether the names are within the limits of AWS."""
        return len(self.role) <= _NAME_LIMIT

    @property
    def alarm_prefix(self) -> str:
        """The prefix of our alarms, as in ``iris-prod-errors``."""
        return f"{self.function}-"

    def bucket(self, account: str, region: str) -> str:
        """The bucket for large packages: names of buckets are shared by the whole world."""
        digest = hashlib.sha256(f"{region}/{self.project}/{self.stage}".encode()).hexdigest()
        return f"mlctl-{account}-{digest[:20]}"


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


@dataclass(frozen=True)
class CanaryText:
    """A canary under way: its release, its per cent of the traffic, its start (epoch seconds), its time in seconds."""

    release: str
    percent: int
    since: int
    bake: int


@dataclass(frozen=True)
class AliasText:
    """Previous and verified releases and the canary, as the description of the alias ``live`` holds them."""

    previous: str | None = None
    verified: frozenset[str] = frozenset()
    canary: CanaryText | None = None

    def without(self, releases: Iterable[str]) -> "AliasText":
        """The same when these releases' canary was taken back: they are none to go back to, until verified again."""
        gone = set(releases)
        return AliasText(None if self.previous in gone else self.previous, self.verified - gone)

    def to_description(self) -> str:
        """``mlctl previous=6 verified=1-5,7``: at most 256 characters, the oldest verified ones left out first."""
        parts = ["mlctl"]
        if self.previous:
            parts.append(f"previous={self.previous}")
        if self.canary:
            canary = self.canary
            parts.append(f"canary={canary.release} percent={canary.percent} since={canary.since} bake={canary.bake}")
        head, ranges = " ".join(parts), _ranges(self.verified)
        while ranges and len(f"{head} verified={','.join(ranges)}") > _DESCRIPTION_LIMIT:
            ranges = ranges[1:]
        return f"{head} verified={','.join(ranges)}" if ranges else head

    @classmethod
    def from_description(cls, description: str) -> "AliasText":
        """Empty for a description that is not one of ours."""
        marker, *words = description.split(" ")
        if marker != "mlctl":
            return cls()
        fields = dict(word.partition("=")[::2] for word in words)
        try:
            canary = (
                CanaryText(fields["canary"], int(fields["percent"]), int(fields["since"]), int(fields["bake"]))
                if "canary" in fields
                else None
            )
            return cls(fields.get("previous"), _from_ranges(fields.get("verified", "")), canary)
        except (KeyError, ValueError):
            return cls()


def _ranges(numbers: frozenset[str]) -> list[str]:
    """``{"1", "2", "3", "7"}`` as ``["1-3", "7"]``."""
    runs: list[list[int]] = []
    for number in sorted(map(int, numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return [str(first) if first == last else f"{first}-{last}" for first, last in runs]


def _from_ranges(text: str) -> frozenset[str]:
    """Raises ValueError for an invalid range, and for more releases than a function can have."""
    releases: set[str] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        numbers = range(int(first), int(last or first) + 1)
        # By its ends: the length of a range of any numbers is more than Python counts to.
        if numbers.stop - numbers.start + len(releases) > _MAX_RELEASES:
            raise ValueError(f"more than {_MAX_RELEASES} releases")
        releases |= {str(number) for number in numbers}
    return frozenset(releases)
