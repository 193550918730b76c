"""Lists the releases of a stage, for ``mlctl releases``."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlctl.aws.client.errors import translate_errors
from mlctl.aws.live import resources
from mlctl.aws.stack.state import AliasState, ReleaseState
from mlctl.core.shared.canary_status import ActiveCanary, advice, canary_of, published
from mlctl.progress import Event, Report, silent
from mlctl.settings import Settings
from mlctl.stages import open_stage


@dataclass(frozen=True)
class ReleaseSummary:
    """A published Lambda version. ``version``, ``package`` and ``by`` are None if mlctl did not publish it.

    ``created_at``: in UTC. ``canary``: percent of the traffic, if the release is a canary.
    """

    release: str
    version: str | None
    created_at: str
    by: str | None
    package: str | None
    live: bool
    canary: int | None
    previous: bool
    verified: bool


@dataclass(frozen=True)
class Releases:
    """All releases of a stage, newest first, and the active canary."""

    stage: str
    releases: tuple[ReleaseSummary, ...]
    canary: ActiveCanary | None


def run(
    project_folder: Path,
    settings: Settings,
    stage_name: str,
    report: Report = silent,
    *,
    now: Callable[[], float] = time.time,
) -> Releases:
    """Return the releases of a stage. Reports a warning about an active canary.

    Raises MlctlError: exit 6 if nothing is deployed there; exit 5 if AWS rejects a call.
    """
    stage = open_stage(project_folder, settings, stage_name, report)
    with translate_errors():
        releases = resources.releases(stage.aws, stage.names)
        alias = resources.alias(stage.aws, stage.names) if releases else None
    if not releases:
        raise stage.not_deployed()
    canary = canary_of(alias)
    if canary:
        canary_release = next((release for release in releases if release.number == canary.release), None)
        report(Event("warning", "releases", advice(canary, canary_release, stage, now())))
    summaries = tuple(_summary(release, alias, canary) for release in reversed(releases))
    return Releases(stage=stage_name, releases=summaries, canary=canary)


def _summary(release: ReleaseState, alias: AliasState | None, canary: ActiveCanary | None) -> ReleaseSummary:
    text, number = release.text, release.number
    return ReleaseSummary(
        release=number,
        version=text.model if text else None,
        created_at=published(release),
        by=text.by if text else None,
        package=text.package if text else None,
        live=alias is not None and number == alias.release,
        canary=canary.percent if canary and canary.release == number else None,
        previous=alias is not None and number == alias.text.previous,
        verified=alias is not None and number in alias.text.verified,
    )
