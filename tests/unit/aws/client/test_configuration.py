"""What of the environment reaches AWS clients: nothing on stage local, and on AWS a mistake is an error in words."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, DEFAULT_S3_CONFIG_VARS
from botocore.exceptions import BotoCoreError, ClientError

from mlctl.aws.access import caller
from mlctl.aws.client.errors import translate_errors
from mlctl.aws.client.session import Aws
from mlctl.errors import MlctlError
from tests.conftest import Cli
from tests.support.listener import Answer, Listener, Sent

REAL_KEY = "AKIAREALREALREAL"
# What botocore reads beside its table, by its source: endpoints.py, utils.py, credentials.py, plugin.py, endpoint.py.
OTHER_VARIABLES = {
    "AWS_ACCESS_KEY_ID": REAL_KEY,
    "AWS_SECRET_ACCESS_KEY": "real-secret",
    "AWS_SESSION_TOKEN": "real-token",
    "AWS_SECURITY_TOKEN": "real-token",
    "AWS_ACCOUNT_ID": "123456789012",
    "AWS_REGION": "eu-west-3",
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/real",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/does/not/exist",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "{evil}/credentials",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "real-token",
    "AWS_CREDENTIAL_FILE": "/does/not/exist",
    "BOTO_CONFIG": "/does/not/exist",
    "BOTOCORE_EXPERIMENTAL__PLUGINS": "hostile=hostile_plugin",
    "REQUESTS_CA_BUNDLE": "/does/not/exist",
    "CURL_CA_BUNDLE": "/does/not/exist",
    "SSL_CERT_FILE": "/does/not/exist",
    "SSL_CERT_DIR": "/does/not/exist",
    "AWS_ENDPOINT_URL": "{evil}",
}
SERVICES = ("IAM", "LAMBDA", "APIGATEWAYV2", "CLOUDWATCH_LOGS", "CLOUDWATCH", "S3", "ACM", "STS")
CALLS: tuple[Callable[[Aws], Any], ...] = (
    lambda aws: aws.iam.get_role(RoleName="iris-local-lambda"),
    lambda aws: aws.lambda_.invoke(FunctionName="iris-local", Payload=b"x" * 20_000),
    lambda aws: aws.api.get_apis(),
    lambda aws: aws.api_once.create_api(Name="iris-local", ProtocolType="HTTP"),
    lambda aws: aws.logs.describe_log_groups(),
    lambda aws: aws.cloudwatch.list_metrics(),
    lambda aws: aws.s3.list_objects_v2(Bucket="bucket"),
    lambda aws: aws.acm.list_certificates(),
    lambda aws: aws.sts.get_caller_identity(),
)
# Services that speak JSON take it for a message.
REFUSED = b"<ErrorResponse><Error><Code>Refused</Code></Error></ErrorResponse>"
# What differs from call to call, or tells the time and the program.
VARYING = ("authorization", "x-amz-date", "amz-sdk-invocation-id", "user-agent")


def known_variables() -> set[str]:
    """Every variable in botocore's own tables: a new release of it adds to the test."""
    rows = (*BOTOCORE_DEFAUT_SESSION_VARIABLES.values(), *DEFAULT_S3_CONFIG_VARS.values())
    names: set[str] = set()
    for _, variables, *_ in rows:
        names |= {variables} if isinstance(variables, str) else set(variables or ())
    return names


def set_hostile(monkeypatch: pytest.MonkeyPatch, folder: Path, evil: str, udp_port: int) -> None:
    """Every variable that botocore knows, each with a value that would be noticed."""
    for name in known_variables():
        monkeypatch.setenv(name, "true" if name.startswith(("AWS_USE_", "AWS_S3_")) else "hostile")
    config = folder / "config"
    config.write_text(f"[default]\nendpoint_url = {evil}\naws_access_key_id = {REAL_KEY}\nregion = eu-west-3\n")
    variables = {
        **{name: value.format(evil=evil) for name, value in OTHER_VARIABLES.items()},
        **{f"AWS_ENDPOINT_URL_{service}": evil for service in SERVICES},
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), evil),
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(config),
        "AWS_CSM_ENABLED": "true",
        "AWS_CSM_HOST": "127.0.0.1",
        "AWS_CSM_PORT": str(udp_port),
        "AWS_DATA_PATH": str(folder / "models"),
        "AWS_METADATA_SERVICE_TIMEOUT": "hostile",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # A model of a service that would send elsewhere what its operations hold.
    models = folder / "models" / "sts" / "2011-06-15"
    models.mkdir(parents=True)
    (models / "service-2.json").write_text('{"metadata": {}, "operations": {}, "shapes": {}}')


def sent_by_each_call(listener: Listener) -> list[Sent]:
    """The request of each call, without the probes of the emulator's health: their number depends on the speed."""
    aws = Aws.emulated(listener.url, region=None)
    before = len(listener.sent)
    for call in CALLS:
        with pytest.raises(ClientError):
            call(aws)
    probes = [sent for sent in listener.sent[before:] if sent.path == "/_ministack/health"]
    assert probes
    assert not [sent for sent in probes if "authorization" in sent.headers]
    return [sent for sent in listener.sent[before:] if sent not in probes]


def plain(sent: Sent) -> tuple[str, str, bytes, dict[str, str]]:
    return sent.method, sent.path, sent.body, {key: sent.headers[key] for key in sent.headers if key not in VARYING}


def test_an_emulator_is_asked_the_same_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Listener.running() as emulator, Listener.running() as evil, socket.socket(type=socket.SOCK_DGRAM) as monitor:
        monitor.bind(("127.0.0.1", 0))
        monitor.setblocking(False)
        emulator.answers = lambda sent: Answer(400, REFUSED)
        expected = sent_by_each_call(emulator)
        assert len(expected) == len(CALLS)
        set_hostile(monkeypatch, tmp_path, evil.url, monitor.getsockname()[1])
        found = sent_by_each_call(emulator)
        assert [plain(sent) for sent in found] == [plain(sent) for sent in expected]
        for before, after in zip(expected, found, strict=True):
            credential, _, scope = after.headers["authorization"].partition("/")
            assert credential == before.headers["authorization"].partition("/")[0]
            assert "/us-east-1/" in scope
        seen = json.dumps([[sent.headers, sent.path, sent.body.decode()] for sent in emulator.sent])
        assert not [secret for secret in (REAL_KEY, "real-secret", "real-token", "hostile") if secret in seen]
        assert evil.sent == []
        with pytest.raises(BlockingIOError):
            monitor.recv(1)


def test_the_emulator_is_not_asked_with_credentials_of_the_user_for_a_signed_api(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", REAL_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real-token")
    headers = Aws.emulated("http://127.0.0.1:1", region=None).sign("GET", "http://127.0.0.1:1/", None)
    assert REAL_KEY not in headers["Authorization"]
    assert not {name.lower() for name in headers} & {"x-amz-security-token"}


CONFIGURATIONS: dict[str, tuple[dict[str, str], str, str]] = {
    "a missing profile": ({"AWS_PROFILE": "nobody"}, "", "aws_profile"),
    "a missing default profile": ({"AWS_DEFAULT_PROFILE": "nobody"}, "", "aws_profile"),
    "a file that is broken": ({}, "[default\nregion=x", "aws_profile"),
    "half of the credentials": ({"AWS_ACCESS_KEY_ID": REAL_KEY}, "", "aws_partial_credentials"),
    "half of the credentials in a file": ({}, "[default]\naws_access_key_id = A\n", "aws_partial_credentials"),
    "a program that is not there": ({}, "[default]\ncredential_process = /no/program\n", "aws_configuration"),
    "a program that fails": ({}, "[default]\ncredential_process = false\n", "aws_credentials_failed"),
    "a program that gives no JSON": ({}, "[default]\ncredential_process = echo no\n", "aws_configuration"),
    "a role without a source": ({}, "[default]\nrole_arn = arn:aws:iam::1:role/x\n", "aws_partial_credentials"),
    "a role of a missing profile": (
        {},
        "[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = nobody\n",
        "aws_configuration",
    ),
    "a loop of roles": (
        {"AWS_PROFILE": "a"},
        "[profile a]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = b\n"
        "[profile b]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = a\n",
        "aws_configuration",
    ),
    "a single sign-on without a session": (
        {},
        "[default]\nsso_start_url = https://x.example\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = r\n",
        "aws_credentials_expired",
    ),
    "half of a single sign-on": ({}, "[default]\nsso_account_id = 1\nsso_role_name = r\n", "aws_configuration"),
    "no region by this name": ({"AWS_REGION": "not a region!"}, "", "aws_region_invalid"),
    "a timeout that is no number": ({"AWS_METADATA_SERVICE_TIMEOUT": "long"}, "", "aws_configuration"),
    "a mode that is none": ({"AWS_DEFAULTS_MODE": "fast"}, "", "aws_configuration"),
    "an endpoint that is no URL": ({"AWS_ENDPOINT_URL": "nowhere"}, "", "aws_configuration"),
}


@pytest.mark.parametrize(
    ("variables", "config", "code"), [pytest.param(*case, id=name) for name, case in CONFIGURATIONS.items()]
)
def test_a_configuration_that_cannot_be_used_is_told_with_exit_5(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], config: str, code: str
) -> None:
    file = tmp_path / "config"
    file.write_text(config)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(MlctlError) as error, translate_errors():
        Aws.connect(region=None, profile=None).sts.get_caller_identity()
    assert (error.value.code, error.value.exit_code) == (code, 5)
    assert len(error.value.message.splitlines()) == 1


@pytest.mark.parametrize(
    "command", ["status", "doctor", "logs", "releases", "destroy --yes", "invoke 1 2 3 4", "rollback"]
)
def test_no_command_calls_a_missing_profile_a_defect(
    trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    result = cli(*command.split(), "--stage", "prod")
    assert result.code == 5
    assert "defect" not in result.err
    assert "nobody" in result.err
    assert "AWS_PROFILE" in result.err + result.out


@pytest.mark.parametrize("words", [("doctor", "--policy"), ("export",)])
def test_a_policy_and_a_template_do_without_the_profile(
    trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    result = cli(*words, "--stage", "prod")
    assert "defect" not in result.err
    assert result.code in (0, 5), result.err


def test_the_partition_is_that_of_the_region_without_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert caller.place("cn-north-1", None).partition == "aws-cn"
    assert caller.place("eu-west-1", None).partition == "aws"


def test_botocores_own_errors_pass_where_they_are_also_values(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlctl.aws.client.configuration import configured

    class Odd(BotoCoreError, ValueError):
        fmt = "odd"

    with pytest.raises(Odd), configured():
        raise Odd
