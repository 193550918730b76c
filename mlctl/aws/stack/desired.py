"""Makes the desired state of a stage from its settings."""

import json
from dataclasses import dataclass

from mlctl.aws.stack.constants import LOGS_POLICY, TRACING_POLICY, VPC_POLICY
from mlctl.aws.stack.names import HANDLER, Identity, Names, ReleaseText
from mlctl.aws.stack.state import (
    Alarm,
    ApiConfig,
    Canary,
    Cors,
    Desired,
    Domain,
    FunctionConfig,
    Jwt,
    RoleConfig,
    Throttling,
)
from mlctl.settings.deploy import DeploySettings

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
DIRECT_BYTES = 50 * 1024 * 1024
UNZIPPED_BYTES = 250 * 1024 * 1024


@dataclass(frozen=True)
class Code:
    """A package: its Python version, model, digests, and size in bytes."""

    python: str
    model: str
    package: str
    sha256: str
    size: int


def desired(
    names: Names, identity: Identity, deploy: DeploySettings, code: Code, canary: Canary | None = None
) -> Desired:
    """The desired state of the stage with this package."""
    role = deploy.role or f"arn:{identity.partition}:iam::{identity.account}:role/{names.role}"
    functions = f"arn:{identity.partition}:lambda:{identity.region}:{identity.account}:function"
    return Desired(
        names=names,
        account=identity.account,
        partition=identity.partition,
        region=identity.region,
        config=FunctionConfig(
            runtime=f"python{code.python}",
            architecture=deploy.architecture,
            handler=HANDLER,
            memory=deploy.memory,
            timeout=deploy.timeout,
            role=role,
            log_group=names.log_group,
            log_level=deploy.log_level,
            ephemeral_storage=deploy.ephemeral_storage,
            tracing=deploy.tracing,
            snapstart=deploy.snapstart,
            environment=dict(deploy.environment),
            subnets=tuple(sorted(deploy.vpc.subnets)) if deploy.vpc else (),
            security_groups=tuple(sorted(deploy.vpc.security_groups)) if deploy.vpc else (),
        ),
        release=ReleaseText(model=code.model, package=code.package, by=identity.caller),
        code_sha256=code.sha256,
        retention_days=deploy.log_retention,
        role=None if deploy.role else _role(names, identity, deploy),
        api=_api(f"{functions}:{names.qualified_function}", deploy),
        reserved=deploy.reserved_concurrency,
        provisioned=deploy.provisioned_concurrency,
        domain=Domain(deploy.domain.name, deploy.domain.certificate) if deploy.domain else None,
        alarms=_alarms(names, deploy),
        tags=dict(deploy.tags),
        keep_releases=deploy.keep_releases,
        canary=canary,
        through_bucket=code.size > DIRECT_BYTES,
    )


def canonical(document: object) -> str:
    """A policy document as canonical JSON, so that two can be compared."""
    return json.dumps(document, sort_keys=True)


def _policy(*statements: dict[str, object]) -> str:
    return canonical({"Version": "2012-10-17", "Statement": list(statements)})


def _allow(actions: list[str], resource: str) -> dict[str, object]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def _role(names: Names, identity: Identity, deploy: DeploySettings) -> RoleConfig:
    """Permissions for the log group; for X-Ray and network interfaces only if the settings need them."""
    group = f"arn:{identity.partition}:logs:{identity.region}:{identity.account}:log-group:{names.log_group}:*"
    policies = {LOGS_POLICY: _policy(_allow(["logs:CreateLogStream", "logs:PutLogEvents"], group))}
    if deploy.tracing:
        # X-Ray knows no resources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
        policies[TRACING_POLICY] = _policy(_allow(["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*"))
    if deploy.vpc:
        # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
        interfaces = [
            "CreateNetworkInterface",
            "DeleteNetworkInterface",
            "DescribeNetworkInterfaces",
            "DescribeSubnets",
        ]
        interfaces += ["AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"]
        policies[VPC_POLICY] = _policy(_allow([f"ec2:{action}" for action in interfaces], "*"))
    assuming: dict[str, object] = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return RoleConfig(policies=policies, trust=_policy(assuming), boundary=deploy.permissions_boundary)


def _api(alias_arn: str, deploy: DeploySettings) -> ApiConfig:
    cors = deploy.cors
    return ApiConfig(
        integration=alias_arn,
        auth=deploy.auth,
        jwt=Jwt(deploy.jwt_issuer, tuple(sorted(deploy.jwt_audience)))
        if deploy.auth == "jwt" and deploy.jwt_issuer
        else None,
        throttling=Throttling(rate=deploy.throttle.rate, burst=deploy.throttle.burst),
        cors=Cors(
            origins=tuple(sorted(cors.allow_origins)),
            methods=tuple(sorted(cors.allow_methods)),
            headers=tuple(sorted(name.lower() for name in cors.allow_headers)),
            expose=tuple(sorted(name.lower() for name in cors.expose_headers)),
            max_age=cors.max_age,
            credentials=cors.allow_credentials,
        )
        if cors
        else None,
    )


def _alarms(names: Names, deploy: DeploySettings) -> tuple[Alarm, ...]:
    thresholds = deploy.alarms
    if thresholds is None:
        return ()
    actions = tuple(sorted(thresholds.actions))
    metrics = (
        ("errors", "Errors", "Sum", thresholds.errors),
        ("throttles", "Throttles", "Sum", thresholds.throttles),
        ("p99", "Duration", "p99", thresholds.p99),
    )
    return tuple(
        Alarm(f"{names.alarm_prefix}{name}", metric, statistic, float(threshold), actions)
        for name, metric, statistic, threshold in metrics
        if threshold is not None
    )
