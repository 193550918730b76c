"""``mlctl doctor``: everything that a deploy needs, looked at beforehand. It changes nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mlctl.aws.access import caller as callers
from mlctl.aws.access import permissions, preflight, simulation
from mlctl.aws.access.caller import Caller
from mlctl.aws.access.preflight import Check
from mlctl.aws.client.errors import Forbidden
from mlctl.aws.stack.desired import DIRECT_BYTES
from mlctl.aws.stack.names import Names
from mlctl.core.shared import release_package as shipments
from mlctl.core.shared.release_package import Shipment
from mlctl.errors import MlctlError, did_you_mean
from mlctl.progress import Event, Report, silent
from mlctl.registry import gates
from mlctl.registry.store import ModelVersion, Registry
from mlctl.settings import Settings
from mlctl.stages import LOCAL, Stage, check_name, open_stage

Found = TypeVar("Found")

_HERE = ("model version", "gates", "package")
_THERE = ("credentials", "reads", "permissions", "names", "account limits", "certificate", "role", "alarm actions")


@dataclass(frozen=True)
class Diagnosis:
    """What was looked at, in order. A check that needs what a failed one did not find is skipped."""

    stage: str
    checks: tuple[Check, ...]

    @property
    def failure(self) -> MlctlError | None:
        """The first check that failed, as the error of the command; None where a deploy may go through."""
        failed = [check for check in self.checks if check.state == "failed"]
        if not failed:
            return None
        first, more = failed[0], f" {len(failed) - 1} more checks failed." if len(failed) > 1 else ""
        return MlctlError(
            f"A deploy to stage '{self.stage}' would fail: {first.detail}{more}",
            code=first.code,
            exit_code=first.exit_code,
            hint=first.hint,
        )


@dataclass(frozen=True)
class Policy:
    """The IAM policy of whoever deploys. ``missing``: its placeholders, which have to be filled in."""

    document: dict[str, Any]
    missing: tuple[str, ...]
    every_stage: bool


def run(project_folder: Path, load: Callable[[], Settings], stage_name: str, report: Report = silent) -> Diagnosis:
    """Look at settings, model and account.

    ``load`` resolves the settings for the stage; that it raises is a finding like others.
    """
    look = _Look(report)
    settings = look.find("settings", load, lambda found: _settings(found, stage_name))
    if settings is None:
        look.skip((*_HERE, "region", *_THERE[:5]), "settings")
    else:
        shipment = _here(look, project_folder, settings, report)
        _there(look, project_folder, settings, stage_name, shipment, report)
    return Diagnosis(stage_name, tuple(look.checks))


def policy(settings: Settings, stage_name: str) -> Policy:
    """The policy for a stage. Stage ``local`` needs none, so there it is that of all stages on AWS.

    Works without credentials and without a region; then placeholders stand for account and region.
    """
    every_stage = stage_name == LOCAL
    if not every_stage:
        check_name(settings.project, stage_name)
    names = Names(settings.project, permissions.EVERY_STAGE if every_stage else stage_name)
    place = callers.place(settings.deploy.region, settings.deploy.profile)
    placeholders = ((place.account, permissions.ACCOUNT), (place.region, permissions.REGION))
    missing = tuple(placeholder for value, placeholder in placeholders if value == placeholder)
    return Policy(permissions.policy(names, place, settings.deploy), missing, every_stage)


class _Look:
    """The checks so far."""

    def __init__(self, report: Report) -> None:
        self.checks: list[Check] = []
        report(Event("start", "doctor", "Looking at settings, model and account"))

    def find(self, name: str, get: Callable[[], Found], tell: Callable[[Found], Check | str]) -> Found | None:
        """What ``get`` returns; None, and a failed check, when it raises. ``tell`` says what of it."""
        try:
            found = get()
            told = tell(found)
        except MlctlError as error:
            self.checks.append(Check.of(name, error))
            return None
        self.checks.append(Check(name, "ok", told) if isinstance(told, str) else told)
        return found

    def ask(self, name: str, get: Callable[[], Check | None], *, optional: bool = False) -> bool:
        """Add the check that ``get`` makes, if it makes one, or a failed one when it raises; whether it passed.

        ``optional``: it asks what a deploy does not, so that to be forbidden to ask is a warning.
        """
        try:
            check = get()
        except MlctlError as error:
            check = Check.of(name, error)
            if optional and isinstance(error, Forbidden):
                check = Check(name, "warning", f"Not checked. {error.message}", error.hint)
        if check is not None:
            self.checks.append(check)
        return check is None or check.state != "failed"

    def skip(self, names: Iterable[str], needed: str) -> None:
        """Say that what needs a failed check was not looked at."""
        self.checks += [Check(name, "skipped", f"needs {needed}") for name in names]


def _settings(settings: Settings, stage_name: str) -> Check | str:
    if stage_name == LOCAL or not settings.stage or stage_name in settings.stage:
        return f"in order for stage {stage_name}"
    return Check(
        "settings",
        "warning",
        f"There is no table [stage.{stage_name}], so [deploy] alone holds.{did_you_mean(stage_name, settings.stage)}",
        f"Name one of {', '.join(sorted(settings.stage))}, or go on if that is meant.",
    )


def _here(look: _Look, project_folder: Path, settings: Settings, report: Report) -> Shipment | None:
    """What needs no account: the model, its gates, its package."""
    registry = Registry(project_folder, settings.project, report)

    def version() -> ModelVersion:
        found = registry.get()
        found.check()
        return found

    found = look.find("model version", version, lambda found: f"{found.id[:12]}, intact")
    if found is None:
        look.skip(_HERE[1:], "a model version")
        return None
    look.ask("gates", lambda: _gates(found, settings))
    return look.find("package", lambda: _package(found, settings), _told_package)


def _gates(version: ModelVersion, settings: Settings) -> Check:
    found = gates.check(version.read_json("metrics.json"), settings.gates)
    missed = gates.missed(version.id, found)
    if missed:
        raise missed
    kept = ", ".join(f"{gate.metric} {gate.value:.4f}" for gate in found)
    return Check("gates", "ok", f"kept: {kept}" if kept else "none are set")


def _package(version: ModelVersion, settings: Settings) -> Shipment:
    shipment = shipments.built(version, settings)
    shipments.check_size(shipment)
    return shipment


def _told_package(shipment: Shipment) -> str:
    size = shipment.code.size
    way = "through a bucket" if size > DIRECT_BYTES else "with the call itself"
    return f"{size / 1000:.0f} kB for Python {shipment.code.python}, sent {way}; answers as scikit-learn does"


def _there(
    look: _Look,
    project_folder: Path,
    settings: Settings,
    stage_name: str,
    shipment: Shipment | None,
    report: Report,
) -> None:
    """What only the account can tell."""
    deploy = settings.deploy
    wanted = {
        "certificate": deploy.domain is not None,
        "role": deploy.role is not None,
        "alarm actions": deploy.alarms is not None and bool(deploy.alarms.actions),
    }
    asked = [name for name in _THERE if wanted.get(name, True)]
    stage = look.find("region", lambda: open_stage(project_folder, settings, stage_name, report), _told_region)
    if stage is None:
        look.skip(asked, "a region")
        return
    caller = look.find("credentials", lambda: callers.caller(stage.aws), _told_caller)
    if caller is None:
        look.skip(asked[1:], "credentials")
        return
    aws, names, place = stage.aws, stage.names, caller.place
    readable = look.ask("reads", lambda: preflight.reads(aws, names, place, deploy))
    if stage.endpoint is None:
        look.ask("permissions", lambda: simulation.permissions(aws, caller, names, deploy))
    else:
        look.checks.append(Check("permissions", "skipped", "an emulator lets everybody do everything"))
    if readable:
        size = shipment.code.size if shipment else 0
        look.ask("names", lambda: preflight.owners(aws, names, place, deploy))
        look.ask("account limits", lambda: preflight.limits(aws, names, deploy, size), optional=True)
    else:
        look.skip(("names", "account limits"), "the reads")
    look.ask("certificate", lambda: preflight.certificate(aws, deploy), optional=True)
    look.ask("role", lambda: preflight.role(aws, deploy, place), optional=True)
    look.ask("alarm actions", lambda: preflight.alarm_actions(deploy, aws.region))


def _told_region(stage: Stage) -> str:
    if stage.endpoint is not None:
        return f"{stage.aws.region}, emulated at {stage.endpoint}"
    profile = stage.settings.deploy.profile
    return f"{stage.aws.region}, profile {profile} of [deploy]" if profile else stage.aws.region


def _told_caller(caller: Caller) -> str:
    return f"{caller.arn}, account {caller.place.account}"
