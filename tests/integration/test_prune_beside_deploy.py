"""`models prune` beside a deploy of what it would delete: never is something live whose version is gone."""

import threading
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from mlctl import settings
from mlctl.aws.live import resources
from mlctl.core import deploy, prune
from mlctl.core.deploy import Deployed, Options
from mlctl.errors import MlctlError
from mlctl.registry.store import ModelVersion, Registry
from tests.cloud import Call, Cloud
from tests.conftest import Cli

PROD = ("--stage", "prod")


@pytest.fixture
def doomed(trained: Path, cli: Cli, iris: ModelVersion) -> str:
    """The version that `prune --keep 1` deletes, unless a stage has a release of it."""
    assert cli("train", "-p", "n_estimators=2").code == 0
    (trained / "mlctl.toml").write_text("[stage.prod]\nmemory = 256\n")
    return iris.id


def pruned(folder: Path) -> prune.Pruned:
    return prune.run(folder, settings.load(folder), keep=1)


@pytest.mark.parametrize("operation", ["GetCallerIdentity", "CreateRole", "PublishVersion", "Invoke", "UpdateAlias"])
def test_a_prune_within_a_deploy_leaves_its_version(
    cloud: Cloud, trained: Path, cli: Cli, doomed: str, operation: str
) -> None:
    done: list[prune.Pruned] = []

    def on_call(call: Call) -> None:
        if call.operation == operation and not done:
            cloud.on_call = lambda call: None
            done.append(pruned(trained))

    if operation == "UpdateAlias":
        assert cli("deploy", *PROD).code == 0
    cloud.on_call = on_call
    deployed = cli("deploy", doomed, *PROD, "--json")
    assert (deployed.code, deployed.json["version"]) == (0, doomed), deployed.err
    assert done[0].deleted == ()
    assert done[0].left == 2
    assert doomed in (*done[0].in_use, *done[0].deployed)
    assert cli("models", "verify", doomed).code == 0
    assert pruned(trained).deployed == (doomed,)
    assert cloud.violations == []


def test_a_prune_between_plan_and_release_says_why_it_left_the_version(
    cloud: Cloud, trained: Path, cli: Cli, doomed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []

    def on_plan(plan: object) -> None:
        told.append(cli("models", "prune", "--keep", "1").out)
        told.append(cli("models", "prune", "--keep", "1", "--json").out)

    wanted = settings.load(trained, stage="prod")
    deploy.run(trained, wanted, "prod", version=doomed, options=Options(on_plan=on_plan))
    assert told[0] == "0 deleted, 2 left. 1 older kept: in use by another command.\n"
    assert f'"in_use": ["{doomed}"]' in told[1]


def test_a_deploy_that_begins_while_prune_asks_the_stages_finds_the_version_gone(
    cloud: Cloud, trained: Path, cli: Cli, doomed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome: list[Deployed | MlctlError] = []
    found = Registry(trained, "iris").get(doomed)
    wanted = settings.load(trained, stage="prod")

    def later() -> None:
        try:
            outcome.append(deploy.run(trained, wanted, "prod", version=doomed))
        except MlctlError as error:
            outcome.append(error)

    thread = threading.Thread(target=later)
    asked = resources.releases
    reached = threading.Event()
    held = ModelVersion.held

    def about_to_hold(version: ModelVersion) -> AbstractContextManager[None]:
        reached.set()
        return held(version)

    monkeypatch.setattr(ModelVersion, "held", about_to_hold)

    def releases(*words: object) -> object:
        thread.start()
        # It has found the version, and is about to hold it.
        assert reached.wait(60)
        return asked(*words)  # type: ignore[arg-type]  # whatever prune gives

    monkeypatch.setattr(resources, "releases", releases)
    assert pruned(trained).deleted == (doomed,)
    thread.join()
    (error,) = outcome
    assert isinstance(error, MlctlError)
    assert (error.code, error.exit_code) == ("version_not_found", 6)
    assert not found.path.exists()
    assert cloud.live() == {}
    # The command that comes after it goes the same way.
    assert cli("deploy", doomed, *PROD).code == 6


def test_two_prunes_at_once_delete_once(cloud: Cloud, trained: Path, cli: Cli, doomed: str) -> None:
    version = Registry(trained, "iris").get(doomed)
    with version.claimed() as first, version.claimed() as second:
        assert (first, second) == (True, False)
        assert pruned(trained).in_use == (doomed,)
    with version.held(), version.held(), version.claimed() as claimed:
        assert claimed is False
    assert pruned(trained).deleted == (doomed,)
    with pytest.raises(MlctlError, match="was deleted while the command ran"), version.held():
        pass
    Registry(trained, "iris").delete(version)
