"""Steps for the alias ``live``, which decides which release gets traffic."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from mlctl.aws.apply.context import DeployContext
from mlctl.aws.client.errors import code_of, refusal
from mlctl.aws.client.session import Aws
from mlctl.aws.live import canary_watch, resources
from mlctl.aws.stack.names import ALIAS, AliasText, CanaryText, Names
from mlctl.aws.stack.ownership import overtaken
from mlctl.aws.stack.plan import Step, resumed
from mlctl.errors import ExitCode, MlctlError, first_line
from mlctl.progress import Event

_CHECK_EVERY = 5


def update(
    aws: Aws,
    names: Names,
    release: str,
    text: AliasText,
    *,
    weights: Mapping[str, float] | None = None,
    revision: str = "",
) -> str:
    """Point ``live`` at ``release``, with these weights and text, if it is still at ``revision``; the new revision.

    Raises MlctlError (exit 5) when another command has moved it meanwhile.
    """
    condition: dict[str, Any] = {"RevisionId": revision} if revision else {}
    try:
        updated = aws.lambda_.update_alias(
            FunctionName=names.function,
            Name=ALIAS,
            FunctionVersion=release,
            Description=text.to_description(),
            # An empty map ends what a canary left.
            RoutingConfig={"AdditionalVersionWeights": dict(weights or {})},
            **condition,
        )
    except ClientError as error:
        if code_of(error) != "PreconditionFailedException":
            raise
        # Either our own call took effect and its answer was lost, or somebody else's did.
        found = resources.alias(aws, names)
        if found is None or (found.release, found.text, found.weights) != (release, text, dict(weights or {})):
            at = f"`live` is at release {found.release}" if found else "`live` is gone"
            raise overtaken(names, at) from None
        return found.revision
    return updated.get("RevisionId", "")


def move(run: DeployContext, step: Step) -> str:
    """Move traffic to the release: all at once, or a canary share first."""
    if step.action == "create" or run.actual.alias is None:
        return _create(run)
    before = run.actual.alias.release
    verified = _verified(run)
    if before == run.release:
        text = replace(run.alias_text, verified=verified, canary=None)
        _update(run, before, text)
        return f"live → release {run.release}"
    after = AliasText(previous=before, verified=verified)
    if run.desired.canary or resumed(run.desired, run.actual):
        _as_canary(run, before, after)
    else:
        _update(run, run.release, after)
    return f"live → release {run.release}"


def take_back(run: DeployContext, _: Step) -> str:
    """End a canary of another release."""
    alias = run.actual.alias
    if alias is not None:
        _update(run, alias.release, replace(run.alias_text, canary=None))
    return f"release {alias.release if alias else ''} has all the traffic again"


def _create(run: DeployContext) -> str:
    names, text = run.desired.names, AliasText(verified=frozenset({run.release}))
    try:
        run.aws.lambda_.create_alias(
            FunctionName=run.function, Name=ALIAS, FunctionVersion=run.release, Description=text.to_description()
        )
    except ClientError as error:
        if code_of(error) != "ResourceConflictException":
            raise
        found = resources.alias(run.aws, names)
        if found is None or found.release != run.release:
            raise overtaken(names, f"`live` is at release {found.release if found else 'none'}") from None
    return f"live → release {run.release}"


def _as_canary(run: DeployContext, before: str, after: AliasText) -> None:
    """Give the release a part of the traffic, watch it, then give it all; take it back whatever goes wrong."""
    as_it_was = replace(run.alias_text, canary=None)
    try:
        _bake(run, before, _begin(run, before, after.verified))
        _update(run, run.release, after)
    except MlctlError as error:
        if error.code == "overtaken":
            raise
        did_worse = error.exit_code is ExitCode.VERIFICATION
        _take_back(run, before, as_it_was.without({run.release}) if did_worse else as_it_was)
        error.hint = f"The canary was taken back: release {before} has all the traffic again."
        raise
    except (Exception, KeyboardInterrupt):
        # Nobody has found anything wrong with it: what was known of the releases stays as it was.
        _take_back(run, before, as_it_was)
        raise


def _begin(run: DeployContext, before: str, verified: frozenset[str]) -> CanaryText:
    """Set the weights; those of a canary that was cut off are there."""
    text = run.alias_text.canary if resumed(run.desired, run.actual) else None
    if text is not None:
        return text
    wanted = run.desired.canary
    if wanted is None:
        raise AssertionError("a canary is wanted or resumed")
    text = CanaryText(run.release, wanted.percent, int(run.clock()), wanted.bake)
    _update(run, before, AliasText(run.alias_text.previous, verified, text), {run.release: text.percent / 100})
    return text


def _bake(run: DeployContext, before: str, text: CanaryText) -> None:
    asked = 0

    def ask() -> None:
        nonlocal asked
        asked += 1
        if asked % _CHECK_EVERY == 0:
            _check_still_ours(run)
        run.ask(run.release)

    canary_watch.bake(
        run.aws,
        run.desired.names,
        live=before,
        canary=text,
        limits=run.limits,
        ask=ask,
        report=run.report,
        clock=run.clock,
        sleep=run.sleep,
    )


def _take_back(run: DeployContext, before: str, text: AliasText) -> None:
    """Give all traffic back to ``before``, wherever the canary was interrupted.

    Raises MlctlError (exit 5) when that fails: the user must know that a part of the traffic is still the canary's.
    """
    aws, names = run.aws, run.desired.names
    try:
        # Read again: an interrupted call may or may not have moved it.
        found = resources.alias(aws, names)
        if found is None or found.release != before or not found.weights:
            return
        run.alias_revision = update(aws, names, before, text, revision=found.revision)
        if run.desired.provisioned and not _was_provisioned(run):
            aws.lambda_.delete_provisioned_concurrency_config(FunctionName=names.function, Qualifier=run.release)
    except Exception as error:
        why = refusal(error).message if isinstance(error, ClientError) else first_line(error)
        raise MlctlError(
            f"The canary could not be taken back: release {run.release} keeps its part of the traffic. {why}",
            code="canary_left",
            exit_code=ExitCode.AWS,
            hint=f"Correct that, then run `mlctl rollback{names.stage_option}`, which ends the canary.",
        ) from error
    run.report(Event("warning", "canary", f"Canary taken back: release {before} has all the traffic again."))


def _was_provisioned(run: DeployContext) -> bool:
    known = run.actual.release(run.release)
    return known is not None and known.provisioned is not None


def _check_still_ours(run: DeployContext) -> None:
    found = resources.alias(run.aws, run.desired.names)
    if found is None or (run.alias_revision and found.revision != run.alias_revision):
        raise overtaken(run.desired.names, "it took the canary back or moved `live`")


def _update(run: DeployContext, release: str, text: AliasText, weights: Mapping[str, float] | None = None) -> None:
    run.alias_revision = update(run.aws, run.desired.names, release, text, weights=weights, revision=run.alias_revision)
    run.alias_text = text


def _verified(run: DeployContext) -> frozenset[str]:
    """The verified releases that are still there, and this one."""
    there = {release.number for release in run.actual.releases}
    return frozenset(run.alias_text.verified & there) | {run.release}
