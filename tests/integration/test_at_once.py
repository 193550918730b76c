"""Two deploys at once to one stage, from two machines: one wins, the other says so and changes nothing that serves."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mlctl import settings
from mlctl.core import deploy
from mlctl.core.deploy import Deployed
from tests.cloud import Call, Cloud
from tests.conftest import Cli

PROD = ("--stage", "prod")
Other = Callable[[], Deployed]


@pytest.fixture
def other(trained: Path, tmp_path: Path) -> Other:
    """A deploy from a project folder on another machine, with 1024 MB."""
    folder = tmp_path / "elsewhere"
    shutil.copytree(trained, folder)

    def run() -> Deployed:
        wanted = settings.load(folder, stage="prod", flags={"deploy": {"memory": 1024}})
        return deploy.run(folder, wanted, "prod")

    return run


def memory(cloud: Cloud) -> int:
    return cloud.aws.lambda_.get_function_configuration(FunctionName="iris-prod", Qualifier="live")["MemorySize"]


def meanwhile(cloud: Cloud, operation: str, other: Other, done: list[Deployed]) -> None:
    """Let the other deploy run from beginning to end after the first call of ``operation``."""

    def on_call(call: Call) -> None:
        if call.operation == operation and not done:
            cloud.on_call = lambda call: None
            done.append(other())

    cloud.on_call = on_call


@pytest.mark.parametrize("operation", ["GetCallerIdentity", "CreateRole", "CreateLogGroup"])
def test_of_two_first_deploys_the_one_that_makes_the_function_wins(
    cloud: Cloud, trained: Path, cli: Cli, other: Other, operation: str
) -> None:
    done: list[Deployed] = []
    meanwhile(cloud, operation, other, done)
    result = cli("deploy", *PROD)
    assert done[0].release == "1"
    if operation == "GetCallerIdentity":
        # It had not looked yet: this one comes after the other.
        assert (result.code, memory(cloud)) == (0, 256)
    else:
        assert result.code == 5
        assert "Another command changed stage 'prod' at the same time: it made the function first." in result.err
        assert "This command did not change what is live." in result.err
        assert (cloud.live(), memory(cloud)) == ({"1": 1.0}, 1024)
    assert len(cloud.aws.api.get_apis()["Items"]) == 1
    assert cloud.violations == []


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        ("ListVersionsByFunction", "it is giving the function other code or settings"),
        ("UpdateFunctionConfiguration", "it gave the function other settings"),
        ("PublishVersion", "`live` is at release"),
        ("Invoke", "`live` is at release"),
    ],
)
def test_of_two_updates_at_once_one_wins(
    cloud: Cloud, trained: Path, cli: Cli, other: Other, operation: str, told: str
) -> None:
    assert cli("deploy", *PROD).code == 0
    (trained / "mlctl.toml").write_text("[deploy]\nmemory = 512\n")
    done: list[Deployed] = []
    meanwhile(cloud, operation, other, done)
    result = cli("deploy", *PROD)
    assert result.code == 5, result.err
    assert told in result.err, result.err
    assert memory(cloud) == 1024
    assert cloud.live() == {done[0].release or "": 1.0}
    assert cloud.violations == []
    # The loser may try again, and then it is its turn.
    assert cli("deploy", *PROD).code == 0
    assert memory(cloud) == 512


def test_two_deploys_of_the_same_thing_agree(cloud: Cloud, trained: Path, cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    shutil.copytree(trained, folder)
    done: list[Deployed] = []
    meanwhile(cloud, "CreateRole", lambda: deploy.run(folder, settings.load(folder, stage="prod"), "prod"), done)
    result = cli("deploy", *PROD, "--json")
    assert result.code == 0, result.err
    assert (result.json["release"], done[0].release) == ("1", "1")
    assert cli("deploy", *PROD, "--json").json["changed"] is False
    assert len(cloud.aws.api.get_apis()["Items"]) == 1
