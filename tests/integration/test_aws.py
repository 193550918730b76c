"""The AWS modules against moto and botocore's hooks: what the local emulator waves through is checked here."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from mlctl import settings
from mlctl.aws import read
from mlctl.aws.apply import Deployment
from mlctl.aws.errors import explained
from mlctl.aws.names import Names
from mlctl.aws.plan import Desired, plan, source_arn
from mlctl.aws.remove import remove
from mlctl.aws.session import Aws
from mlctl.core import deploy
from mlctl.errors import ExitCode, MlctlError
from mlctl.model.registry import Registry
from mlctl.packaging import build
from mlctl.packaging.build import Package
from mlctl.progress import Event, silent
from mlctl.stages import Stage
from tests.conftest import Cli

REGION = "eu-west-1"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws(config={"lambda": {"use_docker": False}}):
        connected = Aws(boto3.Session(region_name=REGION), None, pace=0.0)
        _remember_logging(connected)
        yield connected


def _remember_logging(aws: Aws) -> None:
    """moto forgets a function's LoggingConfig, which AWS gives back with every configuration."""
    given: dict[str, Any] = {}

    def take(params: dict[str, Any], **_: Any) -> None:
        given.update(params.get("LoggingConfig", {}))

    def give(parsed: dict[str, Any], **_: Any) -> None:
        for each in (parsed, parsed.get("Configuration", {}), *parsed.get("Versions", [])):
            if "FunctionArn" in each:
                each["LoggingConfig"] = dict(given)

    aws.lambda_.meta.events.register("provide-client-params.lambda.*", take)
    aws.lambda_.meta.events.register("after-call.lambda.*", give)


@pytest.fixture
def stage(aws: Aws, tmp_path: Path) -> Stage:
    return Stage(name="prod", project_folder=tmp_path, settings=settings.load(tmp_path), aws=aws, endpoint=None)


class Calls:
    """Every AWS call that one client makes, by name."""

    def __init__(self, aws: Aws) -> None:
        self.names: list[str] = []
        self.parameters: dict[str, dict[str, Any]] = {}
        for client in (aws.iam, aws.lambda_, aws.api, aws.logs, aws.sts):
            client.meta.events.register("provide-client-params.*", self._note)

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.names.append(model.name)
        self.parameters[model.name] = params

    @property
    def mutating(self) -> list[str]:
        return [name for name in self.names if not name.startswith(("Get", "List", "Describe"))]


def bring(stage: Stage, desired: Desired, package: Package, verify: Any = lambda release: None) -> Deployment:
    actual = read.actual(stage.aws, stage.names)
    deployment = Deployment(stage.aws, desired, actual, package.zip, verify, sleep=lambda seconds: None)
    deployment.run(plan(desired, actual), silent)
    return deployment


def test_a_first_deploy_builds_what_the_design_says(stage: Stage, iris_package: Package) -> None:
    desired = deploy._desired(stage, iris_package)
    done = bring(stage, desired, iris_package)
    assert done.release == "1"
    actual = read.actual(stage.aws, stage.names)
    assert not plan(desired, actual).changed
    assert actual.live_release is not None
    assert actual.live_release.text == desired.release
    role: Any = stage.aws.iam.get_role_policy(RoleName="iris-prod-lambda", PolicyName="logs")["PolicyDocument"]
    assert role["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/iris-prod:*",
        }
    ]
    policy = json.loads(stage.aws.lambda_.get_policy(FunctionName="iris-prod", Qualifier="live")["Policy"])
    (statement,) = policy["Statement"]
    assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
    assert statement["Condition"]["ArnLike"]["AWS:SourceArn"] == source_arn(desired, done.api_id)
    assert statement["Resource"].endswith(":function:iris-prod:live")
    function = stage.aws.lambda_.get_function(FunctionName="iris-prod")
    assert function["Tags"] == {"mlctl:project": "iris", "mlctl:stage": "prod"}
    assert function["Configuration"]["Architectures"] == ["arm64"]
    (group,) = stage.aws.logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/iris-prod")["logGroups"]
    assert group["retentionInDays"] == 14
    (found,) = stage.aws.api.get_stages(ApiId=done.api_id)["Items"]
    assert found["DefaultRouteSettings"] == {"ThrottlingRateLimit": 50.0, "ThrottlingBurstLimit": 100}
    assert stage.api_url(done.api_id, done.api_endpoint) == f"https://{done.api_id}.execute-api.{REGION}.amazonaws.com"


def test_an_unchanged_deploy_makes_no_mutating_call(stage: Stage, iris_package: Package) -> None:
    desired = deploy._desired(stage, iris_package)
    bring(stage, desired, iris_package)
    calls = Calls(stage.aws)
    bring(stage, desired, iris_package)
    assert calls.mutating == []


def test_the_release_is_verified_by_number_before_the_alias_moves(stage: Stage, iris_package: Package) -> None:
    desired = deploy._desired(stage, iris_package)
    bring(stage, desired, iris_package)
    calls = Calls(stage.aws)
    seen: list[tuple[str, str | None]] = []

    def verify(release: str) -> None:
        seen.append((release, read.live(stage.aws, stage.names)))

    other = replace(desired, config=replace(desired.config, memory=512))
    bring(stage, other, iris_package, verify)
    assert seen == [("2", "1")]
    assert read.live(stage.aws, stage.names) == "2"
    assert calls.mutating == ["UpdateFunctionConfiguration", "UpdateFunctionCode", "PublishVersion", "UpdateAlias"]
    assert calls.parameters["PublishVersion"]["CodeSha256"] == desired.code_sha256
    # Weights that a canary left must not outlive a full shift.
    assert calls.parameters["UpdateAlias"]["RoutingConfig"] == {}


def test_a_wrong_answer_leaves_the_live_release_alone(stage: Stage, iris_package: Package) -> None:
    desired = deploy._desired(stage, iris_package)
    bring(stage, desired, iris_package)

    def verify(release: str) -> None:
        raise MlctlError("wrong", code="verification_failed", exit_code=ExitCode.VERIFICATION)

    other = replace(desired, config=replace(desired.config, memory=512))
    with pytest.raises(MlctlError, match="wrong"):
        bring(stage, other, iris_package, verify)
    assert read.live(stage.aws, stage.names) == "1"
    # Running it again goes on with the release that is there.
    done = bring(stage, other, iris_package)
    assert (done.release, read.live(stage.aws, stage.names)) == ("2", "2")


def test_a_function_that_answers_nonsense_fails_the_verification(
    aws: Aws, trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    # moto runs no code without Docker: every invocation returns a fixed text.
    monkeypatch.setenv("MLCTL_DEPLOY__REGION", REGION)
    monkeypatch.setattr("mlctl.stages.Aws.connect", lambda **_: aws)
    result = cli("deploy", "--stage", "prod", "--json")
    assert result.code == 4
    assert result.json["error"]["code"] == "verification_failed"
    assert "Release 1 answers golden example 1 of 12 wrongly" in result.json["error"]["message"]
    assert "It gets no traffic" in result.json["error"]["hint"]
    assert read.live(aws, Names("iris", "prod")) is None
    assert cli("status", "--stage", "prod").code == 6


def test_missed_gates_stop_a_deploy_before_any_call(
    aws: Aws, trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlctl.stages.Aws.connect", lambda **_: aws)
    calls = Calls(aws)
    (trained / "mlctl.toml").write_text("[gates]\naccuracy = 0.95\n")
    result = cli("deploy", "--stage", "prod")
    assert result.code == 4
    assert "misses its gates: accuracy 0.9000 is below 0.95." in result.err
    assert calls.names == []


def test_what_lacks_our_tags_is_never_touched(stage: Stage, trained: Path, cli: Cli, monkeypatch: Any) -> None:
    monkeypatch.setattr("mlctl.stages.Aws.connect", lambda **_: stage.aws)
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    stage.aws.iam.create_role(RoleName="iris-prod-lambda", AssumeRolePolicyDocument=trust)
    calls = Calls(stage.aws)
    for words in (["deploy"], ["destroy", "--yes"]):
        result = cli(*words, "--stage", "prod")
        assert result.code == 5
        assert "There is a role 'iris-prod-lambda' that is not of this project and stage" in result.err
    assert calls.mutating == []


def test_another_api_of_our_name_is_not_taken_for_ours(stage: Stage, iris_package: Package) -> None:
    foreign = stage.aws.api.create_api(Name="iris-prod", ProtocolType="HTTP")["ApiId"]
    done = bring(stage, deploy._desired(stage, iris_package), iris_package)
    assert done.api_id != foreign
    address = read.api_address(stage.aws, stage.names)
    assert address is not None
    assert address[0] == done.api_id


def test_destroy_leaves_nothing_and_can_be_repeated(stage: Stage, iris_package: Package) -> None:
    bring(stage, deploy._desired(stage, iris_package), iris_package)
    removed = remove(stage.aws, stage.names, read.actual(stage.aws, stage.names), silent)
    assert [resource for resource, _ in removed] == ["api", "function", "role policy", "role", "log group"]
    left = read.actual(stage.aws, stage.names)
    assert (left.role, left.log_group, left.function, left.api) == (None, None, None, None)
    assert remove(stage.aws, stage.names, left, silent) == ()


def test_destroy_deletes_every_api_of_ours(stage: Stage, iris_package: Package) -> None:
    done = bring(stage, deploy._desired(stage, iris_package), iris_package)
    twin = stage.aws.api.create_api(Name="iris-prod", ProtocolType="HTTP", Tags=stage.names.tags)["ApiId"]
    actual = read.actual(stage.aws, stage.names)
    assert actual.api is not None
    assert {actual.api.id, *actual.other_apis} == {done.api_id, twin}
    remove(stage.aws, stage.names, actual, silent)
    assert read.api_address(stage.aws, stage.names) is None


def test_the_region_variable_of_the_other_sdks_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    monkeypatch.setenv("AWS_REGION", "eu-south-2")
    assert Aws.connect(region=None, profile=None).region == "eu-south-2"
    assert Aws.connect(region="eu-west-3", profile=None).region == "eu-west-3"


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_deploy_that_is_cut_off_anywhere_is_finished_by_the_next(
    stage: Stage, iris_package: Package, cut: int
) -> None:
    desired = deploy._desired(stage, iris_package)

    class Killed(Exception):
        pass

    finished: list[Event] = []

    def kill_after(event: Event) -> None:
        if event.kind == "finish":
            finished.append(event)
            if len(finished) == cut:
                raise Killed

    actual = read.actual(stage.aws, stage.names)
    with pytest.raises(Killed):
        Deployment(stage.aws, desired, actual, iris_package.zip, lambda release: None).run(
            plan(desired, actual), kill_after
        )
    bring(stage, desired, iris_package)
    actual = read.actual(stage.aws, stage.names)
    assert not plan(desired, actual).changed
    assert len(actual.releases) == 1


def test_a_role_that_lambda_does_not_know_yet_is_waited_for(stage: Stage, iris_package: Package) -> None:
    refusals = 3
    pauses: list[float] = []

    def refuse(**_: Any) -> None:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise client_error(
                "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."
            )

    stage.aws.lambda_.meta.events.register("before-call.lambda.CreateFunction", refuse)
    desired = deploy._desired(stage, iris_package)
    aws = stage.aws
    aws.pace = 1.0
    actual = read.actual(aws, stage.names)
    Deployment(aws, desired, actual, iris_package.zip, lambda release: None, sleep=pauses.append).run(
        plan(desired, actual), silent
    )
    assert pauses == [4.0, 4.0, 4.0]
    assert read.live(aws, stage.names) == "1"


def test_another_invalid_parameter_is_not_waited_for(stage: Stage, iris_package: Package) -> None:
    def refuse(**_: Any) -> None:
        raise client_error("InvalidParameterValueException", "Unzipped size must be smaller")

    stage.aws.lambda_.meta.events.register("before-call.lambda.CreateFunction", refuse)
    with pytest.raises(ClientError, match="Unzipped size"):
        bring(stage, deploy._desired(stage, iris_package), iris_package)


def test_creating_an_api_is_never_retried(stage: Stage) -> None:
    once, often = (getattr(client.meta.config, "retries") for client in (stage.aws.api, stage.aws.lambda_))  # noqa: B009  # the stubs do not know it
    assert once == {"mode": "standard", "total_max_attempts": 1}
    assert often == {"mode": "standard", "total_max_attempts": 5}


def test_a_refusal_names_the_call_and_its_reason() -> None:
    with pytest.raises(MlctlError) as error, explained():
        raise client_error("AccessDeniedException", "not authorized to perform: lambda:CreateFunction")
    assert error.value.exit_code == ExitCode.AWS
    assert error.value.message == "AWS refused CreateFunction: not authorized to perform: lambda:CreateFunction"
    assert "AccessDeniedException" in error.value.hint


def test_no_credentials_say_how_to_log_in(trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("MLCTL_DEPLOY__REGION", REGION)
    result = cli("status", "--stage", "prod")
    assert result.code == 5
    assert "There are no AWS credentials." in result.err


def client_error(code: str, message: str) -> ClientError:
    error: Any = {"Error": {"Code": code, "Message": message}}
    return ClientError(error, "CreateFunction")


def test_the_package_is_of_the_version_that_was_asked_for(trained: Path) -> None:
    version = Registry(trained, "iris").get()
    assert build.build(version, engine="auto", python=settings.default_python()).version == version.id
