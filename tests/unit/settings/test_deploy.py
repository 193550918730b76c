"""[deploy] is validated against the limits of AWS before any call."""

from pathlib import Path

import pytest

from mlctl import settings
from mlctl.errors import ExitCode, MlctlError
from mlctl.settings.deploy import Alarms, Cors, DeploySettings

JWT = 'auth = "jwt"\njwt_issuer = "https://issuer.example"\njwt_audience = ["iris"]\n'
EVERYTHING = f"""
{JWT}
memory = 1024
timeout = 20
architecture = "x86_64"
ephemeral_storage = 1024
environment = {{ MODE = "prod" }}
log_retention = 90
log_level = "WARN"
tracing = true
reserved_concurrency = 20
provisioned_concurrency = 5
throttle = {{ rate = 5, burst = 10 }}
cors = {{ allow_origins = ["https://a.example"], allow_credentials = true, max_age = 60 }}
domain = {{ name = "iris.example.com", certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/1-2" }}
alarms = {{ errors = 1, throttles = 2, p99 = 800, actions = ["arn:aws:sns:eu-west-1:123456789012:alerts"] }}
vpc = {{ subnets = ["subnet-1a"], security_groups = ["sg-1a"] }}
permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
tags = {{ team = "flowers" }}
keep_releases = 5
canary = {{ errors = 0.02, latency = 3, requests = 50 }}
region = "eu-west-1"
profile = "prod"
"""


def load(folder: Path, table: str) -> DeploySettings:
    (folder / "mlctl.toml").write_text(f"[deploy]\n{table}\n", encoding="utf-8")
    return settings.load(folder).deploy


def test_every_key_is_taken(tmp_path: Path) -> None:
    deploy = load(tmp_path, EVERYTHING)
    assert deploy.cors == Cors(allow_origins=("https://a.example",), allow_credentials=True, max_age=60)
    assert deploy.alarms == Alarms(
        errors=1, throttles=2, p99=800, actions=("arn:aws:sns:eu-west-1:123456789012:alerts",)
    )
    assert load(tmp_path, 'role = "arn:aws:iam::123456789012:role/mine"').role == "arn:aws:iam::123456789012:role/mine"
    assert load(tmp_path, 'snapstart = true\nengine = "sklearn"\npython = "3.13"').snapstart


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("memory = 64", "deploy.memory = 64: Input should be greater than or equal to 128"),
        ("timeout = 30", "deploy.timeout = 30: Input should be less than or equal to 29"),
        ("ephemeral_storage = 20000", "less than or equal to 10240"),
        ("log_retention = 15", "deploy.log_retention = 15: Input should be 1, 3, 5, 7, 14"),
        ('log_level = "LOUD"', "Input should be 'TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR' or 'FATAL'"),
        ("reserved_concurrency = 0", "greater than or equal to 1"),
        ("reserved_concurrency = 5\nprovisioned_concurrency = 3", "cannot be more than half of reserved_concurrency"),
        ('environment = { AWS_REGION = "x" }', "Lambda reserves the variable AWS_REGION"),
        ('environment = { "1A" = "x" }', "'1A' is not a variable name"),
        (
            f'environment = {{ LONG = "{"x" * 4090}" }}',
            "the variables have 4101 bytes in total, but Lambda allows 4096",
        ),
        ('tags = { "mlctl:stage" = "x" }', "the tag mlctl:stage has a reserved prefix"),
        ('tags = { "aws:x" = "x" }', "the tag aws:x has a reserved prefix"),
        (f'tags = {{ team = "{"x" * 257}" }}', "the tag team is invalid"),
        ('auth = "jwt"', 'auth = "jwt" needs jwt_issuer and jwt_audience'),
        ('jwt_issuer = "http://issuer.example"', "String should match pattern"),
        ('cors = { allow_origins = ["*"], allow_credentials = true }', "allow_credentials needs explicit origins"),
        ('cors = { allow_origins = ["a.example"] }', "String should match pattern"),
        ("cors = { allow_origins = [] }", "at least 1 item"),
        ('domain = { name = "iris.example.com", certificate = "arn:aws:iam::1:x" }', "String should match pattern"),
        ('vpc = { subnets = ["subnet-1"], security_groups = [] }', "at least 1 item"),
        ('role = "mine"', "String should match pattern"),
        (
            'role = "arn:aws:iam::123456789012:role/mine"\n'
            'permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"',
            "permissions_boundary applies to the role that mlctl creates",
        ),
        ("snapstart = true", 'snapstart is for engine = "sklearn"'),
        ('snapstart = true\nengine = "sklearn"\npython = "3.11"', "snapstart needs python 3.12 or newer"),
        (
            'snapstart = true\nengine = "sklearn"\npython = "3.12"\nprovisioned_concurrency = 1',
            "snapstart and provisioned_concurrency exclude each other",
        ),
        (
            'snapstart = true\nengine = "sklearn"\npython = "3.12"\nephemeral_storage = 1024',
            "snapstart allows at most 512 MB of ephemeral_storage",
        ),
        ("keep_releases = 1", "greater than or equal to 2"),
        ('region = "Ireland"', "String should match pattern"),
        ("alarms = { error = 1 }", "unknown key 'deploy.alarms.error'. Did you mean 'errors'?"),
    ],
)
def test_what_aws_would_refuse_is_refused_before_any_call(table: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(MlctlError) as refused:
        load(tmp_path, table)
    assert refused.value.exit_code == ExitCode.USAGE
    assert told in f"{refused.value.message} {refused.value.hint}"
    assert len(refused.value.message) < 400
    assert "\n" not in refused.value.message


def test_the_largest_environment_that_lambda_takes_is_taken(tmp_path: Path) -> None:
    assert len(load(tmp_path, f'environment = {{ LONG = "{"x" * 4085}" }}').environment["LONG"]) == 4085


def test_numbers_of_a_list_may_stand_in_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLCTL_DEPLOY__LOG_RETENTION", "30")
    assert settings.load(tmp_path).deploy.log_retention == 30
    monkeypatch.setenv("MLCTL_DEPLOY__LOG_RETENTION", "soon")
    with pytest.raises(MlctlError, match="log_retention = 'soon': Input should be 1, 3, 5"):
        settings.load(tmp_path)


def test_keys_that_do_not_agree_are_reported_without_blaming_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLCTL_DEPLOY__AUTH", "jwt")
    with pytest.raises(MlctlError) as refused:
        settings.load(tmp_path)
    assert refused.value.message == 'The settings: [deploy] auth = "jwt" needs jwt_issuer and jwt_audience.'


def test_a_stage_is_checked_with_what_it_takes_from_the_common_table(tmp_path: Path) -> None:
    (tmp_path / "mlctl.toml").write_text(
        f"[deploy]\n{JWT}[stage.prod]\njwt_audience = ['b']\n[stage.dev]\nauth = 'none'\n"
    )
    assert settings.load(tmp_path, stage="prod").deploy.jwt_audience == ("b",)
    assert settings.load(tmp_path, stage="dev").deploy.auth == "none"
    (tmp_path / "mlctl.toml").write_text(
        "[deploy]\nreserved_concurrency = 2\n[stage.prod]\nprovisioned_concurrency = 3\n"
    )
    with pytest.raises(MlctlError, match=r"\[stage\.prod\] provisioned_concurrency cannot be more"):
        settings.load(tmp_path)
