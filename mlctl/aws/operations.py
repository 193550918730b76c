"""Every AWS operation that mlctl can call, and the IAM actions that each one needs.

A test keeps this table and the calls in ``mlctl.aws`` equal, in both directions. Source of the actions:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True)
class Need:
    """One action that an operation needs, on what, and with which settings."""

    action: str
    on: On
    when: When = "always"


def _same(prefix: str, on: On, *operations: str, when: When = "always") -> dict[str, tuple[Need, ...]]:
    """Operations whose action has their own name."""
    return {operation: (Need(f"{prefix}:{operation}", on, when),) for operation in operations}


def _http(method: str, on: On, *operations: str, when: When = "always") -> dict[str, tuple[Need, ...]]:
    """Operations of API Gateway, whose actions are methods of HTTP."""
    return {operation: (Need(f"apigateway:{method}", on, when),) for operation in operations}


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


def actions_of(operation: str) -> tuple[str, ...]:
    """The actions that an operation of that name needs first; several where services share the name."""
    found = [operations[operation] for operations in OPERATIONS.values() if operation in operations]
    return tuple(needs[0].action for needs in found if needs)
