"""Plans the steps from the actual state of a stage to the desired state."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from mlctl.aws.stack.constants import API_STAGE, DEFAULT_ROUTE, LOGS_POLICY, TRACING_POLICY, VPC_POLICY
from mlctl.aws.stack.diff import config_changes, differences, field_changes, text_of
from mlctl.aws.stack.names import ALIAS
from mlctl.aws.stack.state import Actual, ApiState, Desired, ReleaseState

Action = Literal["create", "update", "unchanged", "verify", "delete"]
Resource = Literal[
    "canary",
    "role",
    "log group",
    "bucket",
    "function",
    "release",
    "golden examples",
    "provisioned concurrency",
    "alias",
    "role policy",
    "reserved concurrency",
    "api",
    "permission",
    "domain",
    "alarm",
    "tags",
]


@dataclass(frozen=True)
class Step:
    """One action of a deploy on one resource.

    ``name`` is for display. ``target`` identifies the resource where a stage can have several: the number of a
    release, the id of an API, the name of a domain or an alarm. ``changes`` are the fields that change, old → new.
    A ``shared`` step affects the live release immediately, and a rollback does not undo it.
    """

    action: Action
    resource: Resource
    name: str
    changes: tuple[str, ...] = ()
    shared: bool = False
    target: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Plan:
    """The steps in the order of their execution."""

    steps: tuple[Step, ...]

    @property
    def changed(self) -> bool:
        """Whether anything has to be done."""
        return any(step.action != "unchanged" for step in self.steps)


def plan(desired: Desired, actual: Actual) -> Plan:
    """The steps from ``actual`` to ``desired``.

    First what no traffic sees: role, log group, function, release. Then the golden examples, and only after them
    the alias; after the alias what is shared by all releases (API, permissions, concurrency …). So a release that
    answers wrongly changes nothing that serves, and at no point does traffic reach one that has not answered.
    """
    release = existing_release(desired, actual)
    group = _log_group(desired, actual)
    before = [*_other_canary(release, actual), _role(desired, actual)]
    before += [] if group.action == "update" else [group]
    if release is None:
        before += _bucket(desired, actual)
        before += [_function(desired, actual), Step("create", "release", _model(desired))]
    else:
        before.append(Step("unchanged", "function", desired.names.function))
        before.append(Step("unchanged", "release", f"{release.number} ({_model(desired)})"))
    settled = release is not None and release.number == actual.live and _is_verified(release, actual)
    before.append(Step("unchanged" if settled else "verify", "golden examples", _model(desired)))
    reserved = list(_reserved(desired, actual))
    frees = desired.reserved is None or (
        actual.function is not None and (actual.function.reserved or 0) < desired.reserved
    )
    # More room must be there before it is provisioned, less only after the other release has given its own back.
    before += [*(reserved if frees else ()), *_provisioned(desired, release)]
    after = [
        *([group] if group.action == "update" else []),
        *_role_policy(desired, actual),
        _api(desired, actual),
        *_duplicate_apis(actual),
        _permission(desired, actual),
        *_domains(desired, actual),
        *_alarms(desired, actual),
        *_tags(desired, actual),
        *_no_longer_provisioned(desired, release, actual),
        *(() if frees else reserved),
        *_old_releases(desired, release, actual),
    ]
    return Plan((*before, _alias(desired, release, actual), *after))


def existing_release(desired: Desired, actual: Actual) -> ReleaseState | None:
    """A published version that is what the desired release would be, the newest first."""
    for release in reversed(actual.releases):
        same = (
            release.text is not None
            and (release.text.model, release.text.package) == (desired.release.model, desired.release.package)
            and release.config == desired.config
            and not release.has_failed
        )
        if same:
            return release
    return None


def resumed(desired: Desired, actual: Actual) -> bool:
    """Whether the desired release is a canary already: one whose command was cut off."""
    release, canary = existing_release(desired, actual), actual.alias.text.canary if actual.alias else None
    return release is not None and canary is not None and canary.release == release.number


def drift(desired: Desired, actual: Actual) -> tuple[str, ...]:
    """What of the live stage is not as the settings say, each in a line; which model is live is no drift."""
    live = actual.live_release
    lines = [*config_changes(live.config, desired.config)] if live else []
    for step in plan(desired, actual).steps:
        if step.resource in ("function", "release", "golden examples", "alias") or step.action == "unchanged":
            continue
        lines += [f"{step.resource}: {change}" for change in step.changes] or [f"{step.resource}: to {step.action}"]
    return tuple(lines)


def _model(desired: Desired) -> str:
    return f"model {desired.release.model[:12]}"


def _is_verified(release: ReleaseState, actual: Actual) -> bool:
    return actual.alias is not None and release.number in actual.alias.text.verified


def _change(changes: tuple[str, ...], *, shared: bool = False) -> tuple[Action, tuple[str, ...], bool]:
    return ("update", changes, shared) if changes else ("unchanged", (), False)


def _other_canary(release: ReleaseState | None, actual: Actual) -> Iterator[Step]:
    """A canary of another release, left by a command that was cut off: it is taken back first."""
    weights = actual.alias.weights if actual.alias else {}
    for number, weight in weights.items():
        if release is None or number != release.number:
            yield Step("delete", "canary", f"release {number}", (f"traffic: {weight:.0%} → none",), shared=True)


def _role(desired: Desired, actual: Actual) -> Step:
    """The role, and what it lacks: more rights hurt nobody. What it is to lose comes after the verification."""
    if desired.role is None:
        return Step("unchanged", "role", desired.config.role.rpartition("/")[2])
    name = desired.names.role
    if actual.role is None:
        return Step("create", "role", name)
    new = [policy for policy in desired.role.policies if policy not in actual.role.config.policies]
    action, changes, shared = _change(
        tuple(f"policy {policy}: none → {_RIGHTS[policy]}" for policy in new), shared=True
    )
    return Step(action, "role", name, changes, shared and actual.live is not None)


_RIGHTS = {
    LOGS_POLICY: "may write to its own log group only",
    TRACING_POLICY: "may send traces to X-Ray",
    VPC_POLICY: "may use network interfaces",
}


def _role_policy(desired: Desired, actual: Actual) -> Iterator[Step]:
    if desired.role is None or actual.role is None:
        return
    now, wanted = actual.role.config, desired.role
    changes = [
        f"policy {name}: another document → {_RIGHTS[name]}"
        for name, document in wanted.policies.items()
        if now.policies.get(name, document) != document
    ]
    changes += [f"policy {name}: {_RIGHTS[name]} → none" for name in dropped_policies(desired, actual)]
    if now.trust != wanted.trust:
        changes.append("trust: another document → Lambda only")
    changes += differences({"permissions boundary": (now.boundary, wanted.boundary)})
    if changes:
        yield Step("update", "role policy", desired.names.role, tuple(changes), shared=actual.live is not None)


def dropped_policies(desired: Desired, actual: Actual) -> tuple[str, ...]:
    """Rights that the role has and needs no longer: neither the settings nor a release that may come back use them."""
    if desired.role is None or actual.role is None:
        return ()
    in_use = {TRACING_POLICY: any(each.config.tracing for each in actual.releases)}
    in_use[VPC_POLICY] = any(each.config.subnets for each in actual.releases)
    there, wanted = actual.role.config.policies, desired.role.policies
    return tuple(name for name in _RIGHTS if name in there and name not in wanted and not in_use.get(name))


def _log_group(desired: Desired, actual: Actual) -> Step:
    name = desired.names.log_group
    if actual.log_group is None:
        return Step("create", "log group", name)
    retention = (_days(actual.log_group.retention_days), _days(desired.retention_days))
    action, changes, shared = _change(differences({"retention": retention}), shared=True)
    return Step(action, "log group", name, changes, shared and actual.live is not None)


def _days(count: int | None) -> str:
    return "for ever" if count is None else f"{count} days"


def _bucket(desired: Desired, actual: Actual) -> Iterator[Step]:
    if desired.through_bucket:
        if actual.bucket_exists and not actual.bucket_is_whole:
            yield Step("update", "bucket", desired.bucket, ("protection: cut off → whole",))
        else:
            yield Step("unchanged" if actual.bucket_exists else "create", "bucket", desired.bucket)


def _function(desired: Desired, actual: Actual) -> Step:
    name = desired.names.function
    if actual.function is None:
        return Step("create", "function", name)
    changes = config_changes(actual.function.config, desired.config)
    if actual.function.code_sha256 != desired.code_sha256:
        changes = ("code", *changes)
    if actual.function.failure is not None:
        changes = (*changes, "the last update: failed → again")
    return Step("update" if changes else "unchanged", "function", name, changes)


def _provisioned(desired: Desired, release: ReleaseState | None) -> Iterator[Step]:
    """On the release, not on the alias: which then takes no weights; and the release is warm before it serves."""
    now = release.provisioned if release else None
    if desired.provisioned is not None and now != desired.provisioned:
        name = f"release {release.number}" if release else "the new release"
        changes = differences({"environments": (now, desired.provisioned)})
        yield Step("update" if now else "create", "provisioned concurrency", name, changes)


def _no_longer_provisioned(desired: Desired, release: ReleaseState | None, actual: Actual) -> Iterator[Step]:
    target = release.number if release else None
    for other in actual.releases:
        keeps = other.number == target and desired.provisioned is not None
        if other.provisioned is not None and not keeps:
            changes = (f"environments: {other.provisioned} → none",)
            yield Step(
                "delete",
                "provisioned concurrency",
                f"release {other.number}",
                changes,
                shared=other.number == target,
                target=other.number,
            )


def _alias(desired: Desired, release: ReleaseState | None, actual: Actual) -> Step:
    if actual.alias is None:
        return Step("create", "alias", ALIAS)
    if release is not None and release.number == actual.live:
        if _is_verified(release, actual):
            return Step("unchanged", "alias", ALIAS)
        return Step("update", "alias", ALIAS, (f"release {release.number}: unverified → verified",))
    target = release.number if release else "the new release"
    changes = [f"release: {actual.live} → {target}"]
    if resumed(desired, actual):
        changes.append("its canary goes on where it was cut off")
    elif desired.canary:
        changes.append(f"canary: {desired.canary.percent} % for {desired.canary.bake} s first")
    return Step("update", "alias", ALIAS, tuple(changes))


def _reserved(desired: Desired, actual: Actual) -> Iterator[Step]:
    now = actual.function.reserved if actual.function else None
    changes = differences({"executions at once": (now, desired.reserved)})
    if changes:
        action: Action = "delete" if desired.reserved is None else "update" if now else "create"
        yield Step(action, "reserved concurrency", desired.names.function, changes, shared=actual.live is not None)


def _api(desired: Desired, actual: Actual) -> Step:
    name, api = desired.names.function, actual.api
    if api is None:
        return Step("create", "api", name)
    old, new = api.config.cors, desired.api.cors
    changes = field_changes(replace(api.config, cors=None), replace(desired.api, cors=None))
    if old and new:
        changes += tuple(f"cors {change}" for change in field_changes(old, new))
    else:
        changes += differences({"cors": (old, new)})
    changes += tuple(f"route {key}: {'made' if wanted else 'goes'}" for key, wanted in _routes_off(desired, api))
    if not api.has_stage:
        changes += (f"stage {API_STAGE}: made",)
    action, changes, shared = _change(changes, shared=True)
    return Step(action, "api", name, changes, shared and actual.live is not None)


def _duplicate_apis(actual: Actual) -> Iterator[Step]:
    for api_id in actual.other_apis:
        yield Step("delete", "api", api_id, ("duplicate, left by an interrupted deploy",), target=api_id)


def wanted_routes(desired: Desired) -> tuple[str, ...]:
    """The keys of the API's routes.

    ``$default`` takes all; where it is closed, browsers must still be let ask what they may:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
    """
    closed = desired.api.auth != "none" and desired.api.cors is not None
    return (DEFAULT_ROUTE, "OPTIONS /{proxy+}") if closed else (DEFAULT_ROUTE,)


def _routes_off(desired: Desired, api: ApiState) -> Iterator[tuple[str, bool]]:
    wanted, target = wanted_routes(desired), f"integrations/{api.integration_id}"
    for key in wanted:
        if key not in api.routes or api.routes[key].target != target:
            yield key, True
    for key in api.routes:
        if key not in wanted:
            yield key, False


def _permission(desired: Desired, actual: Actual) -> Step:
    name = "the API may invoke the alias"
    if actual.allowed_source is None:
        return Step("create", "permission", name)
    right = actual.api is not None and actual.allowed_source == desired.source_arn(actual.api.id)
    if right:
        return Step("unchanged", "permission", name)
    changes = ("source: another one → this API",)
    return Step("update", "permission", name, changes, shared=actual.live is not None)


def _domains(desired: Desired, actual: Actual) -> Iterator[Step]:
    wanted, shared = desired.domain, actual.live is not None
    there = {state.config.name: state for state in actual.domains}
    if wanted is not None:
        state = there.get(wanted.name)
        if state is None:
            yield Step("create", "domain", wanted.name, shared=shared, target=wanted.name)
        else:
            changes = differences({"certificate": (state.config.certificate, wanted.certificate)})
            if actual.api is None or state.api_id != actual.api.id:
                changes += (f"mapping: {f'API {state.api_id}' if state.api_id else 'none'} → this API",)
            action: Action = "update" if changes else "unchanged"
            yield Step(action, "domain", wanted.name, changes, bool(changes) and shared, target=wanted.name)
    for name in there:
        if wanted is None or name != wanted.name:
            yield Step("delete", "domain", name, shared=shared, target=name)


def _alarms(desired: Desired, actual: Actual) -> Iterator[Step]:
    there, wanted = ({alarm.name: alarm for alarm in alarms} for alarms in (actual.alarms, desired.alarms))
    for name, alarm in wanted.items():
        if name not in there:
            threshold = f"{alarm.metric} {alarm.statistic}: at {alarm.threshold:g}"
            yield Step("create", "alarm", name, (threshold,), target=name)
        else:
            now = there[name]
            action, changes, _ = _change(field_changes(now, alarm))
            yield Step(action, "alarm", name, changes, target=name)
    for name in there:
        if name not in wanted:
            yield Step("delete", "alarm", name, target=name)


def _tags(desired: Desired, actual: Actual) -> Iterator[Step]:
    """Of all resources; the function's tell whether they are right, for it gets them last."""
    now = actual.function.tags if actual.function else None
    missing = {key: value for key, value in desired.all_tags.items() if now is not None and now.get(key) != value}
    if missing and now is not None:
        changes = tuple(f"{key}: {text_of(now.get(key))} → {value}" for key, value in missing.items())
        yield Step("update", "tags", desired.names.function, changes)


def _old_releases(desired: Desired, release: ReleaseState | None, actual: Actual) -> Iterator[Step]:
    """Releases beyond ``keep_releases``, the oldest first; never live, previous or a canary."""
    ours = [each.number for each in actual.releases if each.text is not None]
    kept = desired.keep_releases - (1 if release is None else 0)
    moves = release is None or release.number != actual.live
    previous = actual.live if moves else (actual.alias.text.previous if actual.alias else None)
    for number in ours[: max(len(ours) - kept, 0)]:
        if number not in (actual.live, previous, release.number if release else None):
            yield Step("delete", "release", number, (f"keep_releases: {desired.keep_releases}",), target=number)
