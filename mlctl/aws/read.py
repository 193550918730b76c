"""What is on AWS now, read from AWS itself: there is no state file."""

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from mlctl.aws.errors import code_of
from mlctl.aws.names import ALIAS, POLICY, STATEMENT, Names, ReleaseText
from mlctl.aws.plan import (
    Actual,
    ApiState,
    FunctionConfig,
    FunctionState,
    LogGroupState,
    ReleaseState,
    RoleState,
    Throttling,
)
from mlctl.aws.session import Aws

if TYPE_CHECKING:
    from collections.abc import Mapping

_ABSENT = {"ResourceNotFoundException", "NoSuchEntity", "NotFoundException"}


def canonical(document: object) -> str:
    """A policy document in one spelling, for comparing."""
    return json.dumps(document, sort_keys=True)


def identity(aws: Aws) -> tuple[str, str, str]:
    """``(account, partition, name of the caller)``."""
    caller = aws.sts.get_caller_identity()
    return caller["Account"], caller["Arn"].split(":")[1], caller["Arn"].rpartition("/")[2].rpartition(":")[2]


def actual(aws: Aws, names: Names) -> Actual:
    """Everything of ours on this stage."""
    function = _function(aws, names)
    apis = _api_addresses(aws, names)
    return Actual(
        role=_role(aws, names),
        log_group=_log_group(aws, names),
        function=function,
        releases=releases(aws, names),
        live=live(aws, names) if function else None,
        api=_api(aws, *apis[0]) if apis else None,
        other_apis=tuple(api_id for api_id, _ in apis[1:]),
        allowed_source=_allowed_source(aws, names) if function else None,
    )


def releases(aws: Aws, names: Names) -> tuple[ReleaseState, ...]:
    """The published versions, in the order of their numbers; none where there is no function."""
    pages = aws.lambda_.get_paginator("list_versions_by_function").paginate(FunctionName=names.function)
    try:
        found = [_release(version) for page in pages for version in page["Versions"] if version["Version"] != "$LATEST"]
    except ClientError as error:
        raise_unless_absent(error)
        return ()
    return tuple(sorted(found, key=lambda release: int(release.number)))


def live(aws: Aws, names: Names) -> str | None:
    """The number of the release that ``live`` points at."""
    try:
        return aws.lambda_.get_alias(FunctionName=names.function, Name=ALIAS)["FunctionVersion"]
    except ClientError as error:
        raise_unless_absent(error)
        return None


def live_release(aws: Aws, names: Names) -> ReleaseState | None:
    """The release that serves, without listing the others."""
    try:
        version = aws.lambda_.get_function_configuration(FunctionName=names.function, Qualifier=ALIAS)
    except ClientError as error:
        raise_unless_absent(error)
        return None
    return _release(version)


def api_address(aws: Aws, names: Names) -> tuple[str, str] | None:
    """``(id, endpoint)`` of our API, the oldest should there be several.

    It is found by its tags: API names are not unique.
    """
    return next(iter(_api_addresses(aws, names)), None)


def _api_addresses(aws: Aws, names: Names) -> list[tuple[str, str]]:
    ours = []
    for page in aws.api.get_paginator("get_apis").paginate():
        ours += [api for api in page["Items"] if names.tags.items() <= api.get("Tags", {}).items()]
    return [(api["ApiId"], api["ApiEndpoint"]) for api in sorted(ours, key=lambda api: api["CreatedDate"])]


def _api(aws: Aws, api_id: str, endpoint: str) -> ApiState:
    integration = next(iter(aws.api.get_integrations(ApiId=api_id)["Items"]), None)
    routes = aws.api.get_routes(ApiId=api_id)["Items"]
    route = next((each for each in routes if each["RouteKey"] == "$default"), None)
    stages = aws.api.get_stages(ApiId=api_id)["Items"]
    stage = next((each for each in stages if each["StageName"] == "$default"), None)
    limits = stage.get("DefaultRouteSettings", {}) if stage else {}
    return ApiState(
        id=api_id,
        endpoint=endpoint,
        integration_id=integration["IntegrationId"] if integration else None,
        integration_uri=integration.get("IntegrationUri") if integration else None,
        route_id=route["RouteId"] if route else None,
        route_target=route.get("Target") if route else None,
        has_stage=stage is not None,
        throttling=Throttling(rate=limits["ThrottlingRateLimit"], burst=limits["ThrottlingBurstLimit"])
        if "ThrottlingRateLimit" in limits and "ThrottlingBurstLimit" in limits
        else None,
    )


def _role(aws: Aws, names: Names) -> RoleState | None:
    try:
        role = aws.iam.get_role(RoleName=names.role)["Role"]
    except ClientError as error:
        raise_unless_absent(error)
        return None
    tags = {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])}
    return RoleState(
        policy=_role_policy(aws, names),
        trust=canonical(role["AssumeRolePolicyDocument"]),
        ours=names.tags.items() <= tags.items(),
    )


def _role_policy(aws: Aws, names: Names) -> str | None:
    try:
        return canonical(aws.iam.get_role_policy(RoleName=names.role, PolicyName=POLICY)["PolicyDocument"])
    except ClientError as error:
        raise_unless_absent(error)
        return None


def _log_group(aws: Aws, names: Names) -> LogGroupState | None:
    pages = aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=names.log_group)
    for page in pages:
        for group in page["logGroups"]:
            if group["logGroupName"] == names.log_group:
                return LogGroupState(retention_days=group.get("retentionInDays"))
    return None


def _function(aws: Aws, names: Names) -> FunctionState | None:
    try:
        found = aws.lambda_.get_function(FunctionName=names.function)
    except ClientError as error:
        raise_unless_absent(error)
        return None
    configuration = found["Configuration"]
    return FunctionState(
        config=_config(configuration),
        code_sha256=configuration["CodeSha256"],
        ours=names.tags.items() <= found.get("Tags", {}).items(),
    )


def _allowed_source(aws: Aws, names: Names) -> str | None:
    try:
        policy = json.loads(aws.lambda_.get_policy(FunctionName=names.function, Qualifier=ALIAS)["Policy"])
    except ClientError as error:
        raise_unless_absent(error)
        return None
    for statement in policy["Statement"]:
        if statement["Sid"] == STATEMENT:
            return str(statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", ""))
    return None


def _release(version: "Mapping[str, Any]") -> ReleaseState:
    return ReleaseState(
        number=version["Version"],
        config=_config(version),
        text=ReleaseText.from_description(version.get("Description", "")),
    )


def _config(version: "Mapping[str, Any]") -> FunctionConfig:
    logging = version.get("LoggingConfig", {})
    return FunctionConfig(
        runtime=version.get("Runtime", ""),
        architecture=version.get("Architectures", ["x86_64"])[0],
        handler=version.get("Handler", ""),
        memory=version.get("MemorySize", 0),
        timeout=version.get("Timeout", 0),
        role=version.get("Role", ""),
        log_group=logging.get("LogGroup", ""),
        log_format=logging.get("LogFormat", ""),
    )


def raise_unless_absent(error: ClientError) -> None:
    """Let an error pass that says only that a thing is not there."""
    if code_of(error) not in _ABSENT:
        raise error
