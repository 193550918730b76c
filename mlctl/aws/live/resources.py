"""Reads the actual state of a stage from AWS; there is no state file."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from mlctl.aws.client.errors import raise_unless_absent
from mlctl.aws.client.response_checks import interpreting
from mlctl.aws.client.session import Aws
from mlctl.aws.live import api_resources, package_bucket
from mlctl.aws.stack.desired import canonical
from mlctl.aws.stack.names import ALIAS, STATEMENT, AliasText, Identity, Names, ReleaseText
from mlctl.aws.stack.state import (
    Actual,
    Alarm,
    AliasState,
    FunctionConfig,
    FunctionState,
    LogGroupState,
    ReleaseState,
    RoleConfig,
    RoleState,
)
from mlctl.errors import ExitCode, MlctlError

if TYPE_CHECKING:
    from collections.abc import Mapping

ALARMS = ("errors", "throttles", "p99")


def identity(aws: Aws) -> Identity:
    """The account that the credentials belong to, and who they are."""
    caller = aws.sts.get_caller_identity()
    arn = caller["Arn"]
    name = arn.rpartition("/")[2].rpartition(":")[2]
    with interpreting("GetCallerIdentity"):
        partition = arn.split(":")[1]
    return Identity(account=caller["Account"], partition=partition, region=aws.region, caller=name)


def actual(aws: Aws, names: Names, *, bucket: str | None = None, domain: str | None = None) -> Actual:
    """Everything of ours on this stage; ``bucket`` and ``domain`` are asked for where they are named."""
    function = _function(aws, names)
    apis = api_resources.addresses(aws, names)
    ours, foreign = alarms(aws, names)
    has_bucket = bucket is not None and package_bucket.exists(aws, bucket)
    return Actual(
        role=_role(aws, names),
        log_group=_log_group(aws, names),
        function=function,
        releases=with_provisioned(aws, names, releases(aws, names)) if function else (),
        alias=alias(aws, names) if function else None,
        api=api_resources.api(aws, *apis[0]) if apis else None,
        other_apis=tuple(api_id for api_id, _ in apis[1:]),
        allowed_source=allowed_source(aws, names) if function else None,
        domains=api_resources.domains(aws, names, domain),
        alarms=ours,
        foreign_alarms=foreign,
        bucket_exists=has_bucket,
        bucket_is_whole=has_bucket and bucket is not None and package_bucket.is_whole(aws, bucket, names.tags),
    )


def releases(aws: Aws, names: Names) -> tuple[ReleaseState, ...]:
    """The published versions, in the order of their numbers; none where there is no function."""
    pages = aws.lambda_.get_paginator("list_versions_by_function").paginate(FunctionName=names.function)
    try:
        found = [
            release_of(version) for page in pages for version in page["Versions"] if version["Version"] != "$LATEST"
        ]
    except ClientError as error:
        raise_unless_absent(error)
        return ()
    with interpreting("ListVersionsByFunction"):
        return tuple(sorted(found, key=lambda release: int(release.number)))


def alias(aws: Aws, names: Names) -> AliasState | None:
    """The alias ``live``; None before the first release is live."""
    try:
        found = aws.lambda_.get_alias(FunctionName=names.function, Name=ALIAS)
    except ClientError as error:
        raise_unless_absent(error)
        return None
    return AliasState(
        release=found["FunctionVersion"],
        text=AliasText.from_description(found.get("Description", "")),
        weights=dict(found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})),
        revision=found.get("RevisionId", ""),
    )


def with_state(aws: Aws, names: Names, found: Actual, number: str) -> Actual:
    """The same, with whether Lambda ever got that release ready: the list of all releases does not tell."""
    version = aws.lambda_.get_function_configuration(FunctionName=names.function, Qualifier=number)
    failed = version.get("State") == "Failed"
    told = (replace(each, has_failed=failed) if each.number == number else each for each in found.releases)
    return replace(found, releases=tuple(told))


def live(aws: Aws, names: Names) -> str | None:
    """The number of the release that ``live`` points at."""
    found = alias(aws, names)
    return found.release if found else None


def live_release(aws: Aws, names: Names) -> ReleaseState | None:
    """The release that serves, without listing the others."""
    try:
        version = aws.lambda_.get_function_configuration(FunctionName=names.function, Qualifier=ALIAS)
    except ClientError as error:
        raise_unless_absent(error)
        return None
    return release_of(version)


def function(aws: Aws, names: Names) -> FunctionState | None:
    """The function as it is now."""
    return _function(aws, names)


def allowed_source(aws: Aws, names: Names) -> str | None:
    """The ARN that our statement lets invoke the alias; empty for a statement that names none."""
    try:
        policy = aws.lambda_.get_policy(FunctionName=names.function, Qualifier=ALIAS)["Policy"]
    except ClientError as error:
        raise_unless_absent(error)
        return None
    with interpreting("GetPolicy"):
        for statement in json.loads(policy)["Statement"]:
            if statement["Sid"] == STATEMENT:
                return str(statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", ""))
    return None


def alarms(aws: Aws, names: Names) -> tuple[tuple[Alarm, ...], tuple[str, ...]]:
    """Those of our alarms that are there; and names of ours that alarms on something else have."""
    wanted = [f"{names.alarm_prefix}{name}" for name in ALARMS]
    ours, foreign = [], []
    for each in aws.cloudwatch.describe_alarms(AlarmNames=wanted)["MetricAlarms"]:
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in each.get("Dimensions", [])}
        if dimensions.get("FunctionName") != names.function:
            foreign.append(each["AlarmName"])
            continue
        ours.append(
            Alarm(
                name=each["AlarmName"],
                metric=each.get("MetricName", ""),
                statistic=each.get("ExtendedStatistic") or each.get("Statistic", ""),
                threshold=each.get("Threshold", 0.0),
                actions=tuple(sorted(each.get("AlarmActions", []))),
            )
        )
    return tuple(ours), tuple(foreign)


def _role(aws: Aws, names: Names) -> RoleState | None:
    try:
        role = aws.iam.get_role(RoleName=names.role)["Role"]
        policies = {
            name: canonical(_document(aws.iam.get_role_policy(RoleName=names.role, PolicyName=name)["PolicyDocument"]))
            for page in aws.iam.get_paginator("list_role_policies").paginate(RoleName=names.role)
            for name in page["PolicyNames"]
        }
        attached = [
            each["PolicyArn"]
            for page in aws.iam.get_paginator("list_attached_role_policies").paginate(RoleName=names.role)
            for each in page["AttachedPolicies"]
        ]
    except ClientError as error:
        raise_unless_absent(error)
        return None
    tags = {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])}
    return RoleState(
        config=RoleConfig(
            policies=policies,
            trust=canonical(_document(role["AssumeRolePolicyDocument"])),
            boundary=role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        ),
        ours=names.tags.items() <= tags.items(),
        attached=tuple(attached),
    )


def _document(policy: Any) -> Any:
    """A policy document; boto3 has parsed it already, other services give URL-encoded text."""
    with interpreting("GetRole"):
        return json.loads(unquote(policy)) if isinstance(policy, str) else policy


def _log_group(aws: Aws, names: Names) -> LogGroupState | None:
    pages = aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=names.log_group)
    for page in pages:
        for group in page["logGroups"]:
            if group["logGroupName"] == names.log_group:
                tags = aws.logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"]
                return LogGroupState(group.get("retentionInDays"), ours=names.tags.items() <= tags.items())
    return None


def _function(aws: Aws, names: Names) -> FunctionState | None:
    try:
        found = aws.lambda_.get_function(FunctionName=names.function)
    except ClientError as error:
        raise_unless_absent(error)
        return None
    if "TagsError" in found:
        # Without its tags our own function would look like somebody else's.
        raise MlctlError(
            f"AWS does not tell the tags of the function {names.function}: {found['TagsError'].get('Message', '')}",
            code="aws_tags_hidden",
            exit_code=ExitCode.AWS,
            hint="The caller needs lambda:ListTags; `mlctl doctor --policy` prints all that is needed.",
        )
    configuration, tags = found["Configuration"], found.get("Tags", {})
    return FunctionState(
        config=_config(configuration),
        code_sha256=configuration["CodeSha256"],
        ours=names.tags.items() <= tags.items(),
        revision=configuration.get("RevisionId", ""),
        tags=dict(tags),
        reserved=found.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
        is_busy=configuration.get("State") == "Pending" or configuration.get("LastUpdateStatus") == "InProgress",
        failure=_failure(configuration),
    )


def _failure(configuration: "Mapping[str, Any]") -> str | None:
    """Why Lambda could not make or update the function, in its words: it says so only afterwards."""
    for status, reason in (("State", "StateReason"), ("LastUpdateStatus", "LastUpdateStatusReason")):
        if configuration.get(status) == "Failed":
            return str(configuration.get(reason) or "it says no reason")
    return None


def with_provisioned(aws: Aws, names: Names, found: tuple[ReleaseState, ...]) -> tuple[ReleaseState, ...]:
    """The releases with the environments that are kept ready for them."""
    try:
        pages = aws.lambda_.get_paginator("list_provisioned_concurrency_configs").paginate(FunctionName=names.function)
        counts = {
            each["FunctionArn"].rpartition(":")[2]: each["RequestedProvisionedConcurrentExecutions"]
            for page in pages
            for each in page["ProvisionedConcurrencyConfigs"]
        }
    except ClientError as error:
        raise_unless_absent(error)
        return found
    return tuple(replace(release, provisioned=counts.get(release.number)) for release in found)


def release_of(version: "Mapping[str, Any]") -> ReleaseState:
    """A version's configuration, as Lambda gives it, as a release."""
    return ReleaseState(
        number=version["Version"],
        config=_config(version),
        text=ReleaseText.from_description(version.get("Description", "")),
        created=version.get("LastModified", ""),
    )


def _config(version: "Mapping[str, Any]") -> FunctionConfig:
    logging, vpc = version.get("LoggingConfig", {}), version.get("VpcConfig", {})
    return FunctionConfig(
        runtime=version.get("Runtime", ""),
        architecture=next(iter(version.get("Architectures", [])), "x86_64"),
        handler=version.get("Handler", ""),
        memory=version.get("MemorySize", 0),
        timeout=version.get("Timeout", 0),
        role=version.get("Role", ""),
        log_group=logging.get("LogGroup", ""),
        log_format=logging.get("LogFormat", ""),
        log_level=logging.get("ApplicationLogLevel"),
        ephemeral_storage=version.get("EphemeralStorage", {}).get("Size", 512),
        tracing=version.get("TracingConfig", {}).get("Mode") == "Active",
        snapstart=version.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions",
        environment=dict(version.get("Environment", {}).get("Variables", {})),
        subnets=tuple(sorted(vpc.get("SubnetIds", []))),
        security_groups=tuple(sorted(vpc.get("SecurityGroupIds", []))),
    )
