"""Releases on the local stage: requests go on through every change, and a killed deploy is finished by the next."""

import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.e2e.conftest import Project


@dataclass
class Traffic:
    """What requests without a pause got: how many of each status, and which model versions answered."""

    statuses: Counter[str] = field(default_factory=Counter)
    versions: list[str] = field(default_factory=list)


@contextmanager
def traffic(url: str) -> Iterator[Traffic]:
    """Two clients that ask for predictions without a pause while the block runs."""
    seen, end = Traffic(), threading.Event()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    body = json.dumps({"features": [5.1, 3.5, 1.4, 0.2]}).encode()

    def ask() -> None:
        while not end.is_set():
            request = urllib.request.Request(f"{url}/predict", body, {"content-type": "application/json"})
            try:
                with opener.open(request, timeout=30) as answer:
                    seen.statuses[str(answer.status)] += 1
                    version = answer.headers["x-model-version"]
                    if not seen.versions or seen.versions[-1] != version:
                        seen.versions.append(version)
            except (urllib.error.URLError, OSError) as error:
                seen.statuses[f"{type(error).__name__}: {error}"] += 1

    clients = [threading.Thread(target=ask) for _ in range(2)]
    for client in clients:
        client.start()
    try:
        yield seen
    finally:
        end.set()
        for client in clients:
            client.join()


def test_no_request_fails_during_a_deploy_a_failed_deploy_and_a_rollback(empty: Project) -> None:
    first = empty.ok("up", "-p", "n_estimators=5")
    empty.ok("train", "-p", "n_estimators=7")
    with traffic(first["url"]) as seen:
        second = empty.ok("deploy")
        # A release that cannot even start.
        (empty.folder / "mlctl.toml").write_text('[deploy]\nenvironment = { PYTHONHOME = "/nowhere" }\n')
        failed = empty.run("deploy", "--json")
        assert failed.code == 4, failed.err
        assert failed.json["error"]["code"] == "verification_failed"
        (empty.folder / "mlctl.toml").unlink()
        assert empty.ok("status")["version"] == second["version"]
        back = empty.ok("rollback")
    assert seen.statuses.keys() == {"200"}, seen.statuses
    assert seen.statuses["200"] > 20
    assert back["version"] == first["version"]
    assert {first["version"], second["version"]} == set(seen.versions)
    assert empty.ok("status")["version"] == first["version"]


def test_releases_lists_them_and_rollback_refuses_the_unverified(empty: Project) -> None:
    empty.ok("up", "-p", "n_estimators=5")
    (empty.folder / "mlctl.toml").write_text('[deploy]\nenvironment = { PYTHONHOME = "/nowhere" }\n')
    assert empty.run("deploy").code == 4
    listed = {each["release"]: each for each in empty.ok("releases")}
    assert (listed["1"]["live"], listed["1"]["verified"]) == (True, True)
    assert (listed["2"]["live"], listed["2"]["verified"]) == (False, False)
    assert empty.run("rollback", "2").code == 4
    assert empty.run("rollback").code == 6


def test_a_deploy_killed_at_any_moment_is_finished_by_the_next(empty: Project, pytestconfig: pytest.Config) -> None:
    empty.ok("up", "-p", "n_estimators=5")
    trees = 6
    empty.ok("train", "-p", f"n_estimators={trees}")
    begun = time.monotonic()
    with empty.start("deploy", "--json") as process:
        process.communicate()
    whole = time.monotonic() - begun
    moments = random.Random(0)
    for _ in range(max(pytestconfig.getoption("--kills") // 4, 1)):
        trees += 1
        version = empty.ok("train", "-p", f"n_estimators={trees}")["version"]
        with empty.start("deploy", "--json") as process:
            time.sleep(whole * moments.uniform(0.3, 1.0))
            process.kill()
        listed = empty.ok("releases")
        assert all(each["verified"] for each in listed if each["live"])
        assert empty.ok("status")["healthy"] is True
        assert empty.ok("deploy")["version"] == version
        assert empty.ok("deploy")["changed"] is False


def test_promote_and_canary_on_stages_of_aws_that_the_emulator_plays(empty: Project) -> None:
    empty.ok("train", "-p", "n_estimators=5")
    empty.ok("local", "start")
    local = empty.ok("local", "status")
    env = {
        "AWS_ENDPOINT_URL": local["endpoint"],
        "AWS_ACCESS_KEY_ID": local["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": local["secret_access_key"],
        "AWS_REGION": "eu-west-1",
        "NO_PROXY": "127.0.0.1",
    }
    dev = empty.ok("deploy", "--stage", "dev", **env)
    # What is newest on disk is not what dev serves.
    newest = empty.ok("train", "-p", "n_estimators=6")["version"]
    prod = empty.ok("promote", "--from", "dev", "--to", "prod", **env)
    assert (prod["version"], prod["changed"]) == (dev["version"], True)
    told = empty.run("deploy", "--stage", "prod", "--canary", "10", "--bake", "3s", **env)
    assert told.code == 0, told.err
    assert "✓ Canary of release 2 at 10 %: 0 requests, 0 failed" in told.err
    listed = {each["release"]: each for each in empty.ok("releases", "--stage", "prod", **env)}
    assert (listed["2"]["live"], listed["2"]["version"]) == (True, newest)
    assert (listed["1"]["previous"], listed["1"]["canary"]) == (True, None)
    for stage in ("dev", "prod"):
        assert empty.ok("destroy", "--yes", "--stage", stage, **env)["removed"]
