"""Makes a verified release live again, or ends a canary, for ``mlctl rollback``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlctl.aws.apply import alias as aliases
from mlctl.aws.client.errors import translate_errors
from mlctl.aws.live import invocation, resources
from mlctl.aws.stack.names import AliasText
from mlctl.aws.stack.state import AliasState, ReleaseState
from mlctl.core.shared.golden_examples import event
from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event, Report, silent
from mlctl.settings import Settings
from mlctl.stages import Stage, open_stage

# Resources that all releases share, so a rollback does not change them.
NOT_COVERED = "auth, CORS, throttling, the role's permissions, concurrency, domain and alarms"


@dataclass(frozen=True)
class RolledBack:
    """The release that is live now and the one before. ``canary``: the release whose canary was ended, if any."""

    stage: str
    release: str
    version: str | None
    before: str
    canary: str | None = None


def run(
    project_folder: Path, settings: Settings, stage_name: str, *, release: str | None = None, report: Report = silent
) -> RolledBack:
    """Point ``live`` to ``release``, or to the previous release. Without ``release``, end an active canary instead.

    Checks the health of the release first. Raises MlctlError: exit 6 if there is no previous release, or no such
    release; exit 4 if it was never verified or does not answer; exit 5 if AWS rejects a call or another command moved
    ``live`` in the meantime. Does not wait for a running deploy: the update of ``live`` names the revision it has read.
    """
    stage = open_stage(project_folder, settings, stage_name, report)
    with translate_errors():
        releases = resources.releases(stage.aws, stage.names)
        alias = resources.alias(stage.aws, stage.names)
        if alias is None:
            raise stage.not_deployed()
        if alias.weights and release in (None, alias.release):
            return _end_canary(stage, releases, alias, report)
        target = _target(stage, releases, alias, release)
        _check_health(stage, target)
        # Record no previous release. Running the rollback twice, by mistake or because its response was lost, must not
        # go back further, nor forward to the release that it left.
        text = AliasText(verified=alias.text.verified)
        report(Event("start", "alias", f"live: release {alias.release} → {target.number}"))
        aliases.update(stage.aws, stage.names, target.number, text, revision=alias.revision)
        report(Event("finish", "alias", "moved"))
        _warn_about_provisioned(stage, target.number, report)
    return RolledBack(
        stage=stage_name,
        release=target.number,
        version=target.text.model if target.text else None,
        before=alias.release,
    )


def _end_canary(stage: Stage, releases: Sequence[ReleaseState], alias: AliasState, report: Report) -> RolledBack:
    canary = next(iter(alias.weights))
    report(Event("start", "canary", f"canary of release {canary}: {alias.weights[canary]:.0%} → none"))
    text = alias.text.without(alias.weights)
    aliases.update(stage.aws, stage.names, alias.release, text, revision=alias.revision)
    report(Event("finish", "canary", f"release {alias.release} has all the traffic again"))
    live = _find(releases, alias.release)
    return RolledBack(
        stage=stage.name,
        release=alias.release,
        version=live.text.model if live and live.text else None,
        before=alias.release,
        canary=canary,
    )


def _target(stage: Stage, releases: Sequence[ReleaseState], alias: AliasState, number: str | None) -> ReleaseState:
    if number is None:
        if alias.text.previous is None:
            existing = {release.number for release in releases}
            verified = sorted(alias.text.verified & existing - {alias.release}, key=int)
            suggestion = f" Verified releases: {', '.join(verified)}." if verified else ""
            raise _nothing_to_roll_back(
                f"Stage '{stage.name}' has no previous release: no release is recorded as live before "
                f"{alias.release}.{suggestion}"
            )
        number = alias.text.previous
    if number == alias.release and not alias.weights:
        raise _nothing_to_roll_back(f"Release {number} is already live on stage '{stage.name}'.")
    target = _find(releases, number)
    if target is None:
        raise _nothing_to_roll_back(f"Stage '{stage.name}' has no release {number}.")
    if target.number not in alias.text.verified:
        raise MlctlError(
            f"Release {target.number} is not verified: it answered wrongly, failed as a canary, or was never checked.",
            code="unverified",
            exit_code=ExitCode.VERIFICATION,
            hint="`mlctl releases` shows verified releases; `mlctl deploy VERSION` verifies and deploys a version.",
        )
    return target


def _warn_about_provisioned(stage: Stage, target: str, report: Report) -> None:
    """Warn about provisioned concurrency, which belongs to a release and does not move with the traffic."""
    releases = resources.with_provisioned(stage.aws, stage.names, resources.releases(stage.aws, stage.names))
    for release in releases:
        if release.provisioned is not None and release.number != target:
            text = (
                f"Release {release.number} keeps its {release.provisioned} provisioned environments, which cost money. "
            )
            report(Event("warning", "provisioned", f"{text}The next deploy removes them."))


def _nothing_to_roll_back(message: str) -> MlctlError:
    return MlctlError(
        message,
        code="nothing_to_roll_back",
        exit_code=ExitCode.NOT_FOUND,
        hint="`mlctl releases` lists the releases; `mlctl deploy VERSION` makes any model version live.",
    )


def _check_health(stage: Stage, target: ReleaseState) -> None:
    """Raise MlctlError (exit 4) if a verified release no longer starts, for example because its role was deleted."""
    response = invocation.invoke(stage.aws, stage.names, target.number, event("GET", "/health"))
    status: Any = response.payload.get("statusCode") if isinstance(response.payload, dict) else None
    if response.error or status != 200:
        raise MlctlError(
            f"Release {target.number} no longer answers GET /health: {response.error or status}.",
            details=response.log_lines,
            code="not_healthy",
            exit_code=ExitCode.VERIFICATION,
            hint="`live` was not moved. Choose another release; `mlctl releases` lists them.",
        )


def _find(releases: Sequence[ReleaseState], number: str) -> ReleaseState | None:
    return next((release for release in releases if release.number == number), None)
