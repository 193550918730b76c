"""The template for AWS SAM holds what a deploy makes, and CloudFormation's linter has nothing to say about it."""

import json
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
import yaml
from cfnlint.api import lint

from mlctl.aws.stack import template as templates
from mlctl.aws.stack.desired import Code, desired
from mlctl.aws.stack.names import Names
from mlctl.aws.stack.state import Canary, Desired
from mlctl.settings.deploy import DeploySettings

CODE = Code(python="3.13", model="a" * 64, package="b" * 64, sha256="x" * 43 + "=", size=93_000)
ACCOUNT = "123456789012"

EVERYTHING: dict[str, Any] = {
    "engine": "portable",
    "auth": "jwt",
    "jwt_issuer": "https://id.example.com",
    "jwt_audience": ["predictions"],
    "memory": 1024,
    "timeout": 20,
    "architecture": "x86_64",
    "python": "3.13",
    "ephemeral_storage": 1024,
    "environment": {"GREETING": "hello"},
    "log_retention": 30,
    "log_level": "DEBUG",
    "tracing": True,
    "reserved_concurrency": 10,
    "provisioned_concurrency": 2,
    "throttle": {"rate": 12.5, "burst": 20},
    "cors": {"allow_origins": ["https://shop.example.com"], "max_age": 60, "allow_credentials": True},
    "domain": {"name": "api.example.com", "certificate": f"arn:aws:acm:eu-west-1:{ACCOUNT}:certificate/c-1"},
    "alarms": {"errors": 1, "throttles": 5, "p99": 250.5, "actions": [f"arn:aws:sns:eu-west-1:{ACCOUNT}:ops"]},
    "vpc": {"subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"]},
    "permissions_boundary": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
    "tags": {"team": "data"},
    "keep_releases": 5,
    "canary": {"errors": 0.05},
    "region": "eu-west-1",
    "profile": "work",
}
# These two keys exclude others of EVERYTHING.
EXISTING_ROLE: dict[str, Any] = {
    "role": f"arn:aws:iam::{ACCOUNT}:role/own",
    "auth": "iam",
    "cors": {"allow_origins": ["*"]},
}
SNAPSTART: dict[str, Any] = {"snapstart": True, "engine": "sklearn", "python": "3.13"}


def wanted(settings: Mapping[str, Any] = {}, code: Code = CODE, canary: Canary | None = None) -> Desired:
    return desired(Names("iris", "prod"), templates.ANYWHERE, DeploySettings(**settings), code, canary)


def made(state: Desired) -> dict[str, Any]:
    return templates.template(state, "package.zip")


def properties(state: Desired, key: str) -> dict[str, Any]:
    found: dict[str, Any] = made(state)["Resources"][key]["Properties"]
    return found


def release_key(state: Desired) -> str:
    (key,) = (key for key, each in made(state)["Resources"].items() if each["Type"] == "AWS::Lambda::Version")
    return str(key)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any connection fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("the network is not to be used")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    "settings", [{}, EVERYTHING, EXISTING_ROLE, SNAPSTART], ids=["defaults", "all", "role", "snap"]
)
def test_the_linter_of_cloudformation_has_nothing_to_say(settings: dict[str, Any]) -> None:
    assert lint(templates.to_yaml(made(wanted(settings)), "A comment."), regions=["eu-west-1"]) == []


def test_the_linter_would_have_something_to_say() -> None:
    wrong = made(replace(wanted(), retention_days=15))
    wrong["Resources"]["Function"]["Properties"]["MemorySise"] = 1
    found = {match.rule.id for match in lint(templates.to_yaml(wrong, ""), regions=["eu-west-1"])}
    assert found == {"E3030", "E3002"}


def test_every_key_of_the_settings_is_used_above() -> None:
    assert {*EVERYTHING, *EXISTING_ROLE, *SNAPSTART} == {*DeploySettings.model_fields}


# What is not in the template, and why.
LEFT_OUT = {
    "config.role": "the role is a resource of the template",
    "api.integration": "the alias is a resource of the template",
    "keep_releases": "CloudFormation deletes no old versions",
    "canary.percent": "CloudFormation moves the alias at once",
    "canary.bake": "CloudFormation moves the alias at once",
    "through_bucket": "sam deploy always goes through a bucket",
}


def other(value: Any) -> Any:
    """A value of the same kind that is not the same."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if value == "jwt":
        return "iam"
    if isinstance(value, str):
        return '{"Version": "2012-10-17"}' if value.startswith("{") else f"{value}x"
    if isinstance(value, tuple):
        return (*value, "another")
    if isinstance(value, Mapping):
        key = next(iter(value))
        return {**value, key: other(value[key])}
    raise AssertionError(f"no other value is known for {value!r}")


def variations(record: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """``record`` once for each field in it, at any depth, with another value there."""
    for field in fields(record):
        value, here = getattr(record, field.name), f"{path}{field.name}"
        if is_dataclass(value):
            nested: Iterator[tuple[str, Any]] = variations(value, f"{here}.")
        elif isinstance(value, tuple) and is_dataclass(value[0]):
            nested = ((name, (changed, *value[1:])) for name, changed in variations(value[0], f"{here}."))
        else:
            nested = iter([(here, other(value))])
        for name, changed in nested:
            yield name, replace(record, **{field.name: changed})


def text(state: Desired) -> str:
    """The template, but for the name of the release, in which everything of the function shows."""
    return re.sub(r"Release[0-9a-f]{12}", "Release", json.dumps(made(state)))


def test_no_field_is_quietly_dropped() -> None:
    full = wanted(EVERYTHING, canary=Canary(10, 300))
    unseen = {name for name, changed in variations(full) if text(changed) == text(full)}
    assert unseen == {*LEFT_OUT}


def test_a_variable_or_policy_more_is_seen() -> None:
    full = wanted(EVERYTHING)
    assert full.role is not None
    variables = properties(replace(full, config=replace(full.config, environment={"A": "1", "B": "2"})), "Function")
    assert variables["Environment"] == {"Variables": {"A": "1", "B": "2"}}
    assert [each["PolicyName"] for each in properties(full, "Role")["Policies"]] == ["logs", "tracing", "vpc"]
    assert [each["PolicyName"] for each in properties(wanted(), "Role")["Policies"]] == ["logs"]


def test_nothing_ties_the_template_to_an_account() -> None:
    (policy,) = properties(wanted(), "Role")["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Resource"] == {
        "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/iris-prod:*"
    }
    assert not re.search(r"\d{12}", re.sub(r"Release[0-9a-f]{12}", "", json.dumps(made(wanted()))))


def test_only_this_api_may_invoke_the_alias() -> None:
    assert properties(wanted(), "Permission") == {
        "FunctionName": {"Ref": "Alias"},
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/*"},
    }
    assert properties(wanted(), "Integration")["IntegrationUri"] == {"Ref": "Alias"}


def test_a_role_that_is_there_is_used_and_not_made() -> None:
    state = wanted(EXISTING_ROLE)
    assert "Role" not in made(state)["Resources"]
    assert properties(state, "Function")["Role"] == f"arn:aws:iam::{ACCOUNT}:role/own"
    assert properties(wanted(), "Function")["Role"] == {"Fn::GetAtt": ["Role", "Arn"]}


def test_a_closed_api_still_tells_browsers_what_they_may_ask() -> None:
    def routes(settings: dict[str, Any]) -> dict[str, str]:
        every = made(wanted(settings))["Resources"].values()
        found = [each["Properties"] for each in every if each["Type"] == "AWS::ApiGatewayV2::Route"]
        return {each["RouteKey"]: each["AuthorizationType"] for each in found}

    assert routes({}) == {"$default": "NONE"}
    assert routes({"auth": "iam"}) == {"$default": "AWS_IAM"}
    assert routes(EXISTING_ROLE) == {"$default": "AWS_IAM", "OPTIONS /{proxy+}": "NONE"}
    assert routes(EVERYTHING) == {"$default": "JWT", "OPTIONS /{proxy+}": "NONE"}
    assert properties(wanted(EVERYTHING), "DefaultRoute")["AuthorizerId"] == {"Ref": "Authorizer"}
    assert "AuthorizerId" not in properties(wanted(EVERYTHING), "OptionsProxyRoute")


def test_the_alarms_watch_the_alias() -> None:
    assert properties(wanted(EVERYTHING), "P99Alarm") == {
        "AlarmName": "iris-prod-p99",
        "Namespace": "AWS/Lambda",
        "MetricName": "Duration",
        "Dimensions": [
            {"Name": "FunctionName", "Value": "iris-prod"},
            {"Name": "Resource", "Value": "iris-prod:live"},
        ],
        "ExtendedStatistic": "p99",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 250.5,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [f"arn:aws:sns:eu-west-1:{ACCOUNT}:ops"],
        "Tags": [
            {"Key": "team", "Value": "data"},
            {"Key": "mlctl:project", "Value": "iris"},
            {"Key": "mlctl:stage", "Value": "prod"},
        ],
    }
    assert properties(wanted(EVERYTHING), "ErrorsAlarm")["Statistic"] == "Sum"
    assert "AlarmActions" not in properties(wanted({"alarms": {"errors": 1}}), "ErrorsAlarm")


def test_snapstart_is_of_the_published_version() -> None:
    assert properties(wanted(SNAPSTART), "Function")["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert "SnapStart" not in properties(wanted(), "Function")


def test_another_release_has_another_name_and_the_same_one_has_not() -> None:
    first = release_key(wanted())
    assert release_key(wanted({"memory": 512})) != first
    assert release_key(wanted(code=replace(CODE, sha256="y" * 43 + "="))) != first
    # Lambda refuses to publish what it has already, so what is not of a version must not show in its name.
    around = {"tags": {"team": "data"}, "reserved_concurrency": 10, "provisioned_concurrency": 2, "auth": "iam"}
    assert release_key(wanted(around)) == first
    assert properties(wanted(), "Alias")["FunctionVersion"] == {"Fn::GetAtt": [first, "Version"]}
    version = made(wanted())["Resources"][first]
    assert (version["DeletionPolicy"], version["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert version["Properties"] == {
        "FunctionName": {"Ref": "Function"},
        "CodeSha256": CODE.sha256,
        "Description": f"mlctl model={'a' * 64} package={'b' * 64} by=cloudformation",
    }


def test_the_outputs_tell_the_url() -> None:
    assert made(wanted())["Outputs"]["Url"]["Value"] == {"Fn::GetAtt": ["Api", "ApiEndpoint"]}
    outputs = made(wanted(EVERYTHING))["Outputs"]
    assert outputs["DomainUrl"]["Value"] == "https://api.example.com"
    assert outputs["DomainTarget"]["Value"] == {"Fn::GetAtt": ["Domain", "RegionalDomainName"]}


def test_yaml_reads_back_to_the_same() -> None:
    variables = {
        "EXPONENT": "1e3",
        "OCTAL": "0o17",
        "YES": "yes",
        "EMPTY": "",
        "LINES": "one\ntwo: #3",
        "ACCENT": "café",
        "REGION": "${AWS::Region}",
    }
    document = made(wanted({**EVERYTHING, "environment": variables}))
    written = templates.to_yaml(document, "One.\n\nTwo.")
    assert written.startswith("# One.\n#\n# Two.\n\nAWSTemplateFormatVersion: '2010-09-09'\n")
    assert yaml.safe_load(written) == document
    # Numbers to CloudFormation's parser, unless quoted; and a user's own text is left alone.
    assert "EXPONENT: '1e3'\n" in written
    assert "OCTAL: '0o17'\n" in written
    assert "REGION: ${AWS::Region}\n" in written
    assert not re.search(r"[&*]id\d", written)
