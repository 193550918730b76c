"""Releases: published, verified, and the old ones deleted."""

from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from mlctl.aws.apply.function import at_revision, is_desired, settled
from mlctl.aws.apply.run import Run
from mlctl.aws.errors import code_of, raise_unless_absent
from mlctl.aws.names import ReleaseText
from mlctl.aws.ownership import overtaken
from mlctl.aws.patience import patiently, wait
from mlctl.aws.plan import Step

_ATTEMPTS = 3


def release(run: Run, step: Step) -> str:
    """Publish the function as a release, or delete an old one."""
    if step.action == "delete":
        return _delete(run, step.name)
    published = _publish(run)
    if ReleaseText.from_description(published.get("Description", "")) is None:
        # Nothing has changed since somebody published it by hand, so Lambda gave that version back.
        wanted = run.desired.release.to_description()
        run.aws.lambda_.update_function_configuration(FunctionName=run.function, Description=wanted)
        published = _publish(run)
    run.release = published["Version"]
    return f"release {run.release}"


def verify(run: Run, _: Step) -> str:
    """Ask the release every golden example, by its number, once Lambda has it ready.

    It is waited for here and not where it is published: a command that was cut off in between has published it already.
    """
    wait(run.aws, "published_version_active", FunctionName=run.function, Qualifier=run.release)
    run.verify(run.release)
    return f"release {run.release} answers as scikit-learn does"


def _publish(run: Run) -> Any:
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


def _delete(run: Run, number: str) -> str:
    try:
        run.aws.lambda_.delete_function(FunctionName=run.function, Qualifier=number)
    except ClientError as error:
        raise_unless_absent(error)
    return "deleted"
