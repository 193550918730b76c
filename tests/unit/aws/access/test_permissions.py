"""The policy of whoever deploys, and the calls that mlctl makes: neither may go beyond the other."""

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.model import ServiceModel

from mlctl.aws.access import permissions
from mlctl.aws.access.permissions import EVERY_STAGE, LIMIT, UNDOCUMENTED, policy
from mlctl.aws.client.session import Aws
from mlctl.aws.live import resources
from mlctl.aws.operations import OPERATIONS, SIGNED, Need, actions_of
from mlctl.aws.stack.names import Identity, Names
from mlctl.settings.deploy import DeploySettings
from tests.conftest import ROOT

SOURCES = ROOT / "mlctl" / "aws"
# The properties of Aws that are clients.
SERVICES = {
    "iam": "iam",
    "lambda_": "lambda",
    "api": "apigatewayv2",
    "api_once": "apigatewayv2",
    "logs": "logs",
    "cloudwatch": "cloudwatch",
    "s3": "s3",
    "acm": "acm",
    "sts": "sts",
}
# What boto3 adds to its clients, and the operations that it makes of them.
TRANSFERS = {
    "upload_fileobj": (
        "PutObject",
        "CreateMultipartUpload",
        "UploadPart",
        "CompleteMultipartUpload",
        "AbortMultipartUpload",
    )
}
# Where clients are made: of Aws, and of the reader of training data, whose rights are its user's own affair.
MAKERS = {"session.py", "s3_source.py"}

PLACE = Identity("123456789012", "aws", "eu-west-1", "ana")
NAMES = Names("iris", "prod")
BOUNDARY = "arn:aws:iam::123456789012:policy/team/boundary"
CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
EVERYTHING: dict[str, Any] = {
    "auth": "iam",
    "domain": {"name": "api.example.com", "certificate": CERTIFICATE},
    "vpc": {"subnets": ["subnet-1"], "security_groups": ["sg-1"]},
    "permissions_boundary": BOUNDARY,
    "alarms": {"errors": 1},
}


@cache
def model_of(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


@cache
def operations_by_method(service: str) -> dict[str, str]:
    return {xform_name(name): name for name in model_of(service).operation_names}


@cache
def waiters(service: str) -> dict[str, str]:
    model = botocore.session.get_session().get_waiter_model(service)
    return {xform_name(name): model.get_waiter(name).operation for name in model.waiter_names}


def functions(tree: ast.Module) -> Iterator[ast.AST]:
    """The outermost functions, what is in classes included; names are local to them."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from node.body
        else:
            yield node


def client_of(node: ast.AST) -> str | None:
    """The client that ``aws.lambda_``, ``run.aws.lambda_`` or ``self._aws.lambda_`` is."""
    if not isinstance(node, ast.Attribute) or node.attr not in SERVICES:
        return None
    base = node.value
    name = base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""
    return node.attr if name in ("aws", "_aws") else None


def aliases(function: ast.AST) -> dict[str, str]:
    """Local names of clients: ``client = run.aws.lambda_``, alone or in a row of assignments."""
    found = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts, strict=True))
                for name, value in pairs:
                    client = client_of(value)
                    if client and isinstance(name, ast.Name):
                        found[name.id] = client
    return found


def method_calls(path: Path) -> Iterator[tuple[str, str, ast.Attribute]]:
    """``(client, method, node)`` for every method of a client that a module names, called or handed on."""
    for function in functions(ast.parse(path.read_text(encoding="utf-8"))):
        local = aliases(function)
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute):
                named = local.get(node.value.id) if isinstance(node.value, ast.Name) else None
                client = client_of(node.value) or named
                if client:
                    yield client, node.attr, node


def named_by_text(path: Path, function: str) -> Iterator[tuple[str | None, str | None]]:
    """``(client, text)`` for every ``client.get_paginator("text")``; the text is None when it is not written there."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for outer in functions(tree):
        local = aliases(outer)
        for node in ast.walk(outer):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == function:
                owner, (text, *_) = node.func.value, node.args
                client = client_of(owner) or (local.get(owner.id) if isinstance(owner, ast.Name) else None)
                yield client, text.value if isinstance(text, ast.Constant) and isinstance(text.value, str) else None


def waited_for(path: Path) -> Iterator[str]:
    """The waiters that ``retry.wait(aws, "name", …)`` is asked for."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "wait":
            name = node.args[1]
            assert isinstance(name, ast.Constant), f"{path.name}: a waiter is named by its text"
            yield str(name.value)


def sources() -> list[Path]:
    return [path for path in sorted(SOURCES.rglob("*.py")) if path.name not in MAKERS]


def made() -> set[str]:
    """Every operation that the package can call, as ``service:Operation``."""
    found = set()
    for path in sources():
        for client, method, _ in method_calls(path):
            service = SERVICES[client]
            if method in TRANSFERS:
                found |= {f"{service}:{each}" for each in TRANSFERS[method]}
            elif method not in ("get_paginator", "get_waiter"):
                assert method in operations_by_method(service), f"{path.name}: {client}.{method} is no operation"
                found.add(f"{service}:{operations_by_method(service)[method]}")
        for owner, pages in named_by_text(path, "get_paginator"):
            assert owner is not None, path.name
            assert pages is not None, path.name
            found.add(f"{SERVICES[owner]}:{operations_by_method(SERVICES[owner])[pages]}")
        for owner, waiter in named_by_text(path, "get_waiter"):
            assert (waiter is None) == (path.name == "retry.py"), f"{path.name}: wait through retry.wait"
            assert owner == "lambda_"
        found |= {f"lambda:{waiters('lambda')[waiter]}" for waiter in waited_for(path)}
    return found


def test_the_table_holds_exactly_the_operations_that_are_called() -> None:
    table = {f"{service}:{operation}" for service, operations in OPERATIONS.items() for operation in operations}
    called = made()
    assert called - table == set(), "called, but missing in the table"
    assert table - called == set(), "in the table, but never called"
    assert len(called) > 70


def test_no_client_goes_where_the_calls_cannot_be_followed() -> None:
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        followed = {name for function in functions(tree) for name in aliases(function)}
        for node in ast.walk(tree):
            if client_of(node):
                parent = parents[node]
                row = parents.get(parent) if isinstance(parent, ast.Tuple) else parent
                assert isinstance(parent, ast.Attribute) or isinstance(row, ast.Assign), f"{path}:{node.lineno}"  # type: ignore[attr-defined]  # an Attribute
            if isinstance(node, ast.Name) and node.id in followed and isinstance(node.ctx, ast.Load):
                assert isinstance(parents[node], ast.Attribute), f"{path}:{node.lineno}: {node.id}"


def test_clients_are_made_in_two_places() -> None:
    makers = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            # `make = self._session.client` makes clients too.
            if isinstance(node, ast.Attribute) and node.attr in ("client", "resource", "create_client"):
                owner = ast.unparse(node.value)
                if owner.lower().endswith("session") or owner == "boto3":
                    makers.add(path.name)
    assert makers == MAKERS


def test_every_client_of_aws_is_known_here() -> None:
    made_of = {
        name: str(node.args[0].value)
        for name, value in vars(Aws).items()
        if hasattr(value, "func")
        for node in ast.walk(_source(name))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "_client"
        and isinstance(node.args[0], ast.Constant)
    }
    assert made_of == SERVICES


def _source(name: str) -> ast.AST:
    tree = ast.parse((SOURCES / "client" / "session.py").read_text(encoding="utf-8"))
    return next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name)


def test_the_reader_of_training_data_reads_one_object_and_nothing_else() -> None:
    tree = ast.parse((SOURCES / "live" / "s3_source.py").read_text(encoding="utf-8"))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert names & operations_by_method("s3").keys() == {"get_object"}


@pytest.mark.parametrize("service", sorted(OPERATIONS))
def test_every_operation_is_one_that_aws_has(service: str) -> None:
    assert OPERATIONS[service].keys() <= set(model_of(service).operation_names)


def test_actions_of_api_gateway_are_the_methods_that_its_operations_use() -> None:
    for operation, needs in OPERATIONS["apigatewayv2"].items():
        method = model_of("apigatewayv2").operation_model(operation).http["method"]
        assert needs[0].action == f"apigateway:{method}", operation


def test_an_operation_needs_the_action_of_its_name_or_one_that_is_known_to_differ() -> None:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html, and Lambda's one.
    others = {
        "Invoke": "lambda:InvokeFunction",
        "HeadBucket": "s3:ListBucket",
        "ListObjectsV2": "s3:ListBucket",
        "ListMultipartUploads": "s3:ListBucketMultipartUploads",
        "PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
        "PutBucketEncryption": "s3:PutEncryptionConfiguration",
        "PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
        "DeleteObjects": "s3:DeleteObject",
        "CreateMultipartUpload": "s3:PutObject",
        "UploadPart": "s3:PutObject",
        "CompleteMultipartUpload": "s3:PutObject",
    }
    for service, operations in OPERATIONS.items():
        for operation, needs in operations.items():
            if service != "apigatewayv2" and needs:
                assert needs[0].action == others.get(operation, f"{service}:{operation}")


def test_who_asks_who_they_are_needs_nothing() -> None:
    assert OPERATIONS["sts"] == {"GetCallerIdentity": ()}
    assert actions_of("GetCallerIdentity") == ()


def test_an_operation_is_known_by_its_name_alone() -> None:
    assert actions_of("CreateFunction") == ("lambda:CreateFunction",)
    assert actions_of("HeadBucket") == ("s3:ListBucket",)
    assert set(actions_of("TagResource")) == {"lambda:TagResource", "logs:TagResource", "apigateway:POST"}
    assert actions_of("RunInstances") == ()


def by_sid(names: Names = NAMES, place: Identity = PLACE, **deploy: Any) -> dict[str, Any]:
    document = policy(names, place, DeploySettings(**deploy))
    assert document["Version"] == "2012-10-17"
    assert all(statement["Effect"] == "Allow" for statement in document["Statement"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def test_the_plainest_settings_need_no_more_than_this() -> None:
    found = by_sid()
    assert list(found) == [
        "AcrossTheAccount",
        "Function",
        "RoleGivenToLambda",
        "Role",
        "LogGroup",
        "Apis",
        "ApiTags",
        "Domains",
        "Alarms",
        "Bucket",
        "Packages",
        "Doctor",
        "DoctorBehindSingleSignOn",
    ]
    assert found["AcrossTheAccount"]["Action"] == [
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricData",
        "lambda:GetAccountSettings",
        "logs:DescribeLogGroups",
    ]
    assert found["RoleGivenToLambda"] == {
        "Sid": "RoleGivenToLambda",
        "Effect": "Allow",
        "Action": ["iam:PassRole"],
        "Resource": "arn:aws:iam::123456789012:role/iris-prod-lambda",
        "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
    }
    function = "arn:aws:lambda:eu-west-1:123456789012:function:iris-prod"
    assert found["Function"]["Resource"] == [function, f"{function}:*"]
    group = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/iris-prod"
    assert found["LogGroup"]["Resource"] == [group, f"{group}:*"]
    gateway = "arn:aws:apigateway:eu-west-1::"
    assert found["Apis"]["Resource"] == [f"{gateway}/apis", f"{gateway}/apis/*"]
    assert found["Domains"]["Action"] == ["apigateway:GET"]
    bucket = f"arn:aws:s3:::{NAMES.bucket('123456789012', 'eu-west-1')}"
    assert (found["Bucket"]["Resource"], found["Packages"]["Resource"]) == (bucket, f"{bucket}/*")
    assert [arn.rpartition(":")[2] for arn in found["Alarms"]["Resource"]] == [
        f"iris-prod-{each}" for each in resources.ALARMS
    ]


def test_only_reads_are_allowed_on_everything() -> None:
    for statement in by_sid(**EVERYTHING).values():
        if statement["Resource"] == "*":
            for action in statement["Action"]:
                assert action.partition(":")[2].startswith(("Get", "Describe")), action


def test_settings_that_ask_for_more_need_more() -> None:
    more = by_sid(**EVERYTHING)
    assert set(more) - set(by_sid()) == {
        "RoleWithinItsBoundary",
        "SignedRequests",
        "Domain",
        "Certificate",
        "RoleOfApiGateway",
    }
    assert {"ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"} <= {
        *more["AcrossTheAccount"]["Action"]
    }
    assert more["Certificate"]["Resource"] == CERTIFICATE
    assert more["Domain"]["Resource"][1:] == [
        "arn:aws:apigateway:eu-west-1::/domainnames/api.example.com",
        "arn:aws:apigateway:eu-west-1::/domainnames/api.example.com/*",
    ]
    assert more["RoleOfApiGateway"]["Condition"] == {
        "StringEquals": {"iam:AWSServiceName": "ops.apigateway.amazonaws.com"}
    }
    assert more["SignedRequests"]["Action"] == [SIGNED.action]


def test_a_boundary_cannot_be_left_out_or_taken_off() -> None:
    bounded = by_sid(permissions_boundary=BOUNDARY)
    assert bounded["RoleWithinItsBoundary"]["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}
    assert bounded["RoleWithinItsBoundary"]["Action"] == ["iam:CreateRole", "iam:PutRolePermissionsBoundary"]
    everywhere = [action for statement in bounded.values() for action in statement["Action"]]
    assert everywhere.count("iam:CreateRole") == 1
    assert "iam:DeleteRolePermissionsBoundary" not in everywhere
    assert "iam:DeleteRolePermissionsBoundary" in by_sid()["Role"]["Action"]


def test_with_a_role_of_ones_own_nothing_may_be_done_to_roles() -> None:
    role = "arn:aws:iam::123456789012:role/team/serving"
    found = by_sid(role=role)
    assert found["RoleGivenToLambda"]["Resource"] == role
    assert found["Role"]["Action"] == [
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:ListRolePolicies",
    ]
    assert found["Role"]["Resource"] == ["arn:aws:iam::123456789012:role/iris-prod-lambda", role]


def test_another_partition_has_its_own_arns() -> None:
    text = json.dumps(policy(NAMES, Identity("1", "aws-cn", "cn-north-1", ""), DeploySettings()))
    assert "arn:aws-cn:lambda:cn-north-1:1:function:iris-prod" in text
    assert "arn:aws:" not in text


def test_all_stages_are_one_pattern() -> None:
    found = by_sid(Names("iris", EVERY_STAGE))
    assert found["Function"]["Resource"][0] == "arn:aws:lambda:eu-west-1:123456789012:function:iris-*"
    assert found["Role"]["Resource"] == "arn:aws:iam::123456789012:role/iris-*-lambda"
    assert found["Bucket"]["Resource"] == "arn:aws:s3:::mlctl-123456789012-*"


def test_an_unknown_region_leaves_the_name_of_the_bucket_open() -> None:
    found = by_sid(NAMES, Identity(permissions.ACCOUNT, "aws", permissions.REGION, ""))
    assert found["Bucket"]["Resource"] == "arn:aws:s3:::mlctl-ACCOUNT_ID-*"
    assert found["Function"]["Resource"][0] == "arn:aws:lambda:REGION:ACCOUNT_ID:function:iris-prod"


def test_the_longest_policy_fits_into_a_managed_one() -> None:
    longest = Names("p" * 40, "s" * 16)
    assert longest.fit
    assert not Names("p" * 40, "s" * 17).fit
    domain = {"name": f"{'d' * 60}.{'e' * 60}.{'f' * 60}.com", "certificate": CERTIFICATE}
    deploy = DeploySettings(**{**EVERYTHING, "domain": domain})
    place = Identity("123456789012", "aws-us-gov", "us-gov-west-1", "")
    size = len(json.dumps(policy(longest, place, deploy), separators=(",", ":")))
    assert size <= LIMIT
    # So that it is noticed before a new action breaks it.
    assert size > LIMIT * 0.8


def test_statements_are_as_iam_wants_them() -> None:
    sids = list(by_sid(**EVERYTHING))
    assert all(sid.isascii() and sid.isalnum() for sid in sids)
    assert len(sids) == len(set(sids))
    for statement in by_sid(**EVERYTHING).values():
        assert statement["Action"] == sorted(set(statement["Action"]))
        assert all(arn == "*" or arn.startswith("arn:aws:") for arn in _list(statement["Resource"]))


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def test_every_need_of_the_table_ends_in_some_policy() -> None:
    allowed: set[str] = set()
    for deploy in ({}, EVERYTHING):
        allowed |= {action for statement in by_sid(**deploy).values() for action in statement["Action"]}
    needs: set[Need] = {need for operations in OPERATIONS.values() for each in operations.values() for need in each}
    assert {need.action for need in needs} | {SIGNED.action} == allowed
    assert allowed >= UNDOCUMENTED
