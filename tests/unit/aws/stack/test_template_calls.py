"""The template asks CloudFormation for what the steps of a deploy ask AWS for, property by property."""

import json
from typing import Any
from unittest.mock import MagicMock

import pytest

from mlctl.aws.apply import api, extras, function, iam
from mlctl.aws.apply.context import DeployContext
from mlctl.aws.stack.plan import Step
from mlctl.aws.stack.state import Actual
from tests.unit.aws.stack.test_template import EVERYTHING, made, wanted

STATE = wanted(EVERYTHING)
# What refers to another resource: an id in a call, a Ref in the template.
REFERENCES = {"ApiId", "AuthorizerId", "Target", "IntegrationUri", "FunctionName", "SourceArn", "Stage", "DomainName"}


@pytest.fixture
def aws() -> MagicMock:
    """What was asked of AWS by the steps that make things."""
    asked = MagicMock()
    asked.pace = 0
    run = DeployContext(aws=asked, desired=STATE, actual=Actual(), code=b"zip", verify=lambda release: None)
    iam.role(run, Step("create", "role", STATE.names.role))
    extras.log_group(run, Step("create", "log group", STATE.names.log_group))
    function.function(run, Step("create", "function", STATE.names.function))
    api.api(run, Step("create", "api", STATE.names.function))
    api.permission(run, Step("create", "permission", "the API may invoke the alias"))
    api.domain(run, Step("create", "domain", "api.example.com", target="api.example.com"))
    for alarm in STATE.alarms:
        extras.alarm(run, Step("create", "alarm", alarm.name, target=alarm.name))
    return asked


def properties(key: str) -> dict[str, Any]:
    """Those of a resource of the template."""
    found: dict[str, Any] = plain(made(STATE)["Resources"][key]["Properties"])
    return found


def plain(value: Any) -> Any:
    """The same without the ``Fn::Sub`` around text."""
    if isinstance(value, dict):
        return plain(value["Fn::Sub"]) if "Fn::Sub" in value else {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def own(asked: dict[str, Any]) -> dict[str, Any]:
    """Without references to other resources."""
    return {key: value for key, value in asked.items() if key not in REFERENCES}


def only(call: MagicMock) -> dict[str, Any]:
    """The arguments of the only call."""
    call.assert_called_once()
    return dict(call.call_args.kwargs)


def test_the_api_and_its_parts(aws: MagicMock) -> None:
    assert own(properties("Api")) == own(only(aws.api_once.create_api))
    assert own(properties("Integration")) == own(only(aws.api_once.create_integration))
    assert own(properties("Authorizer")) == own(only(aws.api_once.create_authorizer))
    assert own(properties("Stage")) == own(only(aws.api.create_stage))
    assert own(properties("Domain")) == own(only(aws.api.create_domain_name))
    mapping = only(aws.api.create_api_mapping)
    assert (mapping["Stage"], mapping["DomainName"]) == (
        properties("Stage")["StageName"],
        properties("Domain")["DomainName"],
    )
    assert properties("DomainMapping").keys() == mapping.keys()


def test_the_routes(aws: MagicMock) -> None:
    asked = [dict(call.kwargs) for call in aws.api.create_route.call_args_list]
    assert [own(each) for each in asked] == [own(properties("DefaultRoute")), own(properties("OptionsProxyRoute"))]
    assert [each.keys() for each in asked] == [
        properties("DefaultRoute").keys(),
        properties("OptionsProxyRoute").keys(),
    ]


def test_the_permission(aws: MagicMock) -> None:
    asked = only(aws.lambda_.add_permission)
    # CloudFormation names the statement itself, and its FunctionName holds the alias.
    assert own(properties("Permission")) == {
        key: value for key, value in own(asked).items() if key not in ("StatementId", "Qualifier")
    }
    assert asked["Qualifier"] == properties("Alias")["Name"]


def test_the_alarms(aws: MagicMock) -> None:
    asked = [dict(call.kwargs) for call in aws.cloudwatch.put_metric_alarm.call_args_list]
    assert asked == [properties(key) for key in ("ErrorsAlarm", "ThrottlesAlarm", "P99Alarm")]


def test_the_role_and_the_log_group(aws: MagicMock) -> None:
    asked, role = only(aws.iam.create_role), properties("Role")
    assert (
        asked["RoleName"],
        asked["PermissionsBoundary"],
        asked["Tags"],
        json.loads(asked["AssumeRolePolicyDocument"]),
    ) == (
        role["RoleName"],
        role["PermissionsBoundary"],
        role["Tags"],
        role["AssumeRolePolicyDocument"],
    )
    put = [call.kwargs for call in aws.iam.put_role_policy.call_args_list]
    assert {each["PolicyName"]: json.loads(each["PolicyDocument"]) for each in put} == {
        each["PolicyName"]: each["PolicyDocument"] for each in role["Policies"]
    }
    group = properties("LogGroup")
    assert only(aws.logs.create_log_group) == {
        "logGroupName": group["LogGroupName"],
        "tags": {tag["Key"]: tag["Value"] for tag in group["Tags"]},
    }
    assert only(aws.logs.put_retention_policy)["retentionInDays"] == group["RetentionInDays"]


def test_the_function(aws: MagicMock) -> None:
    asked, exported = only(aws.lambda_.create_function), properties("Function")
    # SAM's names for what Lambda calls otherwise; SnapStart is left out where it is off.
    exported["TracingConfig"] = {"Mode": exported.pop("Tracing")}
    exported["Code"] = {"ZipFile": b"zip"} if exported.pop("CodeUri") else None
    exported["LoggingConfig"]["LogGroup"] = STATE.names.log_group
    exported["Role"] = asked["Role"]
    exported["SnapStart"] = {"ApplyOn": "None"}
    assert exported.pop("ReservedConcurrentExecutions") == STATE.reserved
    assert exported == asked
