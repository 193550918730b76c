"""What a stage consists of, as it is to be and as AWS says it is. Plain data, no AWS.

A record that stands in both (``FunctionConfig``, ``ApiConfig``, ``Alarm`` …) is compared field by field.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mlctl.aws.stack.names import AliasText, Names, ReleaseText

Architecture = Literal["arm64", "x86_64"]


@dataclass(frozen=True)
class FunctionConfig:
    """The part of a function that a release is made with. Memory and storage in MB, timeout in seconds."""

    runtime: str
    architecture: Architecture
    handler: str
    memory: int
    timeout: int
    role: str
    log_group: str
    log_level: str | None = "INFO"
    log_format: str = "JSON"
    ephemeral_storage: int = 512
    tracing: bool = False
    snapstart: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Throttling:
    """Requests a second, and in a burst."""

    rate: float
    burst: int

    def __str__(self) -> str:
        return f"{self.rate:g} a second, {self.burst} at once"


@dataclass(frozen=True)
class Cors:
    """API Gateway's answer to browsers of other origins. ``max_age`` in seconds; lists are sorted."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    expose: tuple[str, ...]
    max_age: int
    credentials: bool

    def __str__(self) -> str:
        return f"{' '.join(self.methods)} from {' '.join(self.origins)}"

    def to_document(self) -> Any:
        """The ``CorsConfiguration`` of API Gateway and of CloudFormation."""
        return {
            "AllowOrigins": list(self.origins),
            "AllowMethods": list(self.methods),
            "AllowHeaders": list(self.headers),
            "ExposeHeaders": list(self.expose),
            "MaxAge": self.max_age,
            "AllowCredentials": self.credentials,
        }


@dataclass(frozen=True)
class Jwt:
    """Who signs a token, and for whom."""

    issuer: str
    audience: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.issuer} for {' '.join(self.audience)}"


@dataclass(frozen=True)
class ApiConfig:
    """The HTTP API: what it invokes, whom it lets in, how many."""

    integration: str | None
    auth: Literal["none", "iam", "jwt"] | None
    jwt: Jwt | None
    throttling: Throttling | None
    cors: Cors | None


@dataclass(frozen=True)
class RoleConfig:
    """The function's role: inline policies by name and the trust, as canonical JSON; the boundary's ARN."""

    policies: Mapping[str, str]
    trust: str
    boundary: str | None = None


@dataclass(frozen=True)
class Alarm:
    """One CloudWatch alarm on the alias ``live``. ``threshold`` counts, or milliseconds for Duration."""

    name: str
    metric: str
    statistic: str
    threshold: float
    actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Domain:
    """A custom domain name and the ARN of its certificate."""

    name: str
    certificate: str


@dataclass(frozen=True)
class Canary:
    """How a release is to be let in: ``percent`` of the traffic for ``bake`` seconds, then all of it."""

    percent: int
    bake: int


@dataclass(frozen=True)
class Desired:
    """What a stage is to look like. ``code_sha256`` is base64, as Lambda gives it.

    ``role`` is None where the settings name a role that is there. ``through_bucket``: the package is too large
    to be sent with the call.
    """

    names: Names
    account: str
    partition: str
    region: str
    config: FunctionConfig
    release: ReleaseText
    code_sha256: str
    retention_days: int
    role: RoleConfig | None
    api: ApiConfig
    reserved: int | None = None
    provisioned: int | None = None
    domain: Domain | None = None
    alarms: tuple[Alarm, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    keep_releases: int = 10
    canary: Canary | None = None
    through_bucket: bool = False

    @property
    def alias_arn(self) -> str:
        """The ARN that the API integrates with."""
        function = self.names.qualified_function
        return f"arn:{self.partition}:lambda:{self.region}:{self.account}:function:{function}"

    def source_arn(self, api_id: str) -> str:
        """Who may invoke the alias: our API, any stage and route of it."""
        return f"arn:{self.partition}:execute-api:{self.region}:{self.account}:{api_id}/*/*"

    @property
    def bucket(self) -> str:
        """The bucket for large packages."""
        return self.names.bucket(self.account, self.region)

    @property
    def all_tags(self) -> dict[str, str]:
        """The tags of the settings, and ours."""
        return {**self.tags, **self.names.tags}


@dataclass(frozen=True)
class RoleState:
    """The role as it is; ``attached``: ARNs of policies that somebody attached to it."""

    config: RoleConfig
    ours: bool
    attached: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogGroupState:
    """The log group."""

    retention_days: int | None
    ours: bool = True


@dataclass(frozen=True)
class ReleaseState:
    """A published Lambda version. ``text`` is None for one that mlctl did not publish; ``created`` is AWS's text.

    ``has_failed``: Lambda never got it ready; asked only of a release that would be taken up again.
    """

    number: str
    config: FunctionConfig
    text: ReleaseText | None
    created: str = ""
    provisioned: int | None = None
    has_failed: bool = False


@dataclass(frozen=True)
class FunctionState:
    """The function's unpublished code and configuration; ``revision`` changes with every change of them.

    ``is_busy``: it is being made or updated; ``failure``: why that failed the last time, if it did.
    """

    config: FunctionConfig
    code_sha256: str
    ours: bool
    revision: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    reserved: int | None = None
    is_busy: bool = False
    failure: str | None = None


@dataclass(frozen=True)
class AliasState:
    """The alias ``live``: its release, its text, and the share of traffic (0 to 1) that other releases get."""

    release: str
    text: AliasText = field(default_factory=AliasText)
    weights: Mapping[str, float] = field(default_factory=dict)
    revision: str = ""


@dataclass(frozen=True)
class RouteState:
    """A route of the API."""

    id: str
    target: str | None
    auth: str
    authorizer_id: str | None


@dataclass(frozen=True)
class ApiState:
    """Our HTTP API; parts that are missing are None. ``routes`` by key, such as ``$default``."""

    id: str
    endpoint: str
    config: ApiConfig
    integration_id: str | None = None
    routes: Mapping[str, RouteState] = field(default_factory=dict)
    authorizer_id: str | None = None
    has_stage: bool = False


@dataclass(frozen=True)
class DomainState:
    """A custom domain; ``target`` is what its DNS record must point to, ``api_id`` the API that it is mapped to."""

    config: Domain
    ours: bool
    target: str = ""
    api_id: str | None = None
    mapping_id: str | None = None


@dataclass(frozen=True)
class Actual:
    """What AWS says is there.

    ``other_apis``: ids of younger APIs with our tags, which should not be. ``domains``: those with our tags,
    and the one that the settings name. ``allowed_source``: the ARN that may invoke the alias.
    ``foreign_alarms``: names that ours would have, taken by alarms on something else. ``bucket_exists``: that
    for large packages, asked only where it matters; ``bucket_is_whole``: with all that protects it.
    """

    role: RoleState | None = None
    log_group: LogGroupState | None = None
    function: FunctionState | None = None
    releases: tuple[ReleaseState, ...] = ()
    alias: AliasState | None = None
    api: ApiState | None = None
    allowed_source: str | None = None
    other_apis: tuple[str, ...] = ()
    domains: tuple[DomainState, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    foreign_alarms: tuple[str, ...] = ()
    bucket_exists: bool = False
    bucket_is_whole: bool = False

    @property
    def live(self) -> str | None:
        """The number of the release that ``live`` points at."""
        return self.alias.release if self.alias else None

    @property
    def live_release(self) -> ReleaseState | None:
        """The release that the alias ``live`` points at."""
        return self.release(self.live) if self.live else None

    def release(self, number: str) -> ReleaseState | None:
        """The release of that number."""
        return next((release for release in self.releases if release.number == number), None)
