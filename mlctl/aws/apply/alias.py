"""The alias ``live``: the one thing that decides which release gets traffic."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from mlctl.aws import canary, read
from mlctl.aws.apply.run import Run
from mlctl.aws.errors import code_of
from mlctl.aws.names import ALIAS, AliasText, CanaryText, Names
from mlctl.aws.ownership import overtaken
from mlctl.aws.plan import Step, resumed
from mlctl.aws.session import Aws
from mlctl.errors import MlctlError
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
        found = read.alias(aws, names)
        if found is None or (found.release, found.text, found.weights) != (release, text, dict(weights or {})):
            at = f"`live` is at release {found.release}" if found else "`live` is gone"
            raise overtaken(names, at) from None
        return found.revision
    return updated.get("RevisionId", "")


def move(run: Run, step: Step) -> str:
    """Let traffic in: at once, or to a part of it first."""
    if step.action == "create" or run.actual.alias is None:
        return _create(run)
    before = run.actual.alias.release
    verified = _verified(run)
    if before == run.release:
        text = replace(run.alias_text, verified=verified, canary=None)
        _update(run, before, text)
        return f"live → release {run.release}"
    if run.desired.canary or resumed(run.desired, run.actual):
        _bake(run, before, verified)
    _update(run, run.release, AliasText(previous=before, verified=verified))
    return f"live → release {run.release}"


def take_back(run: Run, _: Step) -> str:
    """End a canary of another release."""
    alias = run.actual.alias
    if alias is not None:
        _update(run, alias.release, run.alias_text.without(alias.weights))
    return f"release {alias.release if alias else ''} has all the traffic again"


def _create(run: Run) -> str:
    names, text = run.desired.names, AliasText(verified=frozenset({run.release}))
    try:
        run.aws.lambda_.create_alias(
            FunctionName=run.function, Name=ALIAS, FunctionVersion=run.release, Description=text.to_description()
        )
    except ClientError as error:
        if code_of(error) != "ResourceConflictException":
            raise
        found = read.alias(run.aws, names)
        if found is None or found.release != run.release:
            raise overtaken(names, f"`live` is at release {found.release if found else 'none'}") from None
    return f"live → release {run.release}"


def _bake(run: Run, before: str, verified: frozenset[str]) -> None:
    """Give the release a part of the traffic, watch it, and take it back whatever goes wrong."""
    text = run.alias_text.canary if resumed(run.desired, run.actual) else None
    if text is None:
        wanted = run.desired.canary
        if wanted is None:
            raise AssertionError("a canary is wanted or resumed")
        text = CanaryText(run.release, wanted.percent, int(run.clock()), wanted.bake)
        told = AliasText(run.alias_text.previous, verified, text)
        _update(run, before, told, {run.release: text.percent / 100})
    asked = 0

    def ask() -> None:
        nonlocal asked
        asked += 1
        if asked % _CHECK_EVERY == 0:
            _check_still_ours(run)
        run.ask(run.release)

    try:
        canary.bake(
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
    except MlctlError as error:
        if error.code != "overtaken":
            _return(run, before, verified)
            error.hint = f"The canary was taken back: release {before} has all the traffic again."
        raise
    except (Exception, KeyboardInterrupt):
        _return(run, before, verified)
        raise


def _return(run: Run, before: str, verified: frozenset[str]) -> None:
    _update(run, before, replace(run.alias_text, verified=verified).without({run.release}))
    run.report(Event("warning", "canary", f"Canary taken back: release {before} has all the traffic again."))


def _check_still_ours(run: Run) -> None:
    found = read.alias(run.aws, run.desired.names)
    if found is None or (run.alias_revision and found.revision != run.alias_revision):
        raise overtaken(run.desired.names, "it took the canary back or moved `live`")


def _update(run: Run, release: str, text: AliasText, weights: Mapping[str, float] | None = None) -> None:
    run.alias_revision = update(run.aws, run.desired.names, release, text, weights=weights, revision=run.alias_revision)
    run.alias_text = text


def _verified(run: Run) -> frozenset[str]:
    """The verified releases that are still there, and this one."""
    there = {release.number for release in run.actual.releases}
    return frozenset(run.alias_text.verified & there) | {run.release}
