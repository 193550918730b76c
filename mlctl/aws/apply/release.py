"""Steps that publish, verify and delete releases."""

from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from mlctl.aws.apply.context import DeployContext
from mlctl.aws.apply.function import at_revision, is_desired, settled
from mlctl.aws.client.errors import code_of, raise_unless_absent
from mlctl.aws.client.retry import patiently, wait
from mlctl.aws.stack.names import ReleaseText
from mlctl.aws.stack.ownership import overtaken
from mlctl.aws.stack.plan import Step
from mlctl.progress import Event

_ATTEMPTS = 3


def release(run: DeployContext, step: Step) -> str:
    """Publish the function as a release, or delete an old one."""
    if step.action == "delete":
        return _delete(run, step.target)
    published = _publish(run)
    known = run.actual.release(published["Version"])
    if ReleaseText.from_description(published.get("Description", "")) is None or (known and known.has_failed):
        # Nothing has changed since somebody published it by hand, or since it failed: Lambda gave that version back.
        _touch(run)
        published = _publish(run)
    run.release = published["Version"]
    return f"release {run.release}"


def verify(run: DeployContext, _: Step) -> str:
    """Ask the release every golden example, by its number, once Lambda has it ready.

    One that was there before is not waited for: an idle one is inactive until the first question wakes it, and one
    whose command was cut off may be pending still. Both are asked until they answer.
    """
    if run.actual.release(run.release) is None:
        wait(run.aws, "published_version_active", FunctionName=run.function, Qualifier=run.release)
    run.verify(run.release)
    return f"release {run.release} answers as scikit-learn does"


def _touch(run: DeployContext) -> None:
    """Change what says nothing, the function's own description, so that there is something to publish."""
    found = settled(run)
    wanted = {"Description": f"{run.desired.release.to_description()[:-1]}~", **at_revision(found)}
    patiently(
        run.aws,
        partial(run.aws.lambda_.update_function_configuration, FunctionName=run.function, **wanted),
        run.sleep,
    )


def _publish(run: DeployContext) -> Any:
    """Publish what is there only if it is what this run put there: digest and revision are named."""
    for _ in range(_ATTEMPTS):
        found = settled(run)
        if not is_desired(run, found):
            raise overtaken(run.desired.names, "it gave the function other code or settings")
        wanted: dict[str, Any] = {
            "FunctionName": run.function,
            "CodeSha256": run.desired.code_sha256,
            "Description": run.desired.release.to_description(),
            **at_revision(found),
        }
        try:
            return patiently(run.aws, partial(run.aws.lambda_.publish_version, **wanted), run.sleep)
        except ClientError as error:
            # The revision may have moved on by itself: Lambda changes it when an update is through.
            if code_of(error) != "PreconditionFailedException":
                raise
    raise overtaken(run.desired.names, "the function changes all the time")


def _delete(run: DeployContext, number: str) -> str:
    try:
        run.aws.lambda_.delete_function(FunctionName=run.function, Qualifier=number)
    except ClientError as error:
        if code_of(error) == "ResourceConflictException":
            # An alias of somebody's points at it. Tidying up must not fail a deploy that is through.
            run.report(Event("warning", "release", f"Release {number} is kept: something else still points at it."))
            return "kept"
        raise_unless_absent(error)
    return "deleted"
