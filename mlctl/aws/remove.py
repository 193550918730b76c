"""Takes a stage down: traffic first, then what served it. Each step is skipped where nothing is left."""

from functools import partial
from typing import TYPE_CHECKING

from mlctl.aws.names import POLICY, Names
from mlctl.aws.plan import Actual
from mlctl.aws.session import Aws
from mlctl.progress import Event, Report

if TYPE_CHECKING:
    from collections.abc import Callable


def remove(aws: Aws, names: Names, actual: Actual, report: Report) -> tuple[tuple[str, str], ...]:
    """Delete everything of ours; ``(resource, name)`` of what was deleted, in order."""
    steps: list[tuple[str, str, Callable[[], object]]] = []
    for api_id in ((actual.api.id,) if actual.api else ()) + actual.other_apis:
        steps.append(("api", names.function, partial(aws.api.delete_api, ApiId=api_id)))
    if actual.function:
        steps.append(("function", names.function, lambda: aws.lambda_.delete_function(FunctionName=names.function)))
    if actual.role:
        if actual.role.policy is not None:
            steps.append(
                ("role policy", names.role, lambda: aws.iam.delete_role_policy(RoleName=names.role, PolicyName=POLICY))
            )
        steps.append(("role", names.role, lambda: aws.iam.delete_role(RoleName=names.role)))
    if actual.log_group:
        steps.append(("log group", names.log_group, lambda: aws.logs.delete_log_group(logGroupName=names.log_group)))
    for resource, name, delete in steps:
        report(Event("start", resource, f"delete {resource} {name}"))
        delete()
        report(Event("finish", resource, "deleted"))
    return tuple((resource, name) for resource, name, _ in steps)
