"""Deploys a model version: builds the package, plans, verifies the release, and moves traffic to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mlctl.aws.apply.context import DeployContext
from mlctl.aws.apply.deployment import carry_out
from mlctl.aws.client.errors import translate_errors
from mlctl.aws.live import resources
from mlctl.aws.stack.desired import desired
from mlctl.aws.stack.ownership import check_ownership, overtaken
from mlctl.aws.stack.plan import Plan, Step, existing_release, plan
from mlctl.aws.stack.state import Actual, Canary, Desired
from mlctl.core.shared import release_package, request_size
from mlctl.core.shared.golden_examples import GoldenExamples
from mlctl.core.shared.place import Place, place_of, report_place
from mlctl.core.shared.release_package import ReleasePackage
from mlctl.data.values import Value
from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event, Report, silent
from mlctl.registry import answers, gates
from mlctl.registry.store import LATEST, ModelVersion, Registry
from mlctl.settings import Settings
from mlctl.stages import LOCAL, Stage, open_stage


@dataclass(frozen=True)
class Options:
    """The options of a deploy. ``package``: the package to deploy, instead of a new one built on this machine."""

    dry_run: bool = False
    canary: Canary | None = None
    package: ReleasePackage | None = None
    on_plan: Callable[[Plan], None] = field(default=lambda plan: None)


DEFAULT_OPTIONS = Options()


@dataclass(frozen=True)
class Deployed:
    """A stage after a deploy; for a dry run, the stage as the deploy would leave it.

    ``changed`` is false if there was nothing to change. ``url`` and ``release`` are None if a dry run finds none.
    ``place`` is None for the emulator.
    """

    stage: str
    url: str | None
    release: str | None
    version: str
    changed: bool
    steps: tuple[Step, ...]
    example: tuple[Value, ...]
    dry_run: bool = False
    place: Place | None = None


def run(
    project_folder: Path,
    settings: Settings,
    stage_name: str,
    *,
    version: str = LATEST,
    options: Options = DEFAULT_OPTIONS,
    report: Report = silent,
) -> Deployed:
    """Make ``version`` live on a stage. ``settings`` must be the settings of that stage.

    Calls ``options.on_plan`` with the plan before any change. Raises MlctlError: exit 4 if the version misses a gate,
    the release answers wrongly or its canary fails (the previous release then stays live); exit 5 if AWS rejects a call
    or another command changed the stage in the meantime; exit 6 if there is no such version.
    """
    model = Registry(project_folder, settings.project, report).get(version)
    # Holds the version until it is live: from then on `models prune` sees the release.
    with model.held():
        return _deploy(project_folder, settings, stage_name, model, options, report)


def _deploy(
    project_folder: Path,
    settings: Settings,
    stage_name: str,
    model: ModelVersion,
    options: Options,
    report: Report,
) -> Deployed:
    missed = gates.missed(model.id, gates.check(model.read_json("metrics.json"), settings.gates))
    if missed:
        raise missed
    if options.canary and stage_name == LOCAL:
        raise _local_canary()
    package = options.package or release_package.build_package(model, settings, report)
    release_package.check_size(package)
    if stage_name != LOCAL:
        # The emulator gives a function all of this machine's CPU, whatever its memory.
        request_size.warn(report, package.row_seconds, settings.deploy)
    stage = open_stage(project_folder, settings, stage_name, report)
    with translate_errors(), _lock_stage(stage, options, report) as before_lock:
        identity = resources.identity(stage.aws)
        place = place_of(stage, identity)
        target = desired(stage.names, identity, stage.settings.deploy, package.code, options.canary)
        domain = target.domain.name if target.domain else None
        actual = resources.actual(
            stage.aws, stage.names, bucket=target.bucket if target.through_bucket else None, domain=domain
        )
        check_ownership(actual, stage.names, target)
        existing = existing_release(target, actual)
        if existing is not None and existing.number != actual.live:
            actual = resources.with_state(stage.aws, stage.names, actual, existing.number)
        deploy_plan = plan(target, actual)
        if before_lock.waited and before_lock.live != actual.live and deploy_plan.changed:
            raise overtaken(stage.names, f"`live` is at release {actual.live} now")
        _check_canary_role(target, actual)
        if not options.dry_run:
            report_place(place, report)
        options.on_plan(deploy_plan)
        outcome = _Outcome.without_changes(target, actual)
        if not options.dry_run:
            outcome = _apply(stage, target, actual, deploy_plan, model, package, report)
    if not options.dry_run:
        stage.settled()
    return Deployed(
        stage=stage_name,
        url=stage.api_url(outcome.api_id, outcome.api_endpoint) if outcome.api_id else None,
        release=outcome.release,
        version=model.id,
        changed=deploy_plan.changed,
        steps=deploy_plan.steps,
        example=answers.from_document(model.read_json("golden.json"))[0].features,
        dry_run=options.dry_run,
        place=place,
    )


@dataclass(frozen=True)
class _Outcome:
    release: str | None
    api_id: str
    api_endpoint: str

    @classmethod
    def without_changes(cls, target: Desired, actual: Actual) -> "_Outcome":
        """Return the outcome of a deploy that changes nothing."""
        release = existing_release(target, actual)
        api = actual.api
        return cls(release.number if release else None, api.id if api else "", api.endpoint if api else "")


def _apply(
    stage: Stage,
    target: Desired,
    actual: Actual,
    deploy_plan: Plan,
    model: ModelVersion,
    package: ReleasePackage,
    report: Report,
) -> _Outcome:
    golden = GoldenExamples.of(stage, model, package.parity)
    context = DeployContext(
        aws=stage.aws,
        desired=target,
        actual=actual,
        code=package.zip,
        verify=golden.verify,
        ask=golden.cycle(),
        limits=stage.settings.deploy.canary,
        report=report,
    )
    carry_out(context, deploy_plan)
    return _Outcome(context.release, context.api_id, context.api_endpoint)


@dataclass(frozen=True)
class _BeforeLock:
    """The release that was live before this command waited for the lock, and whether it had to wait."""

    live: str | None
    waited: bool


@contextmanager
def _lock_stage(stage: Stage, options: Options, report: Report) -> Iterator[_BeforeLock]:
    """Hold the lock of the stage among the commands on this machine.

    Between machines, the revisions of function and alias prevent conflicts; see ``mlctl.aws.apply``.
    """
    if options.dry_run:
        yield _BeforeLock(None, waited=False)
        return
    before_lock = _BeforeLock(None, waited=False)

    def busy() -> None:
        nonlocal before_lock
        before_lock = _BeforeLock(resources.live(stage.aws, stage.names), waited=True)
        report(Event("note", "lock", f"Another command is changing stage '{stage.name}': waiting for it to end."))

    with stage.turn(report, busy=busy):
        yield before_lock


def _check_canary_role(target: Desired, actual: Actual) -> None:
    """Raise MlctlError (exit 2) if the two versions of a canary have different roles, which Lambda does not allow.

    https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
    """
    live = actual.live_release
    if target.canary and live and live.config.role != target.config.role:
        raise MlctlError(
            "The live release has another role, and Lambda splits traffic only between releases with the same role.",
            code="canary_roles_differ",
            exit_code=ExitCode.USAGE,
            hint="Deploy once without --canary to change the role.",
        )


def _local_canary() -> MlctlError:
    return MlctlError(
        "Stage 'local' does not support canaries: the emulator does not split traffic between two releases.",
        code="canary_unavailable",
        exit_code=ExitCode.USAGE,
        hint="Deploy without --canary, or on AWS: `mlctl deploy --stage prod --canary 10 --bake 5m`.",
    )
