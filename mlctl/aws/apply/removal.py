"""Deletes the resources of a stage: first those that receive traffic, then those behind them."""

from collections.abc import Callable
from functools import partial

from botocore.exceptions import ClientError

from mlctl.aws.apply import package_bucket
from mlctl.aws.client.errors import raise_unless_absent
from mlctl.aws.client.retry import patiently
from mlctl.aws.client.session import Aws
from mlctl.aws.stack.names import Names
from mlctl.aws.stack.state import Actual, RoleState
from mlctl.progress import Event, Report

_Step = tuple[str, str, Callable[[], object]]


def remove(aws: Aws, names: Names, actual: Actual, account: str, report: Report) -> tuple[tuple[str, str], ...]:
    """Delete everything of ours; ``(resource, name)`` of what was deleted, in order."""
    steps = [*_front(aws, names, actual), *_back(aws, names, actual)]
    if actual.bucket_exists:
        name = names.bucket(account, aws.region)
        steps.append(("bucket", name, partial(package_bucket.remove, aws, name, account)))
    for resource, name, delete in steps:
        report(Event("start", resource, f"delete {resource} {name}"))
        try:
            delete()
        except ClientError as error:
            # Gone already: by a call whose answer was lost, or by somebody else.
            raise_unless_absent(error)
        report(Event("finish", resource, "deleted"))
    return tuple((resource, name) for resource, name, _ in steps)


def _front(aws: Aws, names: Names, actual: Actual) -> list[_Step]:
    """What lets traffic in."""
    steps: list[_Step] = []
    for domain in actual.domains:
        if domain.ours:
            name = domain.config.name
            if domain.mapping_id:
                unmap = partial(aws.api.delete_api_mapping, DomainName=name, ApiMappingId=domain.mapping_id)
                steps.append(("domain mapping", name, unmap))
            steps.append(("domain", name, partial(aws.api.delete_domain_name, DomainName=name)))
    for api_id in ((actual.api.id,) if actual.api else ()) + actual.other_apis:
        steps.append(("api", names.function, partial(aws.api.delete_api, ApiId=api_id)))
    return steps


def _back(aws: Aws, names: Names, actual: Actual) -> list[_Step]:
    """What served it."""
    steps: list[_Step] = []
    if actual.alarms:
        alarms = [alarm.name for alarm in actual.alarms]
        steps.append(("alarms", ", ".join(alarms), partial(aws.cloudwatch.delete_alarms, AlarmNames=alarms)))
    if actual.function:
        delete = partial(aws.lambda_.delete_function, FunctionName=names.function)
        steps.append(("function", names.function, lambda: patiently(aws, delete)))
    if actual.role:
        steps += _role(aws, names, actual.role)
    if actual.log_group:
        group = names.log_group
        steps.append(("log group", group, partial(aws.logs.delete_log_group, logGroupName=group)))
    return steps


def _role(aws: Aws, names: Names, role: RoleState) -> list[_Step]:
    """The role, and before it whatever policies it has: IAM deletes no role that has some."""
    iam, name = aws.iam, names.role
    steps: list[_Step] = []
    for policy in role.config.policies:
        steps.append(
            ("role policy", f"{name}/{policy}", partial(iam.delete_role_policy, RoleName=name, PolicyName=policy))
        )
    for arn in role.attached:
        steps.append(("role policy", f"{name}/{arn}", partial(iam.detach_role_policy, RoleName=name, PolicyArn=arn)))
    steps.append(("role", name, partial(iam.delete_role, RoleName=name)))
    return steps
