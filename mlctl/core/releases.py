"""``mlctl releases``: every release of a stage, read from AWS."""

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
    """A published version. ``version``, ``package`` and ``by`` are None for one that mlctl did not publish.

    ``created_at`` is UTC; ``canary`` the per cent of traffic that it gets as one.
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
    """All releases of a stage, the newest first, and the canary under way."""

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
    """The releases of a stage; a canary under way is told in a warning, with what to do about it.

    Raises MlctlError: exit 6 when nothing is deployed there, exit 5 when AWS refuses.
    """
    stage = open_stage(project_folder, settings, stage_name, report)
    with translate_errors():
        found = resources.releases(stage.aws, stage.names)
        alias = resources.alias(stage.aws, stage.names) if found else None
    if not found:
        raise stage.not_deployed()
    canary = canary_of(alias)
    if canary:
        its = next((each for each in found if each.number == canary.release), None)
        report(Event("warning", "releases", advice(canary, its, stage, now())))
    listed = tuple(_listed(release, alias, canary) for release in reversed(found))
    return Releases(stage=stage_name, releases=listed, canary=canary)


def _listed(release: ReleaseState, alias: AliasState | None, canary: ActiveCanary | None) -> ReleaseSummary:
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
