"""``mlctl deploy``: package a version, plan, verify it on the golden examples, and only then let traffic in."""

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
from mlctl.core.shared import release_package as shipments
from mlctl.core.shared import request_size
from mlctl.core.shared.golden_examples import Golden
from mlctl.core.shared.place import Place, place_of, tell
from mlctl.core.shared.release_package import Shipment
from mlctl.data.values import Value
from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event, Report, silent
from mlctl.registry import answers, gates
from mlctl.registry.store import LATEST, ModelVersion, Registry
from mlctl.settings import Settings
from mlctl.stages import LOCAL, Stage, open_stage


@dataclass(frozen=True)
class Options:
    """How a deploy is to be done. ``shipment``: bytes to deploy as they are, instead of a package built here."""

    dry_run: bool = False
    canary: Canary | None = None
    shipment: Shipment | None = None
    on_plan: Callable[[Plan], None] = field(default=lambda plan: None)


PLAINLY = Options()


@dataclass(frozen=True)
class Deployed:
    """A stage after a deploy, or, of a dry run, what it would become.

    ``changed`` is false when nothing had to be done; ``url`` and ``release`` are None where a dry run finds none yet;
    ``place`` is None on the emulator.
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
    options: Options = PLAINLY,
    report: Report = silent,
) -> Deployed:
    """Bring ``version`` live on a stage. ``settings`` must have been resolved for that stage.

    ``options.on_plan`` is shown the plan before anything is changed. Raises MlctlError: exit 4 when a gate
    is missed, the release answers wrongly or its canary fails (what was live before then is), exit 5 when AWS
    refuses or another command changed the stage meanwhile, exit 6 when there is no such version.
    """
    found = Registry(project_folder, settings.project, report).get(version)
    # Until it is live, and so seen by whoever prunes.
    with found.held():
        return _deployed(project_folder, settings, stage_name, found, options, report)


def _deployed(
    project_folder: Path,
    settings: Settings,
    stage_name: str,
    found: ModelVersion,
    options: Options,
    report: Report,
) -> Deployed:
    missed = gates.missed(found.id, gates.check(found.read_json("metrics.json"), settings.gates))
    if missed:
        raise missed
    if options.canary and stage_name == LOCAL:
        raise _no_canary_here()
    shipment = options.shipment or shipments.built(found, settings, report)
    shipments.check_size(shipment)
    if stage_name != LOCAL:
        # The emulator gives a function all of this machine's CPU, whatever its memory.
        request_size.warn(report, shipment.row_seconds, settings.deploy)
    stage = open_stage(project_folder, settings, stage_name, report)
    with translate_errors(), _turn(stage, options, report) as before:
        identity = resources.identity(stage.aws)
        place = place_of(stage, identity)
        wanted = desired(stage.names, identity, stage.settings.deploy, shipment.code, options.canary)
        domain = wanted.domain.name if wanted.domain else None
        actual = resources.actual(
            stage.aws, stage.names, bucket=wanted.bucket if wanted.through_bucket else None, domain=domain
        )
        check_ownership(actual, stage.names, wanted)
        again = existing_release(wanted, actual)
        if again is not None and again.number != actual.live:
            actual = resources.with_state(stage.aws, stage.names, actual, again.number)
        planned = plan(wanted, actual)
        if before.waited and before.live != actual.live and planned.changed:
            raise overtaken(stage.names, f"`live` is at release {actual.live} now")
        _check_canary(wanted, actual)
        if not options.dry_run:
            tell(place, report)
        options.on_plan(planned)
        done = _Done.of(wanted, actual)
        if not options.dry_run:
            done = _carry_out(stage, wanted, actual, planned, found, shipment, report)
    if not options.dry_run:
        stage.settled()
    return Deployed(
        stage=stage_name,
        url=stage.api_url(done.api_id, done.api_endpoint) if done.api_id else None,
        release=done.release,
        version=found.id,
        changed=planned.changed,
        steps=planned.steps,
        example=answers.from_document(found.read_json("golden.json"))[0].features,
        dry_run=options.dry_run,
        place=place,
    )


@dataclass(frozen=True)
class _Done:
    release: str | None
    api_id: str
    api_endpoint: str

    @classmethod
    def of(cls, wanted: Desired, actual: Actual) -> "_Done":
        """What is there without doing anything."""
        release = existing_release(wanted, actual)
        api = actual.api
        return cls(release.number if release else None, api.id if api else "", api.endpoint if api else "")


def _carry_out(
    stage: Stage,
    wanted: Desired,
    actual: Actual,
    planned: Plan,
    version: ModelVersion,
    shipment: Shipment,
    report: Report,
) -> _Done:
    golden = Golden.of(stage, version, shipment.parity)
    work = DeployContext(
        aws=stage.aws,
        desired=wanted,
        actual=actual,
        code=shipment.zip,
        verify=golden.verify,
        ask=golden.asker(),
        limits=stage.settings.deploy.canary,
        report=report,
    )
    carry_out(work, planned)
    return _Done(work.release, work.api_id, work.api_endpoint)


@dataclass(frozen=True)
class _Before:
    """What was live when the turn was asked for, and whether it had to be waited for."""

    live: str | None
    waited: bool


@contextmanager
def _turn(stage: Stage, options: Options, report: Report) -> Iterator[_Before]:
    """The turn of this command among those of this project on this machine.

    Between machines it is the revisions of function and alias that decide; see ``mlctl.aws.apply``.
    """
    if options.dry_run:
        yield _Before(None, waited=False)
        return
    before = _Before(None, waited=False)

    def busy() -> None:
        nonlocal before
        before = _Before(resources.live(stage.aws, stage.names), waited=True)
        report(Event("note", "lock", f"Another command is changing stage '{stage.name}': waiting for it to end."))

    with stage.turn(report, busy=busy):
        yield before


def _check_canary(wanted: Desired, actual: Actual) -> None:
    """An alias takes two versions only with one role: https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html."""
    live = actual.live_release
    if wanted.canary and live and live.config.role != wanted.config.role:
        raise MlctlError(
            "The live release has another role, and Lambda splits traffic only between releases of one role.",
            code="canary_roles_differ",
            exit_code=ExitCode.USAGE,
            hint="Deploy once without --canary to change the role.",
        )


def _no_canary_here() -> MlctlError:
    return MlctlError(
        "The local stage has no canary: the emulator does not split traffic between two releases.",
        code="canary_unavailable",
        exit_code=ExitCode.USAGE,
        hint="Deploy without --canary here; on AWS: `mlctl deploy --stage prod --canary 10 --bake 5m`.",
    )
