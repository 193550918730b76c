"""Checks everything that a deploy needs, without changes, for ``mlctl doctor``."""

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
from mlctl.core.shared import release_package
from mlctl.core.shared.release_package import ReleasePackage
from mlctl.errors import MlctlError, did_you_mean
from mlctl.progress import Event, Report, silent
from mlctl.registry import gates
from mlctl.registry.store import ModelVersion, Registry
from mlctl.settings import Settings
from mlctl.stages import LOCAL, Stage, check_name, open_stage

Result = TypeVar("Result")

_LOCAL_CHECKS = ("model version", "gates", "package")
_ACCOUNT_CHECKS = (
    *("credentials", "reads", "permissions", "names", "account limits"),
    *("certificate", "role", "alarm actions"),
)


@dataclass(frozen=True)
class Diagnosis:
    """The checks in order. A check that depends on a failed check is skipped."""

    stage: str
    checks: tuple[Check, ...]

    @property
    def failure(self) -> MlctlError | None:
        """The error for the first failed check; None if no check failed."""
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
    """The IAM policy that a deploy needs. ``missing``: its placeholders, which you have to fill in."""

    document: dict[str, Any]
    missing: tuple[str, ...]
    every_stage: bool


def run(project_folder: Path, load: Callable[[], Settings], stage_name: str, report: Report = silent) -> Diagnosis:
    """Check settings, model and account.

    ``load`` resolves the settings of the stage. If it raises MlctlError, the check of the settings fails.
    """
    checklist = _Checklist(report)
    settings = checklist.find("settings", load, lambda loaded: _check_settings(loaded, stage_name))
    if settings is None:
        checklist.skip((*_LOCAL_CHECKS, "region", *_ACCOUNT_CHECKS[:5]), "settings")
    else:
        package = _check_locally(checklist, project_folder, settings, report)
        _check_account(checklist, project_folder, settings, stage_name, package, report)
    return Diagnosis(stage_name, tuple(checklist.checks))


def policy(settings: Settings, stage_name: str) -> Policy:
    """Return the policy for a stage, or for all stages on AWS if the stage is ``local``, which needs none.

    Works without credentials and without a region: the policy then has placeholders for account and region.
    """
    every_stage = stage_name == LOCAL
    if not every_stage:
        check_name(settings.project, stage_name)
    names = Names(settings.project, permissions.EVERY_STAGE if every_stage else stage_name)
    place = callers.place(settings.deploy.region, settings.deploy.profile)
    placeholders = ((place.account, permissions.ACCOUNT), (place.region, permissions.REGION))
    missing = tuple(placeholder for value, placeholder in placeholders if value == placeholder)
    return Policy(permissions.policy(names, place, settings.deploy), missing, every_stage)


class _Checklist:
    """Collects the checks."""

    def __init__(self, report: Report) -> None:
        self.checks: list[Check] = []
        report(Event("start", "doctor", "Checking settings, model and account"))

    def find(self, name: str, get: Callable[[], Result], describe: Callable[[Result], Check | str]) -> Result | None:
        """Return the result of ``get``, and add the check that ``describe`` makes of it.

        If one of them raises MlctlError, add a failed check and return None.
        """
        try:
            result = get()
            description = describe(result)
        except MlctlError as error:
            self.checks.append(Check.of(name, error))
            return None
        self.checks.append(Check(name, "ok", description) if isinstance(description, str) else description)
        return result

    def run(self, name: str, get: Callable[[], Check | None], *, optional: bool = False) -> bool:
        """Add the check that ``get`` returns, if any, or a failed check if it raises. Return whether it passed.

        ``optional``: a deploy does not need this call, so a missing permission is only a warning.
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
        """Add skipped checks that depend on ``needed``."""
        self.checks += [Check(name, "skipped", f"needs {needed}") for name in names]


def _check_settings(settings: Settings, stage_name: str) -> Check | str:
    if stage_name == LOCAL or not settings.stage or stage_name in settings.stage:
        return f"valid for stage {stage_name}"
    return Check(
        "settings",
        "warning",
        f"There is no table [stage.{stage_name}], so only [deploy] applies.{did_you_mean(stage_name, settings.stage)}",
        f"Use one of {', '.join(sorted(settings.stage))}, or continue if this is intended.",
    )


def _check_locally(
    checklist: _Checklist, project_folder: Path, settings: Settings, report: Report
) -> ReleasePackage | None:
    """Check the model, its gates and its package, which needs no account."""
    registry = Registry(project_folder, settings.project, report)

    def intact_version() -> ModelVersion:
        latest = registry.get()
        latest.check()
        return latest

    version = checklist.find("model version", intact_version, lambda latest: f"{latest.id[:12]}, intact")
    if version is None:
        checklist.skip(_LOCAL_CHECKS[1:], "a model version")
        return None
    checklist.run("gates", lambda: _check_gates(version, settings))
    return checklist.find("package", lambda: _build_package(version, settings), _package_text)


def _check_gates(version: ModelVersion, settings: Settings) -> Check:
    results = gates.check(version.read_json("metrics.json"), settings.gates)
    missed = gates.missed(version.id, results)
    if missed:
        raise missed
    passed = ", ".join(f"{gate.metric} {gate.value:.4f}" for gate in results)
    return Check("gates", "ok", f"passed: {passed}" if passed else "none are set")


def _build_package(version: ModelVersion, settings: Settings) -> ReleasePackage:
    package = release_package.build_package(version, settings)
    release_package.check_size(package)
    return package


def _package_text(package: ReleasePackage) -> str:
    size = package.code.size
    upload = "uploaded through a bucket" if size > DIRECT_BYTES else "uploaded directly"
    return f"{size / 1000:.0f} kB for Python {package.code.python}, {upload}; answers as scikit-learn does"


def _check_account(
    checklist: _Checklist,
    project_folder: Path,
    settings: Settings,
    stage_name: str,
    package: ReleasePackage | None,
    report: Report,
) -> None:
    """Run the checks that need the account."""
    deploy = settings.deploy
    applies = {
        "certificate": deploy.domain is not None,
        "role": deploy.role is not None,
        "alarm actions": deploy.alarms is not None and bool(deploy.alarms.actions),
    }
    account_checks = [name for name in _ACCOUNT_CHECKS if applies.get(name, True)]
    stage = checklist.find("region", lambda: open_stage(project_folder, settings, stage_name, report), _region_text)
    if stage is None:
        checklist.skip(account_checks, "a region")
        return
    caller = checklist.find("credentials", lambda: callers.caller(stage.aws), _caller_text)
    if caller is None:
        checklist.skip(account_checks[1:], "credentials")
        return
    aws, names, place = stage.aws, stage.names, caller.place
    readable = checklist.run("reads", lambda: preflight.reads(aws, names, place, deploy))
    if stage.endpoint is None:
        checklist.run("permissions", lambda: simulation.permissions(aws, caller, names, deploy))
    else:
        checklist.checks.append(Check("permissions", "skipped", "the emulator does not check permissions"))
    if readable:
        size = package.code.size if package else 0
        checklist.run("names", lambda: preflight.owners(aws, names, place, deploy))
        checklist.run("account limits", lambda: preflight.limits(aws, names, deploy, size), optional=True)
    else:
        checklist.skip(("names", "account limits"), "the reads")
    checklist.run("certificate", lambda: preflight.certificate(aws, deploy), optional=True)
    checklist.run("role", lambda: preflight.role(aws, deploy, place), optional=True)
    checklist.run("alarm actions", lambda: preflight.alarm_actions(deploy, aws.region))


def _region_text(stage: Stage) -> str:
    if stage.endpoint is not None:
        return f"{stage.aws.region}, emulated at {stage.endpoint}"
    profile = stage.settings.deploy.profile
    return f"{stage.aws.region}, profile {profile} from [deploy]" if profile else stage.aws.region


def _caller_text(caller: Caller) -> str:
    return f"{caller.arn}, account {caller.place.account}"
