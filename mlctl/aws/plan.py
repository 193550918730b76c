"""Desired and actual state in, steps out: pure, with no AWS at all."""

from dataclasses import dataclass
from typing import Literal

from mlctl.aws.names import Names, ReleaseText

Architecture = Literal["arm64", "x86_64"]
Action = Literal["create", "update", "unchanged", "verify"]


@dataclass(frozen=True)
class FunctionConfig:
    """The part of a function that a release is made with. Memory in MB, timeout in seconds."""

    runtime: str
    architecture: Architecture
    handler: str
    memory: int
    timeout: int
    role: str
    log_group: str
    log_format: str = "JSON"


@dataclass(frozen=True)
class Throttling:
    """Requests a second, and in a burst."""

    rate: float
    burst: int


@dataclass(frozen=True)
class Desired:
    """What a stage is to look like. ``code_sha256`` is base64, as Lambda gives it."""

    names: Names
    account: str
    partition: str
    region: str
    config: FunctionConfig
    release: ReleaseText
    code_sha256: str
    retention_days: int
    throttling: Throttling
    policy: str
    trust: str


@dataclass(frozen=True)
class RoleState:
    """The role; ``policy`` and ``trust`` are canonical JSON."""

    policy: str | None
    trust: str
    ours: bool


@dataclass(frozen=True)
class LogGroupState:
    """The log group."""

    retention_days: int | None


@dataclass(frozen=True)
class ReleaseState:
    """A published Lambda version. ``text`` is None for one that mlctl did not publish."""

    number: str
    config: FunctionConfig
    text: ReleaseText | None


@dataclass(frozen=True)
class FunctionState:
    """The function's unpublished code and configuration."""

    config: FunctionConfig
    code_sha256: str
    ours: bool


@dataclass(frozen=True)
class ApiState:
    """Our HTTP API; ``integration_uri`` and ``route_target`` are None where that part is missing."""

    id: str
    endpoint: str
    integration_id: str | None
    integration_uri: str | None
    route_id: str | None
    route_target: str | None
    has_stage: bool
    throttling: Throttling | None


@dataclass(frozen=True)
class Actual:
    """What AWS says is there. ``other_apis``: ids of younger APIs with our tags, which should not be."""

    role: RoleState | None = None
    log_group: LogGroupState | None = None
    function: FunctionState | None = None
    releases: tuple[ReleaseState, ...] = ()
    live: str | None = None
    api: ApiState | None = None
    allowed_source: str | None = None
    other_apis: tuple[str, ...] = ()

    @property
    def live_release(self) -> ReleaseState | None:
        """The release that the alias ``live`` points at."""
        return next((release for release in self.releases if release.number == self.live), None)


@dataclass(frozen=True)
class Step:
    """One thing that a deploy does; ``changes`` are its fields, old → new."""

    action: Action
    resource: str
    name: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The steps in the order of their execution."""

    steps: tuple[Step, ...]

    @property
    def changed(self) -> bool:
        """Whether anything has to be done."""
        return any(step.action != "unchanged" for step in self.steps)


def alias_arn(desired: Desired) -> str:
    """The ARN that the API integrates with."""
    return f"arn:{desired.partition}:lambda:{desired.region}:{desired.account}:function:{desired.names.function}:live"


def source_arn(desired: Desired, api_id: str) -> str:
    """Who may invoke the alias: our API, any stage and route of it."""
    return f"arn:{desired.partition}:execute-api:{desired.region}:{desired.account}:{api_id}/*/*"


def existing_release(desired: Desired, actual: Actual) -> ReleaseState | None:
    """A published version that is what the desired release would be, the newest first."""
    for release in reversed(actual.releases):
        same = (
            release.text is not None
            and (release.text.model, release.text.package) == (desired.release.model, desired.release.package)
            and release.config == desired.config
        )
        if same:
            return release
    return None


def plan(desired: Desired, actual: Actual) -> Plan:
    """The steps from ``actual`` to ``desired``.

    The alias comes after the verification, and the API after the alias: at no point does traffic
    reach a release that has not answered the golden examples.
    """
    release = existing_release(desired, actual)
    is_live = release is not None and release.number == actual.live
    steps = [_role(desired, actual), _log_group(desired, actual)]
    if release is None:
        steps += [_function(desired, actual), Step("create", "release", _model(desired))]
    else:
        steps += [Step("unchanged", "function", desired.names.function)]
        steps += [Step("unchanged", "release", f"{release.number} ({_model(desired)})")]
    steps.append(Step("unchanged" if is_live else "verify", "golden examples", _model(desired)))
    steps.append(_alias(release, actual))
    steps += [_api(desired, actual), _permission(desired, actual)]
    return Plan(tuple(steps))


def _model(desired: Desired) -> str:
    return f"model {desired.release.model[:12]}"


def _role(desired: Desired, actual: Actual) -> Step:
    name = desired.names.role
    if actual.role is None:
        return Step("create", "role", name)
    changes = []
    if actual.role.policy != desired.policy:
        changes.append("policy: may write to its own log group only")
    if actual.role.trust != desired.trust:
        changes.append("trust: Lambda only")
    return Step("update" if changes else "unchanged", "role", name, tuple(changes))


def _log_group(desired: Desired, actual: Actual) -> Step:
    name = desired.names.log_group
    if actual.log_group is None:
        return Step("create", "log group", name)
    changes = _differences({"retention": (actual.log_group.retention_days, desired.retention_days)})
    return Step("update" if changes else "unchanged", "log group", name, changes)


def _function(desired: Desired, actual: Actual) -> Step:
    name = desired.names.function
    if actual.function is None:
        return Step("create", "function", name)
    before, after = actual.function.config, desired.config
    changes = _differences({key: (getattr(before, key), getattr(after, key)) for key in before.__dataclass_fields__})
    if actual.function.code_sha256 != desired.code_sha256:
        changes = ("code", *changes)
    return Step("update" if changes else "unchanged", "function", name, changes)


def _alias(release: ReleaseState | None, actual: Actual) -> Step:
    if actual.live is None:
        return Step("create", "alias", "live")
    if release is not None and release.number == actual.live:
        return Step("unchanged", "alias", "live")
    target = release.number if release else "the new release"
    return Step("update", "alias", "live", (f"release: {actual.live} → {target}",))


def _api(desired: Desired, actual: Actual) -> Step:
    name = desired.names.function
    api = actual.api
    if api is None:
        return Step("create", "api", name)
    changes = list(_differences({"integration": (api.integration_uri, alias_arn(desired))}))
    if api.route_id is None or api.route_target != f"integrations/{api.integration_id}":
        changes.append("route: $default")
    if not api.has_stage:
        changes.append("stage: $default")
    else:
        changes += _differences({"throttling": (api.throttling, desired.throttling)})
    return Step("update" if changes else "unchanged", "api", name, tuple(changes))


def _permission(desired: Desired, actual: Actual) -> Step:
    name = "the API may invoke the alias"
    if actual.allowed_source is None:
        return Step("create", "permission", name)
    right = actual.api is not None and actual.allowed_source == source_arn(desired, actual.api.id)
    return Step("unchanged" if right else "update", "permission", name)


def _differences(fields: dict[str, tuple[object, object]]) -> tuple[str, ...]:
    return tuple(f"{name}: {old} → {new}" for name, (old, new) in fields.items() if old != new)
