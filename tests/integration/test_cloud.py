"""The test double of AWS is held to what AWS answers: a test that it waves through proves nothing."""

import base64
import io
import json
import urllib.request
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from mlctl.packaging.build import Package
from tests.cloud import Cloud, Fault, Killed
from tests.cloud.faults import Kind

NAME = "iris-prod"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
ROLE = "arn:aws:iam::123456789012:role/role"


class Setup:
    """A function on the cloud with one published version and the alias ``live``, made with boto3 alone."""

    def __init__(self, cloud: Cloud, code: bytes) -> None:
        self.cloud = cloud
        self.code = code
        self.client: Any = cloud.aws.lambda_
        self.api: Any = cloud.aws.api
        cloud.aws.iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)

    def create(self, **more: Any) -> Any:
        wanted = {"Runtime": "python3.12", "Handler": "handler.app.lambda_handler", "Role": ROLE, **more}
        return self.client.create_function(FunctionName=NAME, Code={"ZipFile": self.code}, **wanted)

    def look(self) -> Any:
        return self.client.get_function_configuration(FunctionName=NAME)

    def configure(self, **settings: Any) -> Any:
        done = self.client.update_function_configuration(FunctionName=NAME, **settings)
        self.look()
        return done

    def publish(self, **more: Any) -> str:
        found: str = self.client.publish_version(FunctionName=NAME, **more)["Version"]
        self.client.get_function_configuration(FunctionName=NAME, Qualifier=found)
        return found

    def live(self, version: str, **more: Any) -> Any:
        return self.client.create_alias(FunctionName=NAME, Name="live", FunctionVersion=version, **more)

    def invoke(self, qualifier: str, path: str = "/health", method: str = "GET", body: str | None = None) -> Any:
        http = {"http": {"method": method, "path": path}}
        event = {"version": "2.0", "rawPath": path, "headers": {}, "requestContext": http, "body": body}
        return self.client.invoke(
            FunctionName=NAME, Qualifier=qualifier, Payload=json.dumps(event).encode(), LogType="Tail"
        )


@pytest.fixture
def setup(cloud: Cloud, iris_package: Package) -> Setup:
    return Setup(cloud, iris_package.zip)


@pytest.fixture
def two(setup: Setup) -> Setup:
    """Versions 1 and 2, with other memory, and ``live`` at 1."""
    setup.create(MemorySize=128)
    setup.look()
    setup.live(setup.publish())
    setup.configure(MemorySize=256)
    setup.publish()
    return setup


def refusal(call: Any, **params: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as error:
        call(**params)
    found = error.value.response
    return found["ResponseMetadata"]["HTTPStatusCode"], found["Error"]["Code"], found["Error"]["Message"]


def test_a_function_tells_its_whole_configuration(setup: Setup) -> None:
    given = {
        "MemorySize": 512,
        "Timeout": 20,
        "Architectures": ["arm64"],
        "EphemeralStorage": {"Size": 1024},
        "TracingConfig": {"Mode": "Active"},
        "Environment": {"Variables": {"A": "b"}},
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
    }
    logging = {"LogFormat": "JSON", "LogGroup": "/mine", "ApplicationLogLevel": "WARN"}
    created = setup.create(**given, LoggingConfig=logging, Tags={"a": "b"})
    assert (created["State"], created["LastUpdateStatus"]) == ("Pending", "InProgress")
    found = setup.client.get_function(FunctionName=NAME)
    told = found["Configuration"]
    assert {key: told[key] for key in given} == given
    assert told["LoggingConfig"] == {**logging, "SystemLogLevel": "INFO"}
    assert (told["State"], told["LastUpdateStatus"]) == ("Active", "Successful")
    assert found["Tags"] == {"a": "b"}
    assert "Concurrency" not in found
    setup.client.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=3)
    assert setup.client.get_function(FunctionName=NAME)["Concurrency"] == {"ReservedConcurrentExecutions": 3}
    with urllib.request.build_opener().open(found["Code"]["Location"]) as package:
        assert package.read() == setup.code


def test_what_a_change_does_not_name_stays_and_a_version_keeps_what_it_was_published_with(two: Setup) -> None:
    two.configure(Environment={"Variables": {"A": "b"}})
    two.configure(Environment={"Variables": {}}, Timeout=9)
    versions = two.client.list_versions_by_function(FunctionName=NAME)["Versions"]
    told = [(each["Version"], each["MemorySize"], each["Timeout"], "Environment" in each) for each in versions]
    assert told == [("$LATEST", 256, 9, False), ("1", 128, 3, False), ("2", 256, 3, False)]


def test_a_name_is_taken_once_and_the_role_must_be_there(setup: Setup) -> None:
    unknown = {"Role": "arn:aws:iam::123456789012:role/unknown"}
    assumed = (400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")
    assert refusal(setup.create, **unknown) == assumed
    setup.cloud.young_roles = 1
    assert refusal(setup.create) == assumed
    setup.create()
    assert refusal(setup.create) == (409, "ResourceConflictException", "Function already exist: iris-prod")


def test_a_change_is_refused_while_another_is_in_progress(setup: Setup) -> None:
    setup.cloud.lambda_.looks = 2
    setup.create()
    code = {"FunctionName": NAME, "ZipFile": setup.code}
    busy = f"An update is in progress for resource: arn:aws:lambda:eu-west-1:123456789012:function:{NAME}"
    assert refusal(setup.client.update_function_code, **code)[2].endswith(busy)
    assert refusal(setup.client.publish_version, FunctionName=NAME)[:2] == (409, "ResourceConflictException")
    setup.client.update_function_code(**code)


def test_a_version_that_is_not_ready_cannot_be_invoked(setup: Setup) -> None:
    setup.create()
    setup.look()
    setup.client.publish_version(FunctionName=NAME)
    with pytest.raises(ClientError, match="currently in the following state: Pending"):
        setup.invoke("1")
    setup.client.get_waiter("published_version_active").wait(FunctionName=NAME, Qualifier="1")
    assert setup.invoke("1")["StatusCode"] == 200


def test_the_revision_changes_with_each_change_its_end_and_each_publishing(setup: Setup) -> None:
    revisions = [setup.create()["RevisionId"], setup.look()["RevisionId"]]
    changed = setup.client.update_function_configuration(FunctionName=NAME, Timeout=4, RevisionId=revisions[-1])
    revisions += [changed["RevisionId"], setup.look()["RevisionId"]]
    changed = setup.client.update_function_code(FunctionName=NAME, ZipFile=setup.code, RevisionId=revisions[-1])
    revisions += [changed["RevisionId"], setup.look()["RevisionId"]]
    version = setup.client.publish_version(FunctionName=NAME, RevisionId=revisions[-1])
    revisions += [version["RevisionId"], setup.look()["RevisionId"]]
    assert len(set(revisions)) == len(revisions)
    again = setup.client.get_function_configuration(FunctionName=NAME, Qualifier="1")
    assert again["RevisionId"] == version["RevisionId"]


@pytest.mark.parametrize(
    ("call", "params"),
    [
        ("update_function_code", {"ZipFile": b""}),
        ("update_function_configuration", {"Timeout": 5}),
        ("publish_version", {}),
        ("update_alias", {"Name": "live"}),
        ("add_permission", {"Qualifier": "live", "StatementId": "a", "Action": "lambda:*", "Principal": "a.b"}),
        ("remove_permission", {"Qualifier": "live", "StatementId": "a"}),
    ],
)
def test_a_stale_revision_is_refused(two: Setup, call: str, params: dict[str, Any]) -> None:
    before = two.cloud.snapshot()
    status, code, message = refusal(getattr(two.client, call), FunctionName=NAME, RevisionId="stale", **params)
    assert (status, code) == (412, "PreconditionFailedException")
    assert message.startswith("The RevisionId provided does not match the latest RevisionId")
    assert two.cloud.snapshot() == before


def test_publishing_names_the_code_and_is_nothing_when_nothing_changed(two: Setup) -> None:
    status, code, _ = refusal(two.client.publish_version, FunctionName=NAME, CodeSha256="another")
    assert (status, code) == (400, "InvalidParameterValueException")
    assert two.publish(Description="another text") == "2"
    two.client.update_function_code(FunctionName=NAME, ZipFile=two.code)
    two.look()
    assert two.publish() == "2"
    two.configure(MemorySize=128)
    assert two.publish(CodeSha256=two.look()["CodeSha256"]) == "3"
    two.configure(Description="the function's own text")
    assert two.publish() == "4"


def test_numbers_are_not_used_again(two: Setup) -> None:
    for _ in range(2):
        # AWS says the same of a version that is gone already, and refuses only a function that is.
        two.client.delete_function(FunctionName=NAME, Qualifier="2")
    two.configure(MemorySize=300)
    assert two.publish() == "3"
    two.client.delete_function(FunctionName=NAME)
    assert refusal(two.client.delete_function, FunctionName=NAME)[1] == "ResourceNotFoundException"
    two.create()
    two.look()
    assert two.publish() == "4"


def test_an_alias_keeps_weights_until_an_empty_map(two: Setup) -> None:
    update = two.client.update_alias
    update(FunctionName=NAME, Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}}, Description="text")
    found = two.client.get_alias(FunctionName=NAME, Name="live")
    assert found["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.1}}
    assert found["Description"] == "text"
    kept = update(FunctionName=NAME, Name="live", Description="other")
    assert kept["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.1}}
    assert two.cloud.live() == {"1": 0.9, "2": 0.1}
    moved = update(FunctionName=NAME, Name="live", FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {}})
    assert "RoutingConfig" not in moved
    assert moved["Description"] == "other"
    assert two.cloud.live() == {"2": 1.0}


@pytest.mark.parametrize(
    ("version", "weights", "code"),
    [
        ("1", {"2": 0.1, "3": 0.1}, "InvalidParameterValueException"),
        ("1", {"1": 0.5}, "InvalidParameterValueException"),
        ("1", {"$LATEST": 0.5}, "InvalidParameterValueException"),
        ("$LATEST", {"1": 0.5}, "InvalidParameterValueException"),
        ("1", {"9": 0.5}, "ResourceNotFoundException"),
        ("9", {}, "ResourceNotFoundException"),
    ],
)
def test_an_alias_takes_two_published_versions_at_most(
    two: Setup, version: str, weights: dict[str, float], code: str
) -> None:
    routing = {"AdditionalVersionWeights": weights}
    wanted = {"FunctionName": NAME, "Name": "live", "FunctionVersion": version, "RoutingConfig": routing}
    assert refusal(two.client.update_alias, **wanted)[1] == code
    assert two.cloud.live() == {"1": 1.0}


def test_weights_are_kept_by_counting(two: Setup) -> None:
    routing = {"AdditionalVersionWeights": {"2": 0.25}}
    two.client.update_alias(FunctionName=NAME, Name="live", RoutingConfig=routing)
    assert [two.invoke("live")["ExecutedVersion"] for _ in range(8)] == ["1", "1", "1", "2", "1", "1", "1", "2"]


def test_a_version_that_an_alias_points_at_cannot_be_deleted(two: Setup) -> None:
    routing = {"AdditionalVersionWeights": {"2": 0.1}}
    two.client.update_alias(FunctionName=NAME, Name="live", RoutingConfig=routing)
    message = "Unable to delete version because the following aliases reference it: [live]"
    for number in ("1", "2"):
        found = refusal(two.client.delete_function, FunctionName=NAME, Qualifier=number)
        assert found == (409, "ResourceConflictException", message)
    two.client.update_alias(FunctionName=NAME, Name="live", RoutingConfig={})
    two.client.delete_function(FunctionName=NAME, Qualifier="2")


def test_provisioned_concurrency_is_of_a_version_or_of_an_alias_without_weights(two: Setup) -> None:
    provision = two.client.put_provisioned_concurrency_config
    missing = refusal(two.client.get_provisioned_concurrency_config, FunctionName=NAME, Qualifier="2")
    assert missing[:2] == (404, "ProvisionedConcurrencyConfigNotFoundException")
    provision(FunctionName=NAME, Qualifier="2", ProvisionedConcurrentExecutions=4)
    (config,) = two.client.list_provisioned_concurrency_configs(FunctionName=NAME)["ProvisionedConcurrencyConfigs"]
    assert config["FunctionArn"].endswith(":function:iris-prod:2")
    assert (config["RequestedProvisionedConcurrentExecutions"], config["Status"]) == (4, "READY")
    two.client.delete_provisioned_concurrency_config(FunctionName=NAME, Qualifier="2")
    provision(FunctionName=NAME, Qualifier="live", ProvisionedConcurrentExecutions=4)
    wanted = {"FunctionName": NAME, "Name": "live", "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1}}}
    assert refusal(two.client.update_alias, **wanted)[2] == (
        "Alias with weights can not be used with Provisioned Concurrency"
    )


def test_a_permission_belongs_to_one_alias_and_has_a_name_of_its_own(two: Setup) -> None:
    wanted = {
        "FunctionName": NAME,
        "Qualifier": "live",
        "StatementId": "api",
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": "arn:aws:execute-api:eu-west-1:123456789012:abc/*/*",
    }
    two.client.add_permission(**wanted)
    assert refusal(two.client.add_permission, **wanted)[:2] == (409, "ResourceConflictException")
    (statement,) = json.loads(two.client.get_policy(FunctionName=NAME, Qualifier="live")["Policy"])["Statement"]
    assert statement["Resource"] == "arn:aws:lambda:eu-west-1:123456789012:function:iris-prod:live"
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": wanted["SourceArn"]}}
    assert refusal(two.client.get_policy, FunctionName=NAME)[1] == "ResourceNotFoundException"
    two.client.remove_permission(FunctionName=NAME, Qualifier="live", StatementId="api")
    assert refusal(two.client.get_policy, FunctionName=NAME, Qualifier="live")[1] == "ResourceNotFoundException"


def test_a_version_runs_its_own_package(two: Setup) -> None:
    answer = two.invoke("1", "/predict", "POST", json.dumps({"features": [5.1, 3.5, 1.4, 0.2]}))
    body = json.loads(json.loads(answer["Payload"].read())["body"])
    assert (body["prediction"], body["class_name"]) == (0, "setosa")
    log = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert log[0].startswith("START RequestId: ")
    assert json.loads(log[1])["route"] == "POST /predict"
    assert "FunctionError" not in answer
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as package:
        package.writestr("handler/__init__.py", "")
        package.writestr("handler/app.py", "def lambda_handler(event, context):\n    return 'another package'\n")
    two.client.update_function_code(FunctionName=NAME, ZipFile=other.getvalue())
    two.look()
    assert json.loads(two.invoke(two.publish())["Payload"].read()) == "another package"
    assert json.loads(two.invoke("1")["Payload"].read())["statusCode"] == 200


def test_a_release_fails_as_a_test_wants_it(two: Setup) -> None:
    two.cloud.crash_release("1")
    crashed = two.invoke("1")
    assert (crashed["StatusCode"], crashed["FunctionError"]) == (200, "Unhandled")
    assert json.loads(crashed["Payload"].read())["errorMessage"] == "it fell over"
    two.cloud.time_out_release("1")
    late = two.invoke("1")
    assert "Task timed out after 3.00 seconds" in json.loads(late["Payload"].read())["errorMessage"]
    assert "Task timed out after 3.00 seconds" in base64.b64decode(late["LogResult"]).decode()
    two.cloud.break_release("1")
    wrong = two.invoke("1", "/predict", "POST", json.dumps({"features": [5.1, 3.5, 1.4, 0.2]}))
    assert json.loads(json.loads(wrong["Payload"].read())["body"])["prediction"] == 1
    two.cloud.mend_release("1")
    assert "FunctionError" not in two.invoke("1")


class Front:
    """An HTTP API in front of ``live``, made with boto3 alone."""

    def __init__(self, setup: Setup, *, stage: bool = True) -> None:
        self.setup = setup
        api = setup.api
        tags = {"mlctl:project": "iris", "mlctl:stage": "prod"}
        self.id = api.create_api(Name=NAME, ProtocolType="HTTP", Tags=tags)["ApiId"]
        uri = f"arn:aws:lambda:eu-west-1:123456789012:function:{NAME}:live"
        made = api.create_integration(
            ApiId=self.id, IntegrationType="AWS_PROXY", IntegrationUri=uri, PayloadFormatVersion="2.0"
        )
        self.integration = made["IntegrationId"]
        target = f"integrations/{self.integration}"
        self.route = api.create_route(ApiId=self.id, RouteKey="$default", Target=target)["RouteId"]
        if stage:
            api.create_stage(ApiId=self.id, StageName="$default", AutoDeploy=True)

    def permit(self, api_id: str) -> None:
        self.setup.client.add_permission(
            FunctionName=NAME,
            Qualifier="live",
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:eu-west-1:123456789012:{api_id}/*/*",
        )


def test_a_request_needs_every_part_of_the_way(two: Setup) -> None:
    assert two.cloud.request().status == 404
    front = Front(two, stage=False)
    assert two.cloud.request().status == 404
    two.api.create_stage(ApiId=front.id, StageName="$default", AutoDeploy=True)
    assert (two.cloud.request().status, two.cloud.request().body) == (500, {"message": "Internal Server Error"})
    front.permit("another")
    assert two.cloud.request().status == 500
    two.client.remove_permission(FunctionName=NAME, Qualifier="live", StatementId="api")
    front.permit(front.id)
    served = two.cloud.request()
    assert (served.status, served.body["status"], served.release) == (200, "ok", "1")
    two.client.update_alias(FunctionName=NAME, Name="live", FunctionVersion="2")
    assert two.cloud.request().release == "2"
    two.cloud.crash_release("2")
    assert (two.cloud.request().status, two.cloud.request().release) == (500, "2")
    two.api.update_route(ApiId=front.id, RouteId=front.route, AuthorizationType="AWS_IAM")
    assert two.cloud.request().status == 403


def test_parts_of_an_api_are_not_made_twice_nor_deleted_while_used(two: Setup) -> None:
    front, api = Front(two), two.api
    twice: tuple[tuple[Any, dict[str, Any]], ...] = (
        (api.create_route, {"RouteKey": "$default", "Target": f"integrations/{front.integration}"}),
        (api.create_stage, {"StageName": "$default"}),
        (api.delete_integration, {"IntegrationId": front.integration}),
    )
    for call, params in twice:
        assert refusal(call, ApiId=front.id, **params)[:2] == (409, "ConflictException")
    jwt = {"Issuer": "https://issuer.example.com", "Audience": ["iris"]}
    wanted: dict[str, Any] = {
        "AuthorizerType": "JWT",
        "IdentitySource": ["$request.header.Authorization"],
        "Name": NAME,
    }
    made = api.create_authorizer(ApiId=front.id, JwtConfiguration=jwt, **wanted)["AuthorizerId"]
    assert [each["JwtConfiguration"] for each in api.get_authorizers(ApiId=front.id)["Items"]] == [jwt]
    api.update_route(ApiId=front.id, RouteId=front.route, AuthorizationType="JWT", AuthorizerId=made)
    assert two.cloud.request().status == 401
    assert refusal(api.delete_authorizer, ApiId=front.id, AuthorizerId=made)[:2] == (409, "ConflictException")
    api.update_route(ApiId=front.id, RouteId=front.route, AuthorizationType="NONE")
    api.delete_authorizer(ApiId=front.id, AuthorizerId=made)
    limits = {"ThrottlingRateLimit": 5.0, "ThrottlingBurstLimit": 6}
    api.update_stage(ApiId=front.id, StageName="$default", DefaultRouteSettings=limits)
    (stage,) = api.get_stages(ApiId=front.id)["Items"]
    assert (stage["DefaultRouteSettings"], stage["AutoDeploy"]) == (limits, True)


def test_an_api_with_a_mapping_is_not_deleted(two: Setup) -> None:
    front, api = Front(two), two.api
    api.create_domain_name(DomainName="api.example.com", DomainNameConfigurations=[{"CertificateArn": "a"}], Tags={})
    mapping = {"DomainName": "api.example.com", "ApiId": front.id, "Stage": "$default"}
    made = api.create_api_mapping(**mapping)["ApiMappingId"]
    assert refusal(api.create_api_mapping, **mapping)[:2] == (409, "ConflictException")
    assert refusal(api.delete_api, ApiId=front.id)[:2] == (400, "BadRequestException")
    api.delete_api_mapping(DomainName="api.example.com", ApiMappingId=made)
    api.delete_api(ApiId=front.id)
    api.delete_domain_name(DomainName="api.example.com")
    assert "apis" not in two.cloud.snapshot()


def test_two_states_are_equal_but_for_ids_dates_and_numbers(two: Setup) -> None:
    Front(two)
    before = two.cloud.snapshot()
    assert before["roles"]["role"]["trust"] == json.loads(TRUST)
    two.client.delete_function(FunctionName=NAME)
    two.api.delete_api(ApiId=next(iter(two.cloud.gateway.apis)))
    assert two.cloud.snapshot().keys() == {"roles"}
    two.create(MemorySize=128)
    two.look()
    two.live(two.publish())
    two.configure(MemorySize=256)
    two.publish()
    Front(two)
    assert two.cloud.live() == {"3": 1.0}
    assert two.cloud.snapshot() == before
    Front(two)
    assert two.cloud.snapshot() != before


def test_live_at_a_release_that_answered_no_golden_example_is_noted(two: Setup) -> None:
    assert two.cloud.violations[0] == "iris-prod: live points at release 1, which is not verified"


@pytest.mark.parametrize("service", ["lambda_", "api", "iam", "logs", "cloudwatch", "sts", "s3"])
def test_each_service_throttles_and_refuses_in_its_own_words(cloud: Cloud, service: str) -> None:
    calls: dict[str, Any] = {
        "lambda_": lambda aws: aws.lambda_.list_functions(),
        "api": lambda aws: aws.api.get_apis(),
        "iam": lambda aws: aws.iam.list_roles(),
        "logs": lambda aws: aws.logs.describe_log_groups(),
        "cloudwatch": lambda aws: aws.cloudwatch.describe_alarms(),
        "sts": lambda aws: aws.sts.get_caller_identity(),
        "s3": lambda aws: aws.s3.list_buckets(),
    }
    call = calls[service]
    cloud.begin(Fault("throttle", 1))
    assert call(cloud.aws)["ResponseMetadata"]["RetryAttempts"] == 1
    cloud.begin(Fault("throttle-lasting", 1))
    with pytest.raises(ClientError, match="Rate exceeded") as throttled:
        call(cloud.aws)
    assert throttled.value.response["ResponseMetadata"]["RetryAttempts"] == 4
    cloud.begin(Fault("access-denied", 1))
    for _ in range(2):
        with pytest.raises(ClientError, match="is not authorized to perform") as denied:
            call(cloud.aws)
        assert denied.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")
    cloud.begin()
    call(cloud.aws)


@pytest.mark.parametrize(
    ("kind", "done"),
    [("500", False), ("reset-before", False), ("reset-after", True), ("kill", False), ("kill-after", True)],
)
def test_a_fault_strikes_before_or_after_the_effect(cloud: Cloud, kind: Kind, done: bool) -> None:
    cloud.begin(Fault(kind, 2))
    cloud.aws.sts.get_caller_identity()
    with pytest.raises((ClientError, ConnectionClosedError, Killed)):
        # Made by a client that repeats nothing, so that the first attempt tells.
        cloud.aws.api_once.create_api(Name="a", ProtocolType="HTTP")
    assert len(cloud.gateway.apis) == int(done)


def test_after_a_kill_nothing_of_the_command_reaches_aws(cloud: Cloud) -> None:
    cloud.begin(Fault("kill", 1))
    for _ in range(2):
        with pytest.raises(Killed):
            cloud.aws.api.create_api(Name="a", ProtocolType="HTTP")
    assert cloud.gateway.apis == {}
    cloud.begin()
    cloud.aws.api.create_api(Name="a", ProtocolType="HTTP")
    assert cloud.calls.mutating == ["CreateApi"]
    assert cloud.calls.params("CreateApi") == {"Name": "a", "ProtocolType": "HTTP"}
