"""Builds the minimal IAM policy for the operations in ``mlctl.aws.operations``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlctl.aws.operations import OPERATIONS, SIGNED, On, When
from mlctl.aws.stack.names import Identity, Names
from mlctl.settings.deploy import DeploySettings

# As the stage of Names: a policy for all stages of a project.
EVERY_STAGE = "*"
# What stands in a policy where nobody knows better.
ACCOUNT, REGION = "ACCOUNT_ID", "REGION"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, of a managed policy without white space
LIMIT = 6144
# API Gateway asks for it where tags are given, but the service authorization reference does not know it.
UNDOCUMENTED = frozenset({"apigateway:TagResource"})

_GATEWAY = "ops.apigateway.amazonaws.com"
_ALARMS = ("errors", "throttles", "p99")

_SIDS: Mapping[On, str] = {
    "account": "AcrossTheAccount",
    "function": "Function",
    "passed role": "RoleGivenToLambda",
    "role": "Role",
    "bounded role": "RoleWithinItsBoundary",
    "log group": "LogGroup",
    "apis": "Apis",
    "api tags": "ApiTags",
    "endpoint": "SignedRequests",
    "domains": "Domains",
    "domain": "Domain",
    "certificate": "Certificate",
    "service role": "RoleOfApiGateway",
    "alarms": "Alarms",
    "bucket": "Bucket",
    "packages": "Packages",
    "caller": "Doctor",
    "caller's role": "DoctorBehindSingleSignOn",
}


@dataclass(frozen=True)
class Statement:
    """One statement of a policy; ``condition``: a key and the value that it must have."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: tuple[str, str] | None = None

    def to_document(self) -> dict[str, Any]:
        """As IAM has it."""
        resource = self.resources[0] if len(self.resources) == 1 else list(self.resources)
        document: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": resource,
        }
        if self.condition:
            document["Condition"] = {"StringEquals": dict((self.condition,))}
        return document


def policy(names: Names, place: Identity, deploy: DeploySettings) -> dict[str, Any]:
    """The IAM policy for deploying this project to this stage: what these settings can need, and no more.

    If the stage of ``names`` is EVERY_STAGE, the policy covers all stages. API Gateway chooses the id of an API, so
    the policy allows actions on all APIs; it names every other resource.
    """
    return {
        "Version": "2012-10-17",
        "Statement": [statement.to_document() for statement in statements(names, place, deploy)],
    }


def statements(names: Names, place: Identity, deploy: DeploySettings) -> tuple[Statement, ...]:
    """The statements of ``policy``."""
    needs = [need for needs in OPERATIONS.values() for each in needs.values() for need in each]
    wanted = [need for need in (*needs, SIGNED) if _applies(need.when, deploy)]
    resources = _resources(names, place, deploy)
    return tuple(
        Statement(sid, actions, resources[on], _condition(on, deploy))
        for on, sid in _SIDS.items()
        if (actions := tuple(sorted({need.action for need in wanted if need.on == on})))
    )


def _applies(when: When, deploy: DeploySettings) -> bool:
    has_boundary = deploy.permissions_boundary is not None
    return {
        "always": True,
        "own role": deploy.role is None,
        "boundary": deploy.role is None and has_boundary,
        "no boundary": deploy.role is None and not has_boundary,
        "vpc": deploy.vpc is not None,
        "domain": deploy.domain is not None,
        "signed": deploy.auth == "iam",
    }[when]


def _condition(on: On, deploy: DeploySettings) -> tuple[str, str] | None:
    if on == "passed role":
        return "iam:PassedToService", "lambda.amazonaws.com"
    if on == "service role":
        return "iam:AWSServiceName", _GATEWAY
    if on == "bounded role" and deploy.permissions_boundary:
        return "iam:PermissionsBoundary", deploy.permissions_boundary
    return None


def _resources(names: Names, place: Identity, deploy: DeploySettings) -> Mapping[On, tuple[str, ...]]:
    """The ARNs, or patterns of them, that each kind stands for."""
    here, prefix = f"{place.region}:{place.account}", f"arn:{place.partition}"
    function = f"{prefix}:lambda:{here}:function:{names.function}"
    # Actions on a log group are checked with `:*` at its end, those on its tags without:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    group = f"{prefix}:logs:{here}:log-group:{names.log_group}"
    iam, gateway = f"{prefix}:iam::{place.account}", f"{prefix}:apigateway:{place.region}:"
    role = f"{iam}:role/{names.role}"
    # The name holds a digest of region and stage.
    is_known = names.stage != EVERY_STAGE and place.region != REGION
    bucket = f"{prefix}:s3:::" + (names.bucket(place.account, place.region) if is_known else f"mlctl-{place.account}-*")
    domain = f"{gateway}:/domainnames/{deploy.domain.name}" if deploy.domain else ""
    return {
        "account": ("*",),
        "function": (function, f"{function}:*"),
        "passed role": (deploy.role or role,),
        "role": tuple(_once((role, deploy.role))),
        "bounded role": (role,),
        "log group": (group, f"{group}:*"),
        "apis": (f"{gateway}:/apis", f"{gateway}:/apis/*"),
        "api tags": (f"{gateway}:/tags/*",),
        "endpoint": (f"{prefix}:execute-api:{here}:*/$default/*",),
        "domains": (f"{gateway}:/domainnames", f"{gateway}:/domainnames/*"),
        "domain": (f"{gateway}:/domainnames", domain, f"{domain}/*"),
        "certificate": (deploy.domain.certificate if deploy.domain else "",),
        "service role": (f"{iam}:role/aws-service-role/{_GATEWAY}/AWSServiceRoleForAPIGateway",),
        "alarms": tuple(f"{prefix}:cloudwatch:{here}:alarm:{names.alarm_prefix}{each}" for each in _ALARMS),
        "bucket": (bucket,),
        "packages": (f"{bucket}/*",),
        "caller": (f"{iam}:role/*", f"{iam}:user/*"),
        "caller's role": (f"{iam}:role/aws-reserved/sso.amazonaws.com/*",),
    }


def _once(arns: Iterable[str | None]) -> Iterable[str]:
    return dict.fromkeys(arn for arn in arns if arn)
