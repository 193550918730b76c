"""Every AWS operation that mlctl can call, and the IAM permissions that it needs: the policy of whoever deploys.

A test holds the table and the calls in this package together, in both directions. What an operation needs is told by
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mlctl.aws.desired import Identity
from mlctl.aws.names import Names
from mlctl.settings_deploy import DeploySettings

# As the stage of Names: a policy for all stages of a project.
EVERY_STAGE = "*"
# What stands in a policy where nobody knows better.
ACCOUNT, REGION = "ACCOUNT_ID", "REGION"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, of a managed policy without white space
LIMIT = 6144
# API Gateway asks for it where tags are given, but the service authorization reference does not know it.
UNDOCUMENTED = frozenset({"apigateway:TagResource"})

# In the order of the policy's statements.
On = Literal[
    "account",
    "function",
    "passed role",
    "role",
    "bounded role",
    "log group",
    "apis",
    "api tags",
    "endpoint",
    "domains",
    "domain",
    "certificate",
    "service role",
    "alarms",
    "bucket",
    "packages",
    "caller",
    "caller's role",
]
When = Literal["always", "own role", "boundary", "no boundary", "vpc", "domain", "signed"]

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
class Need:
    """One action that an operation needs, on what, and with which settings."""

    action: str
    on: On
    when: When = "always"


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


def _same(prefix: str, on: On, *operations: str, when: When = "always") -> dict[str, tuple[Need, ...]]:
    """Operations whose action has their own name."""
    return {operation: (Need(f"{prefix}:{operation}", on, when),) for operation in operations}


def _http(method: str, on: On, *operations: str, when: When = "always") -> dict[str, tuple[Need, ...]]:
    """Operations of API Gateway, whose actions are methods of HTTP."""
    return {operation: (Need(f"apigateway:{method}", on, when),) for operation in operations}


_GATEWAY = "ops.apigateway.amazonaws.com"
_ALARMS = ("errors", "throttles", "p99")
_PASS_ROLE = Need("iam:PassRole", "passed role")
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
_VPC = tuple(Need(f"ec2:Describe{each}", "account", "vpc") for each in ("SecurityGroups", "Subnets", "Vpcs"))
# Lambda fetches a package from the bucket with the rights of whoever calls it.
_FETCH = Need("s3:GetObject", "packages")
_PUT = Need("s3:PutObject", "packages")
# https://docs.aws.amazon.com/apigateway/latest/developerguide/using-service-linked-roles.html
_SERVICE_ROLE = Need("iam:CreateServiceLinkedRole", "service role", "domain")

OPERATIONS: Mapping[str, Mapping[str, tuple[Need, ...]]] = {
    "lambda": {
        **_same(
            "lambda", "function", "GetAlias", "GetFunctionConfiguration", "GetPolicy", "GetProvisionedConcurrencyConfig"
        ),
        **_same("lambda", "function", "ListVersionsByFunction", "ListProvisionedConcurrencyConfigs", "PublishVersion"),
        **_same("lambda", "function", "CreateAlias", "UpdateAlias", "AddPermission", "RemovePermission", "TagResource"),
        **_same("lambda", "function", "PutFunctionConcurrency", "DeleteFunctionConcurrency", "DeleteFunction"),
        **_same("lambda", "function", "PutProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig"),
        # Its answer holds the tags only for those who may list them.
        "GetFunction": (Need("lambda:GetFunction", "function"), Need("lambda:ListTags", "function")),
        "Invoke": (Need("lambda:InvokeFunction", "function"),),
        "CreateFunction": (
            Need("lambda:CreateFunction", "function"),
            Need("lambda:TagResource", "function"),
            _PASS_ROLE,
            _FETCH,
            *_VPC,
        ),
        "UpdateFunctionCode": (Need("lambda:UpdateFunctionCode", "function"), _FETCH),
        "UpdateFunctionConfiguration": (Need("lambda:UpdateFunctionConfiguration", "function"), _PASS_ROLE, *_VPC),
        **_same("lambda", "account", "GetAccountSettings"),
    },
    "iam": {
        # Of our role, of one that the settings name, and of the caller's own behind single sign-on.
        "GetRole": (
            Need("iam:GetRole", "role"),
            Need("iam:GetRole", "caller's role"),
        ),
        **_same("iam", "role", "GetRolePolicy", "ListRolePolicies", "ListAttachedRolePolicies"),
        **_same("iam", "role", "PutRolePolicy", "DeleteRolePolicy", "DetachRolePolicy", "DeleteRole", when="own role"),
        **_same("iam", "role", "UpdateAssumeRolePolicy", "TagRole", when="own role"),
        "CreateRole": (
            Need("iam:CreateRole", "role", "no boundary"),
            Need("iam:CreateRole", "bounded role", "boundary"),
            Need("iam:TagRole", "role", "own role"),
        ),
        **_same("iam", "bounded role", "PutRolePermissionsBoundary", when="boundary"),
        **_same("iam", "role", "DeleteRolePermissionsBoundary", when="no boundary"),
        **_same("iam", "caller", "SimulatePrincipalPolicy"),
    },
    "logs": {
        **_same("logs", "account", "DescribeLogGroups"),
        **_same("logs", "log group", "DeleteLogGroup", "FilterLogEvents", "ListTagsForResource", "PutRetentionPolicy"),
        **_same("logs", "log group", "TagResource"),
        # Of an emulator only, whose FilterLogEvents gives no tokens.
        "DescribeLogStreams": (),
        "GetLogEvents": (),
        "CreateLogGroup": (Need("logs:CreateLogGroup", "log group"), Need("logs:TagResource", "log group")),
    },
    "apigatewayv2": {
        **_http("GET", "apis", "GetApi", "GetApis", "GetAuthorizers", "GetIntegrations", "GetRoutes", "GetStages"),
        "CreateApi": (Need("apigateway:POST", "apis"), Need("apigateway:TagResource", "apis")),
        "CreateStage": (Need("apigateway:POST", "apis"), Need("apigateway:TagResource", "apis")),
        **_http("POST", "apis", "CreateAuthorizer", "CreateIntegration", "CreateRoute"),
        **_http("PATCH", "apis", "UpdateApi", "UpdateAuthorizer", "UpdateIntegration", "UpdateRoute", "UpdateStage"),
        **_http("DELETE", "apis", "DeleteApi", "DeleteAuthorizer", "DeleteCorsConfiguration", "DeleteRoute"),
        **_http("POST", "api tags", "TagResource"),
        **_http("GET", "domains", "GetDomainNames", "GetApiMappings"),
        "CreateDomainName": (
            Need("apigateway:POST", "domain", "domain"),
            Need("apigateway:TagResource", "domain", "domain"),
            _SERVICE_ROLE,
        ),
        **_http("POST", "domain", "CreateApiMapping", when="domain"),
        **_http("PATCH", "domain", "UpdateApiMapping", "UpdateDomainName", when="domain"),
        **_http("DELETE", "domain", "DeleteApiMapping", "DeleteDomainName", when="domain"),
    },
    "acm": _same("acm", "certificate", "DescribeCertificate", when="domain"),
    "cloudwatch": {
        **_same("cloudwatch", "account", "DescribeAlarms", "GetMetricData"),
        **_same("cloudwatch", "alarms", "DeleteAlarms"),
        "PutMetricAlarm": (Need("cloudwatch:PutMetricAlarm", "alarms"), Need("cloudwatch:TagResource", "alarms")),
    },
    "s3": {
        **_same("s3", "bucket", "CreateBucket", "DeleteBucket", "GetBucketTagging", "PutBucketTagging"),
        "HeadBucket": (Need("s3:ListBucket", "bucket"),),
        "ListObjectsV2": (Need("s3:ListBucket", "bucket"),),
        "ListMultipartUploads": (Need("s3:ListBucketMultipartUploads", "bucket"),),
        "PutPublicAccessBlock": (Need("s3:PutBucketPublicAccessBlock", "bucket"),),
        "PutBucketEncryption": (Need("s3:PutEncryptionConfiguration", "bucket"),),
        "PutBucketLifecycleConfiguration": (Need("s3:PutLifecycleConfiguration", "bucket"),),
        "DeleteObjects": (Need("s3:DeleteObject", "packages"),),
        **_same("s3", "packages", "AbortMultipartUpload"),
        "PutObject": (_PUT,),
        "CreateMultipartUpload": (_PUT,),
        "UploadPart": (_PUT,),
        "CompleteMultipartUpload": (_PUT,),
    },
    # Everybody may ask who they are.
    "sts": {"GetCallerIdentity": ()},
}

# No operation of an SDK: requests to the API itself, signed where the settings want that.
SIGNED = Need("execute-api:Invoke", "endpoint", "signed")


def policy(names: Names, place: Identity, deploy: DeploySettings) -> dict[str, Any]:
    """The IAM policy of whoever deploys this project to this stage: what these settings can need, and no more.

    ``names`` with EVERY_STAGE as their stage give one for all stages. API Gateway gives an API an id of its own
    choice, so rights on APIs cannot be narrowed to ours; everything else is named.
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


def actions_of(operation: str) -> tuple[str, ...]:
    """The actions that an operation of that name needs first; several where services share the name."""
    found = [operations[operation] for operations in OPERATIONS.values() if operation in operations]
    return tuple(needs[0].action for needs in found if needs)


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
