"""The active canary of a stage, and times as text."""

from dataclasses import dataclass
from datetime import UTC, datetime

from mlctl.aws.stack.state import AliasState, ReleaseState
from mlctl.stages import Stage

# After the bake, the command that watches the canary still needs time for the calls that move the traffic.
_GRACE_SECONDS = 120


@dataclass(frozen=True)
class ActiveCanary:
    """A release that gets ``percent`` of the traffic beside the live release.

    ``since`` (epoch seconds) and ``bake`` (seconds) are None if mlctl did not set the weights.
    """

    release: str
    percent: int
    since: int | None
    bake: int | None


def canary_of(alias: AliasState | None) -> ActiveCanary | None:
    """Return the canary of an alias: release and percent from its weights, start and bake from its description."""
    for release, weight in (alias.weights if alias else {}).items():
        record = alias.text.canary if alias and alias.text.canary and alias.text.canary.release == release else None
        return ActiveCanary(
            release=release,
            percent=round(weight * 100),
            since=record.since if record else None,
            bake=record.bake if record else None,
        )
    return None


def advice(canary: ActiveCanary, release: ReleaseState | None, stage: Stage, now: float) -> str:
    """Return the state of a canary, and what to do if no command watches it. ``now``: epoch seconds."""
    model = f" {release.text.model[:12]}" if release and release.text else ""
    actions = f"`mlctl deploy{model}{stage.flag()}` continues it, `mlctl rollback{stage.flag()}` ends it."
    share = f"Release {canary.release} gets {canary.percent} % of the traffic"
    if canary.since is None or canary.bake is None:
        return f"{share}; mlctl has no record of the start. {actions}"
    state = f"{share} since {to_minute(utc(canary.since))} UTC, for {canary.bake} s"
    if now > canary.since + canary.bake + _GRACE_SECONDS:
        return f"{state}. The command that watched it was interrupted. {actions}"
    return f"{state}. If the command that watches it is interrupted: {actions}"


def utc(seconds: float) -> str:
    """Return epoch seconds as RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def published(release: ReleaseState) -> str:
    """Return the time when a release was published, as RFC 3339 in UTC, or AWS's own text if it is not a time."""
    try:
        return utc(datetime.fromisoformat(release.created).timestamp())
    except ValueError:
        return release.created


def to_minute(time: str) -> str:
    """Shorten ``2026-03-01T12:30:45Z`` to ``2026-03-01 12:30``."""
    return time[:16].replace("T", " ")
