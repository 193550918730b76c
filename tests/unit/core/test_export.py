"""``mlctl export`` writes a folder that AWS SAM can deploy, and asks nobody for it."""

import base64
import hashlib
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlctl.packaging.build import Package
from tests.conftest import Cli

SETTINGS = """
[deploy]
python = "3.13"

[stage.prod]
memory = 512
region = "eu-west-1"
profile = "work"
"""


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials are to be found, and any connection fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("the network is not to be used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))


def resource(template: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = (each["Properties"] for each in template["Resources"].values() if each["Type"] == kind)
    return dict(found)


def test_the_folder_holds_the_template_and_the_package(trained: Path, cli: Cli, iris_package: Package) -> None:
    (trained / "mlctl.toml").write_text(SETTINGS)
    shown = cli("export", "--stage", "prod", "--format", "sam", "--json")
    assert shown.code == 0, shown.err
    folder = trained / ".mlctl" / "export" / "prod"
    assert sorted(path.name for path in folder.iterdir()) == ["package.zip", "template.yaml"]
    assert shown.json["path"] == str(folder / "template.yaml")
    assert shown.json["package"] == str(folder / "package.zip")
    assert (shown.json["stage"], shown.json["format"], shown.json["version"]) == ("prod", "sam", iris_package.version)
    template = yaml.safe_load((folder / "template.yaml").read_text())
    function = resource(template, "AWS::Serverless::Function")
    assert (function["CodeUri"], function["MemorySize"], function["Runtime"]) == ("package.zip", 512, "python3.13")
    digest = hashlib.sha256((folder / "package.zip").read_bytes()).digest()
    assert resource(template, "AWS::Lambda::Version")["CodeSha256"] == base64.b64encode(digest).decode()


def test_the_resources_are_told(trained: Path, cli: Cli) -> None:
    (trained / "mlctl.toml").write_text(SETTINGS)
    told = cli("export", "-s", "prod", "--json").json["resources"]
    (release,) = (each["name"] for each in told if each["type"] == "AWS::Lambda::Version")
    assert told == [
        {"type": "AWS::IAM::Role", "name": "iris-prod-lambda"},
        {"type": "AWS::Logs::LogGroup", "name": "/aws/lambda/iris-prod"},
        {"type": "AWS::Serverless::Function", "name": "iris-prod"},
        {"type": "AWS::Lambda::Version", "name": release},
        {"type": "AWS::Lambda::Alias", "name": "live"},
        {"type": "AWS::ApiGatewayV2::Api", "name": "iris-prod"},
        {"type": "AWS::ApiGatewayV2::Integration", "name": "Integration"},
        {"type": "AWS::ApiGatewayV2::Route", "name": "$default"},
        {"type": "AWS::ApiGatewayV2::Stage", "name": "$default"},
        {"type": "AWS::Lambda::Permission", "name": "Permission"},
    ]
    shown = cli("export", "-s", "prod")
    assert ".mlctl/export/prod/template.yaml, with package.zip beside it" in shown.out
    assert "AWS::IAM::Role                  iris-prod-lambda" in shown.out


def test_the_command_to_deploy_it_is_told_and_stands_at_its_head(trained: Path, cli: Cli) -> None:
    (trained / "mlctl.toml").write_text(SETTINGS)
    shown = cli("export", "-s", "prod", "-o", "to deploy")
    command = (
        "sam deploy --template-file {} --stack-name iris-prod --capabilities CAPABILITY_NAMED_IAM --resolve-s3 "
        "--region eu-west-1 --profile work"
    )
    assert shown.out.splitlines()[-1] == command.format("'to deploy/template.yaml'")
    head = (trained / "to deploy" / "template.yaml").read_text().split("\n\n")[0]
    assert f"#   {command.format('template.yaml')}\n" in head
    assert "a new release gets all traffic at once, without verification" in head
    assert "# - Canaries.\n" in head
    assert "plain text" not in head


def test_variables_in_plain_text_are_told_of(trained: Path, cli: Cli) -> None:
    (trained / "mlctl.toml").write_text('[deploy]\nenvironment = { TOKEN = "abc" }\n')
    cli("export", "-s", "prod", "-o", "out")
    written = (trained / "out" / "template.yaml").read_text()
    assert "# This file contains the values of the function's environment as plain text.\n" in written
    assert "          TOKEN: abc\n" in written


def test_the_same_again_is_the_same(trained: Path, cli: Cli) -> None:
    def exported() -> dict[str, bytes]:
        assert cli("export", "-s", "prod", "-o", "out").code == 0
        return {path.name: path.read_bytes() for path in (trained / "out").iterdir()}

    assert exported() == exported()


def test_what_cannot_be_exported(trained: Path, cli: Cli) -> None:
    (trained / "mlctl.toml").write_text("[gates]\naccuracy = 0.99\n[stage.production]\nmemory = 512\n")
    local = cli("export", "--stage", "local")
    assert (local.code, "Stage 'local' runs in an emulator" in local.err) == (2, True)
    assert "mlctl export --stage production" in local.err
    assert cli("export").code == 2
    assert cli("export", "--stage", "no good", "--json").json["error"]["code"] == "stage_invalid"
    missed = cli("export", "--stage", "production", "--json")
    assert (missed.code, missed.json["error"]["code"]) == (4, "gate_missed")
    assert cli("export", "abcdef", "--stage", "production").code == 6
    assert not (trained / ".mlctl" / "export").exists()


def test_a_failure_leaves_no_template_beside_a_package_that_it_is_not_of(
    trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trained / "mlctl.toml").write_text(SETTINGS)
    assert cli("export", "--stage", "prod").code == 0
    folder = trained / ".mlctl" / "export" / "prod"
    assert {each.name for each in folder.iterdir()} == {"template.yaml", "package.zip"}

    def full(document: object, comment: str) -> str:
        raise OSError(28, "No space left on device", str(folder / "template.yaml"))

    monkeypatch.setattr("mlctl.aws.stack.template.to_yaml", full)
    refused = cli("export", "--stage", "prod")
    assert (refused.code, "No space left on device" in refused.err) == (1, True)
    assert {each.name for each in folder.iterdir()} == {"package.zip"}
