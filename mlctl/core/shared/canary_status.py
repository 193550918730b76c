"""What a stage serves, for the verbs that tell of it: the canary beside the live release, and times as text."""

from dataclasses import dataclass
from datetime import UTC, datetime

from mlctl.aws.stack.state import AliasState, ReleaseState
from mlctl.stages import Stage

# Between the end of its bake and the full shift, the command that watches a canary has still some calls to make.
_GRACE_SECONDS = 120


@dataclass(frozen=True)
class ActiveCanary:
    """A release that gets ``percent`` of the traffic beside the live one.

    ``since`` (epoch seconds) and ``bake`` (seconds) are None where the weights are not mlctl's.
    """

    release: str
    percent: int
    since: int | None
    bake: int | None


def canary_of(alias: AliasState | None) -> ActiveCanary | None:
    """The canary that an alias sends traffic to: its weights say that there is one, its text since when."""
    for release, weight in (alias.weights if alias else {}).items():
        told = alias.text.canary if alias and alias.text.canary and alias.text.canary.release == release else None
        return ActiveCanary(
            release=release,
            percent=round(weight * 100),
            since=told.since if told else None,
            bake=told.bake if told else None,
        )
    return None


def advice(canary: ActiveCanary, release: ReleaseState | None, stage: Stage, now: float) -> str:
    """What a canary is, and what to do when nobody watches it any more; ``now`` in epoch seconds."""
    model = f" {release.text.model[:12]}" if release and release.text else ""
    onward = f"`mlctl deploy{model}{stage.flag()}` goes on with it, `mlctl rollback{stage.flag()}` takes it back."
    share = f"Release {canary.release} gets {canary.percent} % of the traffic"
    if canary.since is None or canary.bake is None:
        return f"{share}, and mlctl has not noted since when: {onward}"
    known = f"{share} since {to_minute(utc(canary.since))} UTC, for {canary.bake} s"
    if now > canary.since + canary.bake + _GRACE_SECONDS:
        return f"{known}: the command that watched it was cut off. {onward}"
    return f"{known}. Should the command that watches it be cut off: {onward}"


def utc(seconds: float) -> str:
    """Epoch seconds as RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def published(release: ReleaseState) -> str:
    """When a release was published, as RFC 3339 in UTC; AWS's own text where that is no time."""
    try:
        return utc(datetime.fromisoformat(release.created).timestamp())
    except ValueError:
        return release.created


def to_minute(stamp: str) -> str:
    """``2026-03-01T12:30:45Z`` as ``2026-03-01 12:30``."""
    return stamp[:16].replace("T", " ")
