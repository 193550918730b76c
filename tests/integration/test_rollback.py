"""`mlctl rollback` and `promote` against an AWS in this process."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mlctl.aws.live import resources
from mlctl.aws.stack.names import AliasText, CanaryText, Names
from mlctl.http import Response
from tests.cloud import Cloud
from tests.conftest import Cli

PROD = ("--stage", "prod")
NAMES = Names("iris", "prod")


def deploy(cli: Cli, folder: Path, memory: int, *words: str) -> Any:
    (folder / "mlctl.toml").write_text(f"[deploy]\nmemory = {memory}\n", encoding="utf-8")
    result = cli("deploy", *(words or PROD), "--json")
    assert result.code == 0, result.err
    return result.json


@pytest.fixture
def two(cloud: Cloud, trained: Path, cli: Cli) -> Cloud:
    """Stage prod with release 2 live and 1 before it."""
    deploy(cli, trained, 256)
    deploy(cli, trained, 512)
    cloud.begin()
    return cloud


def test_a_rollback_is_one_change_and_serves_the_previous_release(two: Cloud, cli: Cli) -> None:
    result = cli("rollback", *PROD)
    assert result.code == 0
    assert two.calls.mutating == ["UpdateAlias"]
    assert two.live() == {"1": 1.0}
    assert two.request("GET", "/health").release == "1"
    assert "is live again on stage prod. It replaces release 2." in result.out
    assert (
        "Not rolled back, because all releases share them: auth, CORS, throttling, the role's permissions" in result.out
    )


def test_a_rollback_that_is_run_twice_goes_no_further(two: Cloud, cli: Cli) -> None:
    assert cli("rollback", *PROD, "--json").json["release"] == "1"
    again = cli("rollback", *PROD)
    assert again.code == 6
    assert "Stage 'prod' has no previous release" in again.err
    assert "Verified releases: 2." in again.err
    assert two.live() == {"1": 1.0}
    forward = cli("rollback", "2", *PROD, "--json")
    assert forward.json == {
        "stage": "prod",
        "release": "2",
        "version": forward.json["version"],
        "before": "1",
        "canary": None,
    }


def test_where_there_is_nothing_to_go_back_to(cloud: Cloud, trained: Path, cli: Cli) -> None:
    assert cli("rollback", *PROD).code == 6
    deploy(cli, trained, 256)
    for words, told in (
        ((), "no release is recorded as live before 1"),
        (("1",), "Release 1 is already live on stage 'prod'."),
        (("7",), "Stage 'prod' has no release 7."),
    ):
        result = cli("rollback", *words, *PROD)
        assert (result.code, told in result.err) == (6, True), result.err
    assert cloud.live() == {"1": 1.0}


def test_a_release_that_was_never_verified_is_refused(two: Cloud, trained: Path, cli: Cli) -> None:
    two.break_release("3")
    (trained / "mlctl.toml").write_text("[deploy]\nmemory = 768\n")
    assert cli("deploy", *PROD).code == 4
    result = cli("rollback", "3", *PROD)
    assert result.code == 4
    assert "Release 3 is not verified" in result.err
    assert two.live() == {"2": 1.0}


def test_a_release_that_does_not_start_any_more_is_refused(two: Cloud, cli: Cli) -> None:
    two.crash_release("1")
    result = cli("rollback", *PROD)
    assert result.code == 4
    assert "Release 1 no longer answers GET /health" in result.err
    assert two.live() == {"2": 1.0}


def test_a_canary_whose_command_was_cut_off_is_taken_back(two: Cloud, cli: Cli) -> None:
    text = AliasText("1", frozenset({"1", "2"}), CanaryText("1", 10, 1_700_000_000, 300))
    two.aws.lambda_.update_alias(
        FunctionName="iris-prod",
        Name="live",
        Description=text.to_description(),
        RoutingConfig={"AdditionalVersionWeights": {"1": 0.1}},
    )
    result = cli("rollback", *PROD)
    assert "Ended the canary of release 1: release 2" in result.out
    assert two.live() == {"2": 1.0}
    alias = resources.alias(two.aws, NAMES)
    assert alias is not None
    # What was taken back is no release to go back to.
    assert alias.text == AliasText(None, frozenset({"2"}))
    assert cli("rollback", "1", *PROD).code == 4


def test_a_rollback_beside_another_command_changes_nothing(two: Cloud, cli: Cli) -> None:
    def move(call: Any) -> None:
        if call.operation == "GetAlias":
            two.on_call = lambda call: None
            two.aws.lambda_.update_alias(FunctionName="iris-prod", Name="live", Description="mlctl verified=1-2")

    two.on_call = move
    result = cli("rollback", *PROD)
    assert result.code == 5
    assert "Another command changed stage 'prod' at the same time: `live` is at release 2." in result.err
    assert two.live() == {"2": 1.0}


@pytest.fixture
def fetched(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """The presigned links of GetFunction lead to the packages that the cloud holds."""

    def request(method: str, url: str, *_: Any) -> Response:
        codes = {
            version.sha256: version.code
            for function in cloud.lambda_.functions.values()
            for version in function.versions.values()
        }
        code = next(code for sha256, code in codes.items() if sha256 == cloud_sha(cloud))
        return Response(200, {}, code, 1.0)

    monkeypatch.setattr("mlctl.aws.live.package_download.request", request)
    return cloud


def cloud_sha(cloud: Cloud) -> str:
    """The digest of what is live on stage dev."""
    return cloud.aws.lambda_.get_function(FunctionName="iris-dev", Qualifier="live")["Configuration"]["CodeSha256"]


def test_promote_brings_the_same_bytes(fetched: Cloud, trained: Path, cli: Cli) -> None:
    deploy(cli, trained, 256, "--stage", "dev")
    # A newer version on disk is not what dev serves.
    assert cli("train", "-p", "n_estimators=5").code == 0
    (trained / "mlctl.toml").write_text("[stage.prod]\nmemory = 1024\n", encoding="utf-8")
    result = cli("promote", "--from", "dev", "--to", "prod", "--json")
    assert result.code == 0, result.err
    lambda_ = fetched.aws.lambda_
    dev, prod = (lambda_.get_function(FunctionName=f"iris-{stage}", Qualifier="live") for stage in ("dev", "prod"))
    assert dev["Configuration"]["CodeSha256"] == prod["Configuration"]["CodeSha256"]
    assert (dev["Configuration"]["MemorySize"], prod["Configuration"]["MemorySize"]) == (256, 1024)
    assert fetched.calls.names.count("Invoke") == 12 * 2
    again = cli("promote", "--from", "dev", "--to", "prod", "--json")
    assert (again.json["changed"], again.json["version"]) == (False, result.json["version"])


def test_promote_says_what_is_missing(fetched: Cloud, trained: Path, cli: Cli) -> None:
    nothing = cli("promote", "--from", "dev", "--to", "prod")
    assert (nothing.code, "Nothing is deployed to stage 'dev' yet." in nothing.err) == (6, True)
    same = cli("promote", "--from", "dev", "--to", "dev")
    assert (same.code, "cannot be promoted to itself" in same.err) == (2, True)
    version = deploy(cli, trained, 256, "--stage", "dev")["version"]
    shutil.rmtree(trained / "artifacts" / "iris" / version)
    missing = cli("promote", "--from", "dev", "--to", "prod")
    assert missing.code == 6
    assert f"Model version {version[:12]} is live there, but not on this machine" in missing.err
    assert "mlctl models import FILE" in missing.err


def test_promote_refuses_bytes_that_are_not_what_lambda_says(
    cloud: Cloud, trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(cli, trained, 256, "--stage", "dev")
    monkeypatch.setattr("mlctl.aws.live.package_download.request", lambda *_: Response(200, {}, b"other", 1.0))
    result = cli("promote", "--from", "dev", "--to", "prod", "--json")
    assert (result.code, result.json["error"]["code"]) == (5, "package_not_fetched")
    assert json.dumps(cloud.live("iris-prod")) == "{}"


def test_environments_that_stay_with_the_release_left_are_told(cloud: Cloud, trained: Path, cli: Cli) -> None:
    deploy(cli, trained, 256)
    (trained / "mlctl.toml").write_text("[deploy]\nmemory = 512\nprovisioned_concurrency = 2\n", encoding="utf-8")
    assert cli("deploy", *PROD).code == 0
    result = cli("rollback", *PROD)
    assert (result.code, cloud.live()) == (0, {"1": 1.0})
    assert "! Release 2 keeps its 2 provisioned environments, which cost money. The next deploy removes" in result.err
