"""``mlctl rollback``: traffic back to a release that was verified before, or a canary taken back."""

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

# What acts on whichever release is live, and so is as it is after a rollback too.
NOT_COVERED = "auth, CORS, throttling, the role's rights, concurrency, domain and alarms"


@dataclass(frozen=True)
class RolledBack:
    """What serves now, and what served before; ``canary``: the release whose canary was taken back, if that was it."""

    stage: str
    release: str
    version: str | None
    before: str
    canary: str | None = None


def run(
    project_folder: Path, settings: Settings, stage_name: str, *, release: str | None = None, report: Report = silent
) -> RolledBack:
    """Point ``live`` at ``release``, or at the previous one; with a canary under way and no release named, end that.

    The release is asked for its health first, by its number. Raises MlctlError: exit 6 when there is nothing to go
    back to, or no such release; exit 4 when it was never verified or does not answer; exit 5 when AWS refuses or
    another command moved ``live`` meanwhile. Never waits for a deploy that is running: ``live`` is changed only if
    it is where it was when it was read.
    """
    stage = open_stage(project_folder, settings, stage_name, report)
    with translate_errors():
        found = resources.releases(stage.aws, stage.names)
        alias = resources.alias(stage.aws, stage.names)
        if alias is None:
            raise stage.not_deployed()
        if alias.weights and release in (None, alias.release):
            return _take_back(stage, found, alias, report)
        target = _target(stage, found, alias, release)
        _check_answers(stage, target)
        # Nothing to go back to is recorded: a rollback that is run twice by mistake, or again because its answer
        # was lost, must neither go further back nor forward to what was just left.
        text = AliasText(verified=alias.text.verified)
        report(Event("start", "alias", f"live: release {alias.release} → {target.number}"))
        aliases.update(stage.aws, stage.names, target.number, text, revision=alias.revision)
        report(Event("finish", "alias", "moved"))
        _warn_of_provisioned(stage, target.number, report)
    return RolledBack(
        stage=stage_name,
        release=target.number,
        version=target.text.model if target.text else None,
        before=alias.release,
    )


def _take_back(stage: Stage, found: Sequence[ReleaseState], alias: AliasState, report: Report) -> RolledBack:
    canary = next(iter(alias.weights))
    report(Event("start", "canary", f"canary of release {canary}: {alias.weights[canary]:.0%} → none"))
    text = alias.text.without(alias.weights)
    aliases.update(stage.aws, stage.names, alias.release, text, revision=alias.revision)
    report(Event("finish", "canary", f"release {alias.release} has all the traffic again"))
    live = _find(found, alias.release)
    return RolledBack(
        stage=stage.name,
        release=alias.release,
        version=live.text.model if live and live.text else None,
        before=alias.release,
        canary=canary,
    )


def _target(stage: Stage, found: Sequence[ReleaseState], alias: AliasState, wanted: str | None) -> ReleaseState:
    if wanted is None:
        if alias.text.previous is None:
            there = {each.number for each in found}
            others = sorted(alias.text.verified & there - {alias.release}, key=int)
            named = f" Verified ones that can be named: {', '.join(others)}." if others else ""
            raise _nothing(
                f"There is nothing to go back to on stage '{stage.name}': no release is recorded as live before "
                f"{alias.release}.{named}"
            )
        wanted = alias.text.previous
    if wanted == alias.release and not alias.weights:
        raise _nothing(f"Release {wanted} is live on stage '{stage.name}' already.")
    target = _find(found, wanted)
    if target is None:
        raise _nothing(f"Stage '{stage.name}' has no release {wanted}.")
    if target.number not in alias.text.verified:
        raise MlctlError(
            f"Release {target.number} is not verified: it answered wrongly, did worse as a canary, or was not asked.",
            code="unverified",
            exit_code=ExitCode.VERIFICATION,
            hint="`mlctl releases` shows which are verified; `mlctl deploy VERSION` verifies one and makes it live.",
        )
    return target


def _warn_of_provisioned(stage: Stage, target: str, report: Report) -> None:
    """Environments that are kept ready belong to a release and do not go back with the traffic."""
    for each in resources.with_provisioned(stage.aws, stage.names, resources.releases(stage.aws, stage.names)):
        if each.provisioned is not None and each.number != target:
            text = f"Release {each.number} keeps its {each.provisioned} provisioned environments, which cost on; "
            report(Event("warning", "provisioned", f"{text}the next deploy gives them back."))


def _nothing(message: str) -> MlctlError:
    return MlctlError(
        message,
        code="nothing_to_roll_back",
        exit_code=ExitCode.NOT_FOUND,
        hint="`mlctl releases` lists what is there; `mlctl deploy VERSION` makes any model version live.",
    )


def _check_answers(stage: Stage, target: ReleaseState) -> None:
    """What was verified once may not start any more: its role gone, its runtime withdrawn."""
    answer = invocation.invoke(stage.aws, stage.names, target.number, event("GET", "/health"))
    status: Any = answer.payload.get("statusCode") if isinstance(answer.payload, dict) else None
    if answer.error or status != 200:
        raise MlctlError(
            f"Release {target.number} does not answer GET /health any more: {answer.error or status}.",
            details=answer.log_lines,
            code="not_healthy",
            exit_code=ExitCode.VERIFICATION,
            hint="`live` was not moved. Name another release; `mlctl releases` lists them.",
        )


def _find(found: Sequence[ReleaseState], number: str) -> ReleaseState | None:
    return next((each for each in found if each.number == number), None)
