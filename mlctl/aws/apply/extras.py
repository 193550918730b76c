"""Steps for the log group, bucket, concurrency, alarms and tags."""

from typing import Any

from botocore.exceptions import ClientError

from mlctl.aws.apply import package_bucket
from mlctl.aws.apply.context import DeployContext
from mlctl.aws.client.errors import code_of, raise_unless_absent
from mlctl.aws.client.retry import patiently
from mlctl.aws.stack.constants import (
    ALARM_COMPARISON,
    ALARM_MISSING_DATA,
    ALARM_NAMESPACE,
    ALARM_PERIOD_SECONDS,
)
from mlctl.aws.stack.plan import Step
from mlctl.errors import ExitCode, MlctlError

_READY_PAUSE_SECONDS = 5.0
_READY_ATTEMPTS = 120


def log_group(run: DeployContext, step: Step) -> str:
    """Create the log group and set its retention."""
    names, days = run.desired.names, run.desired.retention_days
    if step.action == "create":
        try:
            run.aws.logs.create_log_group(logGroupName=names.log_group, tags=run.desired.all_tags)
        except ClientError as error:
            # Made by a call whose answer was lost: reading it told that it was not there, or whose it is.
            if code_of(error) != "ResourceAlreadyExistsException":
                raise
    run.aws.logs.put_retention_policy(logGroupName=names.log_group, retentionInDays=days)
    return f"kept for {days} days"


def bucket(run: DeployContext, _: Step) -> str:
    """Create the bucket for large packages."""
    package_bucket.ensure(run.aws, run.desired)
    return "private, encrypted, emptied after seven days"


def provisioned_concurrency(run: DeployContext, step: Step) -> str:
    """Set or remove the provisioned concurrency of a release.

    Raises MlctlError (exit 5) when the environments do not become ready.
    """
    client, target = run.aws.lambda_, {"FunctionName": run.function}
    if step.action == "delete":
        try:
            client.delete_provisioned_concurrency_config(**target, Qualifier=step.target)
        except ClientError as error:
            raise_unless_absent(error)
        return "given back"
    count = run.desired.provisioned or 0
    client.put_provisioned_concurrency_config(**target, Qualifier=run.release, ProvisionedConcurrentExecutions=count)
    for _ in range(_READY_ATTEMPTS):
        found = client.get_provisioned_concurrency_config(**target, Qualifier=run.release)
        if found.get("Status") == "READY":
            return f"{count} environments of release {run.release} are ready"
        if found.get("Status") == "FAILED":
            raise _not_provisioned(run, found.get("StatusReason", "it says no reason"))
        run.sleep(_READY_PAUSE_SECONDS * run.aws.pace)
    raise _not_provisioned(run, "they were not ready in ten minutes")


def reserved_concurrency(run: DeployContext, step: Step) -> str:
    """Set or remove the reserved concurrency of the function."""
    client = run.aws.lambda_
    if step.action == "delete" or run.desired.reserved is None:
        client.delete_function_concurrency(FunctionName=run.function)
        return "shared with the account's other functions"
    wanted = run.desired.reserved
    patiently(
        run.aws,
        lambda: client.put_function_concurrency(FunctionName=run.function, ReservedConcurrentExecutions=wanted),
        run.sleep,
    )
    return f"{wanted} at once"


def alarm(run: DeployContext, step: Step) -> str:
    """Create, change or delete one alarm on the alias."""
    client = run.aws.cloudwatch
    if step.action == "delete":
        client.delete_alarms(AlarmNames=[step.target])
        return "deleted"
    wanted = next(each for each in run.desired.alarms if each.name == step.target)
    is_percentile = wanted.statistic.startswith("p")
    statistic: dict[str, Any] = {"ExtendedStatistic" if is_percentile else "Statistic": wanted.statistic}
    client.put_metric_alarm(
        AlarmName=wanted.name,
        Namespace=ALARM_NAMESPACE,
        MetricName=wanted.metric,
        Dimensions=[
            {"Name": "FunctionName", "Value": run.function},
            {"Name": "Resource", "Value": run.desired.names.qualified_function},
        ],
        Period=ALARM_PERIOD_SECONDS,
        EvaluationPeriods=1,
        Threshold=wanted.threshold,
        ComparisonOperator=ALARM_COMPARISON,
        TreatMissingData=ALARM_MISSING_DATA,
        AlarmActions=list(wanted.actions),
        Tags=[{"Key": key, "Value": value} for key, value in run.desired.all_tags.items()],
        **statistic,
    )
    return f"{wanted.metric} at {wanted.threshold:g}"


def tags(run: DeployContext, _: Step) -> str:
    """Tag every resource. The function is last, because the plan compares only its tags."""
    desired, wanted = run.desired, run.desired.all_tags
    if desired.role is not None:
        run.aws.iam.tag_role(
            RoleName=desired.names.role, Tags=[{"Key": key, "Value": value} for key, value in wanted.items()]
        )
    here = f"{desired.region}:{desired.account}"
    group = f"arn:{desired.partition}:logs:{here}:log-group:{desired.names.log_group}"
    run.aws.logs.tag_resource(resourceArn=group, tags=wanted)
    api = f"arn:{desired.partition}:apigateway:{desired.region}::/apis/{run.api_id}"
    run.aws.api.tag_resource(ResourceArn=api, Tags=wanted)
    function = f"arn:{desired.partition}:lambda:{here}:function:{run.function}"
    run.aws.lambda_.tag_resource(Resource=function, Tags=wanted)
    return f"{len(wanted)} on role, log group, API and function"


def _not_provisioned(run: DeployContext, reason: str) -> MlctlError:
    return MlctlError(
        f"Lambda does not get environments of release {run.release} ready: {reason}.",
        code="not_provisioned",
        exit_code=ExitCode.AWS,
        hint="What was live before still is. Lower [deploy] provisioned_concurrency, or ask AWS for a higher quota.",
    )
