"""`mlctl deploy --stage prod` against an AWS in this process: what is made, in which order, and what stays."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlctl.aws.client.session import Aws
from mlctl.aws.live import resources
from mlctl.aws.stack.names import AliasText, Names
from tests.cloud import Call, Cloud
from tests.cloud.wire import response
from tests.conftest import Cli

PROD = ("--stage", "prod")
NAMES = Names("iris", "prod")


def settle(folder: Path, **deploy: Any) -> None:
    """Write [deploy] of the project's settings."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in deploy.items()]
    (folder / "mlctl.toml").write_text("\n".join(["[deploy]", *lines]), encoding="utf-8")


def ok(cli: Cli, *words: str) -> Any:
    result = cli(*words, *PROD, "--json")
    assert result.code == 0, result.err
    return result.json


@pytest.fixture
def live(cloud: Cloud, trained: Path, cli: Cli) -> Cloud:
    """A cloud with a release of Iris on stage prod."""
    assert ok(cli, "deploy")["release"] == "1"
    cloud.begin()
    return cloud


def test_a_first_deploy_builds_what_the_design_says(live: Cloud, cli: Cli) -> None:
    deployed = ok(cli, "deploy")
    assert (deployed["changed"], deployed["release"], deployed["dry_run"]) == (False, "1", False)
    aws = live.aws
    role: Any = aws.iam.get_role_policy(RoleName="iris-prod-lambda", PolicyName="logs")["PolicyDocument"]
    assert role["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/iris-prod:*",
        }
    ]
    assert aws.iam.list_role_policies(RoleName="iris-prod-lambda")["PolicyNames"] == ["logs"]
    policy = json.loads(aws.lambda_.get_policy(FunctionName="iris-prod", Qualifier="live")["Policy"])
    (statement,) = policy["Statement"]
    (api,) = aws.api.get_apis()["Items"]
    assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
    source = f"arn:aws:execute-api:eu-west-1:123456789012:{api['ApiId']}/*/*"
    assert statement["Condition"]["ArnLike"]["AWS:SourceArn"] == source
    assert statement["Resource"].endswith(":function:iris-prod:live")
    function = aws.lambda_.get_function(FunctionName="iris-prod")
    assert function["Tags"] == {"mlctl:project": "iris", "mlctl:stage": "prod"}
    assert function["Configuration"]["Architectures"] == ["arm64"]
    (group,) = aws.logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/iris-prod")["logGroups"]
    assert group["retentionInDays"] == 14
    (stage,) = aws.api.get_stages(ApiId=api["ApiId"])["Items"]
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": 50.0, "ThrottlingBurstLimit": 100}
    served = live.request("POST", "/predict", {"features": [5.1, 3.5, 1.4, 0.2]})
    assert (served.status, served.release, served.body["class_name"]) == (200, "1", "setosa")
    alias = resources.alias(aws, NAMES)
    assert alias is not None
    assert alias.text == AliasText(verified=frozenset({"1"}))


def test_an_unchanged_deploy_makes_no_mutating_call(live: Cloud, cli: Cli) -> None:
    assert ok(cli, "deploy")["changed"] is False
    assert live.calls.mutating == []
    # Nor does it ask the release anything.
    assert "Invoke" not in live.calls.names


def test_a_code_only_release_takes_three_mutating_calls(live: Cloud, trained: Path, cli: Cli) -> None:
    assert cli("train", "-p", "n_estimators=5").code == 0
    live.begin()
    assert ok(cli, "deploy")["release"] == "2"
    assert live.calls.mutating == ["UpdateFunctionCode", "PublishVersion", "UpdateAlias"]
    # Whatever else was changed meanwhile, these would be refused.
    assert live.calls.params("UpdateFunctionCode")["RevisionId"]
    assert live.calls.params("PublishVersion")["RevisionId"]
    assert live.calls.params("PublishVersion")["CodeSha256"]
    assert live.calls.params("UpdateAlias")["RevisionId"]


def test_every_golden_example_is_asked_by_number_before_the_alias_moves(live: Cloud, trained: Path, cli: Cli) -> None:
    settle(trained, memory=512)
    seen: list[tuple[str, str | None]] = []

    def watch(call: Call) -> None:
        if call.operation == "Invoke":
            seen.append((call.params["Qualifier"], next(iter(live.live()))))

    live.on_call = watch
    assert ok(cli, "deploy")["release"] == "2"
    assert seen == [("2", "1")] * 12
    alias = resources.alias(live.aws, NAMES)
    assert alias is not None
    assert (alias.release, alias.text) == ("2", AliasText(previous="1", verified=frozenset({"1", "2"})))


@pytest.mark.parametrize("spell", ["break_release", "crash_release", "time_out_release"])
def test_a_release_that_fails_its_examples_gets_no_traffic(live: Cloud, trained: Path, cli: Cli, spell: str) -> None:
    settle(trained, memory=512)
    getattr(live, spell)("2")
    result = cli("deploy", *PROD, "--json")
    assert result.code == 4
    error = result.json["error"]
    assert error["code"] == "verification_failed"
    assert "Release 2 answers golden example 1 of 12 wrongly: expected class 0 with (1.0, 0.0, 0.0)" in error["message"]
    assert "START RequestId" in error["message"]
    if spell == "time_out_release":
        assert "Task timed out after 10.00 seconds" in error["message"]
    assert error["hint"] == "The release gets no traffic. The previous release is still live."
    assert live.live() == {"1": 1.0}
    # Mended, the same command goes on with the release that is there.
    live.mend_release("2")
    assert ok(cli, "deploy")["release"] == "2"
    assert live.live() == {"2": 1.0}


def test_what_is_shared_is_left_alone_when_the_verification_fails(live: Cloud, trained: Path, cli: Cli) -> None:
    (trained / "mlctl.toml").write_text("[deploy]\nmemory = 512\nauth = 'iam'\nthrottle = { rate = 5, burst = 5 }\n")
    live.break_release("2")
    assert cli("deploy", *PROD).code == 4
    assert live.request("GET", "/health").status == 200
    live.mend_release("2")
    assert cli("deploy", *PROD).code == 0
    assert live.request("GET", "/health").status == 403


def test_a_first_release_that_fails_is_behind_no_api(cloud: Cloud, trained: Path, cli: Cli) -> None:
    cloud.break_release("1")
    assert cli("deploy", *PROD).code == 4
    assert cloud.live() == {}
    assert cloud.aws.api.get_apis()["Items"] == []
    assert cli("status", *PROD).code == 6


def test_missed_gates_stop_a_deploy_before_any_call(cloud: Cloud, trained: Path, cli: Cli) -> None:
    (trained / "mlctl.toml").write_text("[gates]\naccuracy = 0.95\n")
    result = cli("deploy", *PROD)
    assert result.code == 4
    assert "misses its gates: accuracy 0.9000 is below 0.95." in result.err
    assert cloud.calls.names == []


PLACE = "AWS account 123456789012, region eu-west-1"


@pytest.mark.parametrize("words", [("deploy",), ("destroy", "--yes"), ("--log-format", "json", "deploy")])
def test_account_and_region_are_told_before_anything_changes(
    cloud: Cloud, trained: Path, cli: Cli, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    if words[0] == "destroy":
        ok(cli, "deploy")
        cloud.begin()
    told: list[str] = []

    def before_the_first_change(call: Call) -> None:
        if call.mutates and not told:
            told.append(capsys.readouterr().err)

    cloud.on_call = before_the_first_change
    done = cli(*words, *PROD)
    assert done.code == 0, done.err
    assert PLACE in told[0]


def test_a_dry_run_tells_account_region_and_profile(
    cloud: Cloud, trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = cli("deploy", *PROD, "--dry-run")
    assert (shown.code, shown.out.splitlines()[0]) == (0, PLACE)
    monkeypatch.setattr(Aws, "profile", "work")
    assert cli("deploy", *PROD, "--dry-run").out.splitlines()[0] == f"{PLACE}, profile work"
    place = {"account": "123456789012", "region": "eu-west-1", "profile": "work"}
    assert ok(cli, "deploy", "--dry-run")["place"] == place
    assert ok(cli, "deploy")["place"] == place
    assert cloud.calls.mutating


def test_destroy_asks_with_account_and_region(live: Cloud, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))

    def no(question: str) -> bool:
        asked.append(question)
        return False

    monkeypatch.setattr("mlctl.cli.destroy.confirm", no)
    assert cli("destroy", *PROD).code == 0
    assert f"of iris on prod ({PLACE})?" in asked[0]
    assert live.calls.mutating == []


def test_a_dry_run_shows_the_plan_and_changes_nothing(cloud: Cloud, trained: Path, cli: Cli) -> None:
    first = ok(cli, "deploy", "--dry-run")
    assert (first["url"], first["release"], first["changed"], first["dry_run"]) == (None, None, True, True)
    assert [step["resource"] for step in first["steps"]] == [
        "role", "log group", "function", "release", "golden examples", "alias", "api", "permission",
    ]  # fmt: skip
    assert cloud.calls.mutating == []
    assert cloud.aws.api.get_apis()["Items"] == []
    ok(cli, "deploy")
    (trained / "mlctl.toml").write_text("[deploy]\nmemory = 512\nthrottle = { rate = 5, burst = 5 }\n")
    cloud.begin()
    shown = cli("deploy", *PROD, "--dry-run")
    assert shown.code == 0
    assert "memory: 256 → 512" in shown.out
    assert "~ update     api              iris-prod shared" in shown.out
    assert "throttling: 50 a second, 100 at once → 5 a second, 5 at once" in shown.out
    assert "Dry run: nothing was changed." in shown.out
    steps = ok(cli, "deploy", "--dry-run")["steps"]
    assert {step["resource"]: step["shared"] for step in steps if step["action"] != "unchanged"} == {
        "function": False,
        "release": False,
        "golden examples": False,
        "alias": False,
        "api": True,
    }
    assert cloud.calls.mutating == []
    assert cloud.live() == {"1": 1.0}
    planned = [(step["action"], step["resource"]) for step in steps]
    assert [(step["action"], step["resource"]) for step in ok(cli, "deploy")["steps"]] == planned


def test_every_setting_reaches_aws_and_is_read_back(cloud: Cloud, trained: Path, cli: Cli) -> None:
    (trained / "mlctl.toml").write_text(
        """
[deploy]
auth = "jwt"
jwt_issuer = "https://issuer.example"
jwt_audience = ["iris", "all"]
memory = 1024
timeout = 20
architecture = "x86_64"
ephemeral_storage = 1024
environment = { MODE = "prod" }
log_retention = 90
log_level = "WARN"
tracing = true
reserved_concurrency = 20
provisioned_concurrency = 5
throttle = { rate = 5, burst = 10 }
cors = { allow_origins = ["https://a.example"] }
domain = { name = "iris.example.com", certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/1-2" }
alarms = { errors = 1, throttles = 2, p99 = 800, actions = ["arn:aws:sns:eu-west-1:123456789012:alerts"] }
vpc = { subnets = ["subnet-1a"], security_groups = ["sg-1a"] }
permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
tags = { team = "flowers" }
"""
    )
    deployed = ok(cli, "deploy")
    aws = cloud.aws
    config: Any = aws.lambda_.get_function_configuration(FunctionName="iris-prod", Qualifier="1")
    assert (config["MemorySize"], config["Timeout"], config["Architectures"]) == (1024, 20, ["x86_64"])
    assert config["EphemeralStorage"] == {"Size": 1024}
    assert config["Environment"] == {"Variables": {"MODE": "prod"}}
    assert config["TracingConfig"] == {"Mode": "Active"}
    assert config["LoggingConfig"]["ApplicationLogLevel"] == "WARN"
    assert (config["VpcConfig"]["SubnetIds"], config["VpcConfig"]["SecurityGroupIds"]) == (["subnet-1a"], ["sg-1a"])
    found = aws.lambda_.get_function(FunctionName="iris-prod")
    assert found["Concurrency"] == {"ReservedConcurrentExecutions": 20}
    assert found["Tags"]["team"] == "flowers"
    ready = aws.lambda_.get_provisioned_concurrency_config(FunctionName="iris-prod", Qualifier="1")
    assert ready["RequestedProvisionedConcurrentExecutions"] == 5
    role: Any = aws.iam.get_role(RoleName="iris-prod-lambda")["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith(":policy/boundary")
    assert set(aws.iam.list_role_policies(RoleName="iris-prod-lambda")["PolicyNames"]) == {"logs", "tracing", "vpc"}
    (api,) = aws.api.get_apis()["Items"]
    assert api["CorsConfiguration"]["AllowOrigins"] == ["https://a.example"]
    routes = {
        route["RouteKey"]: route["AuthorizationType"] for route in aws.api.get_routes(ApiId=api["ApiId"])["Items"]
    }
    assert routes == {"$default": "JWT", "OPTIONS /{proxy+}": "NONE"}
    (authorizer,) = aws.api.get_authorizers(ApiId=api["ApiId"])["Items"]
    assert authorizer["JwtConfiguration"] == {"Issuer": "https://issuer.example", "Audience": ["all", "iris"]}
    (mapping,) = aws.api.get_api_mappings(DomainName="iris.example.com")["Items"]
    assert (mapping["ApiId"], mapping["Stage"]) == (api["ApiId"], "$default")
    alarms = {each["AlarmName"]: each for each in aws.cloudwatch.describe_alarms()["MetricAlarms"]}
    assert alarms.keys() == {"iris-prod-errors", "iris-prod-throttles", "iris-prod-p99"}
    assert alarms["iris-prod-p99"]["ExtendedStatistic"] == "p99"
    assert alarms["iris-prod-errors"]["Dimensions"] == [
        {"Name": "FunctionName", "Value": "iris-prod"},
        {"Name": "Resource", "Value": "iris-prod:live"},
    ]
    cloud.begin()
    assert ok(cli, "deploy")["changed"] is False
    assert cloud.calls.mutating == []
    # And all of it goes again: first by other settings, then by destroy.
    (trained / "mlctl.toml").unlink()
    assert ok(cli, "deploy")["release"] == str(int(deployed["release"]) + 1)
    assert ok(cli, "deploy")["changed"] is False
    assert aws.api.get_authorizers(ApiId=api["ApiId"])["Items"] == []
    assert aws.cloudwatch.describe_alarms()["MetricAlarms"] == []
    assert "PermissionsBoundary" not in aws.iam.get_role(RoleName="iris-prod-lambda")["Role"]
    assert ok(cli, "destroy", "--yes")["removed"]
    empty = Cloud.snapshot(cloud)
    assert not any(empty.values()), empty


def test_who_may_call_is_said_in_one_line_at_each_deploy(live: Cloud, trained: Path, cli: Cli) -> None:
    public = "The endpoint is public: anyone who knows its URL can use it."
    assert public in cli("deploy", *PROD).err
    settle(trained, auth="iam")
    result = cli("deploy", *PROD)
    assert "auth: none → iam" in result.err
    assert public not in result.err
    assert "The endpoint accepts only signed requests (auth = iam)" in result.err
    assert "curl" not in result.out


def test_a_role_of_ones_own_is_used_and_never_touched(cloud: Cloud, trained: Path, cli: Cli) -> None:
    arn = "arn:aws:iam::123456789012:role/mine"
    cloud.aws.iam.create_role(RoleName="mine", AssumeRolePolicyDocument="{}")
    settle(trained, role=arn)
    cloud.begin()
    ok(cli, "deploy")
    assert not [call for call in cloud.calls if call.service == "iam" and call.mutates]
    assert cloud.aws.lambda_.get_function_configuration(FunctionName="iris-prod")["Role"] == arn
    ok(cli, "destroy", "--yes")
    assert cloud.aws.iam.get_role(RoleName="mine")


def test_what_lacks_our_tags_is_never_touched(cloud: Cloud, trained: Path, cli: Cli) -> None:
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    cloud.aws.iam.create_role(RoleName="iris-prod-lambda", AssumeRolePolicyDocument=trust)
    cloud.begin()
    for words in (("deploy",), ("destroy", "--yes")):
        result = cli(*words, *PROD)
        assert result.code == 5
        assert "The role 'iris-prod-lambda' does not belong to this project and stage" in result.err
    assert cloud.calls.mutating == []


def test_a_log_group_or_an_alarm_of_somebody_else_is_never_touched(cloud: Cloud, trained: Path, cli: Cli) -> None:
    cloud.aws.logs.create_log_group(logGroupName="/aws/lambda/iris-prod")
    for words in (("deploy",), ("destroy", "--yes")):
        result = cli(*words, *PROD)
        assert (result.code, "log group '/aws/lambda/iris-prod' does not belong to" in result.err) == (5, True)
    cloud.aws.logs.delete_log_group(logGroupName="/aws/lambda/iris-prod")
    alarm: Any = {"AlarmName": "iris-prod-errors", "EvaluationPeriods": 1, "Threshold": 1, "MetricName": "Errors"}
    alarm |= {"ComparisonOperator": "GreaterThanThreshold", "Namespace": "AWS/SQS", "Period": 60, "Statistic": "Sum"}
    cloud.aws.cloudwatch.put_metric_alarm(**alarm)
    (trained / "mlctl.toml").write_text("[deploy]\nalarms = { errors = 1 }\n")
    result = cli("deploy", *PROD)
    assert (result.code, "alarm 'iris-prod-errors' does not belong to this project" in result.err) == (5, True)
    assert cloud.live() == {}


def test_another_api_of_our_name_is_not_taken_for_ours(cloud: Cloud, trained: Path, cli: Cli) -> None:
    foreign = cloud.aws.api.create_api(Name="iris-prod", ProtocolType="HTTP")["ApiId"]
    assert foreign not in ok(cli, "deploy")["url"]
    ok(cli, "destroy", "--yes")
    assert [api["ApiId"] for api in cloud.aws.api.get_apis()["Items"]] == [foreign]


def test_apis_of_ours_that_were_made_twice_are_merged_to_the_oldest(live: Cloud, cli: Cli) -> None:
    (first,) = [api["ApiId"] for api in live.aws.api.get_apis()["Items"]]
    live.aws.api.create_api(Name="iris-prod", ProtocolType="HTTP", Tags=NAMES.tags)
    deployed = ok(cli, "deploy")
    assert first in deployed["url"]
    assert [api["ApiId"] for api in live.aws.api.get_apis()["Items"]] == [first]


def test_old_releases_are_deleted_but_live_and_previous_stay(live: Cloud, trained: Path, cli: Cli) -> None:
    for memory in (512, 640, 768):
        settle(trained, memory=memory, keep_releases=2)
        ok(cli, "deploy")
    assert [release.number for release in resources.releases(live.aws, NAMES)] == ["3", "4"]
    assert ok(cli, "rollback")["release"] == "3"


def test_a_version_published_by_hand_is_not_taken_for_a_release(live: Cloud, trained: Path, cli: Cli) -> None:
    settle(trained, memory=512)
    live.aws.lambda_.update_function_configuration(FunctionName="iris-prod", MemorySize=512)
    live.aws.lambda_.get_waiter("function_updated_v2").wait(FunctionName="iris-prod")
    by_hand = live.aws.lambda_.publish_version(FunctionName="iris-prod")["Version"]
    deployed = ok(cli, "deploy")
    assert deployed["release"] != by_hand
    release = next(each for each in resources.releases(live.aws, NAMES) if each.number == deployed["release"])
    assert release.text is not None
    assert ok(cli, "deploy")["changed"] is False


def test_destroy_asks_leaves_nothing_and_can_be_repeated(live: Cloud, cli: Cli) -> None:
    assert cli("destroy", *PROD).code == 2
    assert live.live() == {"1": 1.0}
    removed = ok(cli, "destroy", "--yes")["removed"]
    assert [each["resource"] for each in removed] == ["api", "function", "role policy", "role", "log group"]
    assert not any(live.snapshot().values())
    assert ok(cli, "destroy", "--yes")["removed"] == []


def test_a_role_that_lambda_does_not_know_yet_is_waited_for(cloud: Cloud, trained: Path, cli: Cli) -> None:
    cloud.young_roles = 3
    assert ok(cli, "deploy")["release"] == "1"
    assert cloud.calls.names.count("CreateFunction") == 4


def test_a_role_that_lambda_never_gets_to_know_is_given_up_in_words(cloud: Cloud, trained: Path, cli: Cli) -> None:
    cloud.young_roles = 100
    result = cli("deploy", *PROD)
    assert result.code == 5
    assert cloud.calls.names.count("CreateFunction") == 15
    assert "AWS refused CreateFunction: Lambda cannot assume the function's role." in result.err


def test_creating_an_api_is_never_retried(cloud: Cloud) -> None:
    once, often = (getattr(client.meta.config, "retries") for client in (cloud.aws.api_once, cloud.aws.api))  # noqa: B009  # the stubs do not know it
    assert once["total_max_attempts"] == 1
    assert often["total_max_attempts"] == 5


def test_the_region_variable_of_the_other_sdks_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    monkeypatch.setenv("AWS_REGION", "eu-south-2")
    assert Aws.connect(region=None, profile=None).region == "eu-south-2"
    assert Aws.connect(region="eu-west-3", profile=None).region == "eu-west-3"


def test_tags_that_may_not_be_read_are_not_taken_for_none(
    live: Cloud, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hidden(parsed: dict[str, Any], **_: Any) -> None:
        parsed.pop("Tags", None)
        parsed["TagsError"] = {"ErrorCode": "AccessDeniedException", "Message": "not authorized: lambda:ListTags"}

    live.aws.lambda_.meta.events.register("after-call.lambda.GetFunction", hidden)
    result = cli("deploy", *PROD, "--json")
    assert (result.code, result.json["error"]["code"]) == (5, "aws_tags_hidden")
    assert "The caller needs lambda:ListTags" in result.json["error"]["hint"]


def test_an_update_that_failed_is_made_again_and_its_reason_told(live: Cloud, trained: Path, cli: Cli) -> None:
    failing = True

    def fail(parsed: dict[str, Any], **_: Any) -> None:
        if failing:
            parsed["Configuration"]["LastUpdateStatus"] = "Failed"
            parsed["Configuration"]["LastUpdateStatusReason"] = "The subnet is gone."

    live.aws.lambda_.meta.events.register("after-call.lambda.GetFunction", fail)
    settle(trained, memory=512)
    result = cli("deploy", *PROD)
    assert result.code == 5
    assert "Lambda could not make the function iris-prod ready: The subnet is gone." in result.err
    assert live.calls.names.count("UpdateFunctionConfiguration") == 1
    failing = False
    assert ok(cli, "deploy")["release"] == "2"


def test_a_release_that_sleeps_is_woken(live: Cloud, trained: Path, cli: Cli) -> None:
    settle(trained, memory=512)
    ok(cli, "deploy")
    asleep = 3

    def refuse(**_: Any) -> Any:
        nonlocal asleep
        asleep -= 1
        if asleep >= 0:
            message = "The operation cannot be performed at this time. The function is currently in state Inactive"
            return response("https://x", 409, {}, b""), {
                "Error": {"Code": "ResourceConflictException", "Message": message}
            }
        return None

    live.aws.lambda_.meta.events.register("before-call.lambda.Invoke", refuse)
    assert ok(cli, "rollback")["release"] == "1"
    assert asleep < 0


@pytest.mark.parametrize(
    "said",
    [
        "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
        "The provided execution role does not have permissions to call PutTraceSegments on XRAY",
    ],
)
def test_a_policy_that_iam_has_not_spread_yet_is_waited_for(cloud: Cloud, trained: Path, cli: Cli, said: str) -> None:
    refusals = 2

    def refuse(**_: Any) -> Any:
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            return response("https://x", 400, {}, b""), {
                "Error": {"Code": "InvalidParameterValueException", "Message": said}
            }
        return None

    cloud.aws.lambda_.meta.events.register("before-call.lambda.CreateFunction", refuse)
    assert ok(cli, "deploy")["release"] == "1"


def test_an_old_release_that_somebody_elses_alias_points_at_is_kept(live: Cloud, trained: Path, cli: Cli) -> None:
    live.aws.lambda_.create_alias(FunctionName="iris-prod", Name="mine", FunctionVersion="1")
    for memory in (512, 640):
        settle(trained, memory=memory, keep_releases=2)
        result = cli("deploy", *PROD)
        assert result.code == 0, result.err
    assert "Release 1 is kept: something else still points at it." in result.err
    assert live.live() == {"3": 1.0}
