"""Ports taken, emulators killed, Ctrl-C, two at once: one clear line, and nothing half done."""

import json
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import psutil
import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from mlctl.aws.client.session import Aws
from tests.e2e.conftest import Project, free_port


def wait_until(true: Callable[[], object], seconds: float = 60) -> None:
    """Poll a condition that must come true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def test_a_port_already_taken(empty: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = empty.run("local", "start", MLCTL_LOCAL_PORT=str(port))
    assert result.code == 2
    assert f"Port {port} is already in use by another program." in result.err
    assert "Set MLCTL_LOCAL_PORT to a free port, or unset it and mlctl finds one." in result.err


def test_a_port_of_another_projects_emulator(live: Project, empty: Project) -> None:
    port = live.ok("local", "status")["endpoint"].rpartition(":")[2]
    result = empty.run("up", MLCTL_LOCAL_PORT=port)
    assert result.code == 2
    assert f"Port {port} is already in use by the emulator of another project." in result.err
    # Known before anything is trained.
    assert "Cross-validating" not in result.err


def test_another_port_is_moved_to(empty: Project) -> None:
    first, second = free_port(), free_port()
    assert empty.ok("local", "start", MLCTL_LOCAL_PORT=str(first))["endpoint"].endswith(f":{first}")
    assert empty.ok("local", "start", MLCTL_LOCAL_PORT=str(second))["endpoint"].endswith(f":{second}")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", first)) != 0


def test_the_emulator_listens_on_loopback_alone(live: Project) -> None:
    process = psutil.Process(live.ok("local", "status")["pid"])
    listening = [each.laddr.ip for each in process.net_connections() if each.status == psutil.CONN_LISTEN]
    assert set(listening) == {"127.0.0.1"}


def test_an_emulator_killed_between_two_commands(empty: Project) -> None:
    up = empty.ok("up")
    # Something saved at an orderly end must not come back as if it were what was deployed last.
    empty.ok("local", "stop")
    empty.ok("train", "-p", "n_estimators=5")
    newer = empty.ok("deploy")
    assert newer["version"] != up["version"]
    empty.kill_emulator()
    assert empty.ok("local", "status") == {"running": False, "endpoint": None, "pid": None, "lost_state": True}
    for words in (("status",), ("invoke", "1", "2", "3", "4"), ("logs",)):
        lost = empty.run(*words)
        assert lost.code == 6
        assert "Stage 'local' has lost its deployment: its emulator was killed." in lost.err
        assert "Run `mlctl deploy` to rebuild it from the model versions on disk." in lost.err
    rebuilt = empty.ok("deploy")
    assert (rebuilt["version"], rebuilt["changed"]) == (newer["version"], True)
    assert empty.ok("status")["healthy"] is True
    assert empty.ok("local", "status")["lost_state"] is False


def test_an_emulator_that_ended_in_order_keeps_its_state_whoever_ended_it(empty: Project) -> None:
    up = empty.ok("up", "-p", "n_estimators=5")
    process = psutil.Process(empty.ok("local", "status")["pid"])
    process.terminate()
    process.wait(20)
    assert empty.ok("local", "status")["lost_state"] is False
    status = empty.ok("status")
    assert (status["version"], status["healthy"]) == (up["version"], True)


def test_what_was_lost_and_destroyed_is_missed_no_longer(empty: Project) -> None:
    empty.ok("up", "-p", "n_estimators=5")
    empty.kill_emulator()
    assert "lost its deployment" in empty.run("status").err
    empty.ok("destroy", "--yes")
    assert "Nothing is deployed to stage 'local' yet." in empty.run("status").err


def test_a_wanted_port_that_is_taken_leaves_the_running_emulator_alone(empty: Project) -> None:
    before = empty.ok("local", "start")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert empty.run("local", "start", MLCTL_LOCAL_PORT=port).code == 2
        assert empty.run("models", MLCTL_LOCAL_PORT=port).code == 0
    assert empty.ok("local", "status")["pid"] == before["pid"]


def test_two_ups_at_once(empty: Project) -> None:
    running = [empty.start("up", "--json", "-p", "n_estimators=5") for _ in range(2)]
    found = []
    for process in running:
        out, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
        found.append(json.loads(out))
    assert found[0]["url"] == found[1]["url"]
    assert sorted(each["changed"] for each in found) == [False, True]


def test_a_profile_of_the_users_does_not_matter_locally(empty: Project) -> None:
    assert empty.run("status", AWS_PROFILE="nope").code == 6


def test_ctrl_c_in_training_leaves_nothing(empty: Project) -> None:
    process = empty.start("--log-format", "json", "train", "-p", "n_estimators=2000", "--json")
    assert process.stderr is not None
    for line in process.stderr:
        if json.loads(line)["event"] == "advance":
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert err.splitlines()[-1] == "Error: Interrupted."
    assert not (empty.folder / "artifacts").exists()
    assert empty.run("models").out == "No model versions. `mlctl train` makes one.\n"


def test_two_trainings_at_once(empty: Project) -> None:
    words = [
        ("train", "--json", "-p", "n_estimators=30"),
        ("train", "--json", "-p", "n_estimators=30"),
        ("train", "--json"),
    ]
    running = [empty.start(*each) for each in words]
    versions = []
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        versions.append(json.loads(out)["version"])
    assert versions[0] == versions[1] != versions[2]
    assert {each["version"] for each in empty.ok("models")} == set(versions)
    for version in set(versions):
        assert empty.ok("models", "verify", version)["intact"] is True


def test_an_emulator_that_hangs_holds_up_no_command(empty: Project) -> None:
    empty.ok("up", "-p", "n_estimators=3")
    process = psutil.Process(empty.ok("local", "status")["pid"])
    process.suspend()
    try:
        for words in (("status",), ("logs",), ("invoke", "1", "2", "3", "4")):
            began = time.monotonic()
            hung = empty.run(*words)
            assert hung.code == 1
            assert f"The local emulator (process {process.pid}) is stopped." in hung.err
            assert "`mlctl local stop`" in hung.err
            # One wait of ten seconds, where it was five minutes.
            assert time.monotonic() - began < 30
    finally:
        process.resume()
    assert empty.ok("status")["healthy"] is True


def test_all_of_a_large_log_is_shown_once(empty: Project) -> None:
    empty.ok("up", "-p", "n_estimators=3")
    status = empty.ok("local", "status")
    clients = Aws.emulated(status["endpoint"], region=None, secret=status["access_key_id"])
    group = "/aws/lambda/iris-local"
    count, moment = 25_000, int(time.time() * 1000)
    for stream in "ab":
        clients.logs.create_log_stream(logGroupName=group, logStreamName=stream)
    for first in range(0, count, 1000):
        # The last 12,000 in one millisecond: more than a page of FilterLogEvents.
        events: Any = [
            {"timestamp": moment + min(number // 500, 26), "message": json.dumps({"number": number})}
            for number in range(first, first + 1000)
        ]
        clients.logs.put_log_events(logGroupName=group, logStreamName="ab"[first // 1000 % 2], logEvents=events)
    shown = [json.loads(line) for line in empty.run("logs", "--json").out.splitlines()]
    numbers = [line["number"] for line in shown if "number" in line]
    assert len(numbers) == count
    assert set(numbers) == set(range(count))


def test_two_first_starts_at_once_make_one_emulator(empty: Project) -> None:
    running = [empty.start("local", "start", "--json") for _ in range(3)]
    found = []
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        found.append(json.loads(out)["pid"])
    assert len(set(found)) == 1


def test_before_there_is_anything(empty: Project) -> None:
    for words in (("invoke", "5.1", "3.5", "1.4", "0.2"), ("logs",), ("status",)):
        result = empty.run(*words, "--json")
        assert result.code == 6
        assert result.json["error"]["message"] == "Nothing is deployed to stage 'local' yet."
        assert result.json["error"]["hint"] == "Run `mlctl deploy`."


def test_a_tail_waits_follows_and_ends_with_ctrl_c(empty: Project) -> None:
    process = empty.start("logs", "--tail", "--json")
    got: list[str] = []
    told: list[str] = []
    assert process.stdout is not None
    assert process.stderr is not None
    readers = [
        threading.Thread(target=lambda: got.extend(process.stdout or [])),
        threading.Thread(target=lambda: told.extend(process.stderr or [])),
    ]
    for reader in readers:
        reader.start()
    wait_until(lambda: any("Waiting for the log group" in line for line in told))
    empty.ok("up")
    sent = [empty.ok("invoke", "5.1", "3.5", "1.4", str(number / 10)) for number in range(5)]
    refused = empty.run("invoke", "1", "--json").json["request_id"]
    wait_until(lambda: any(refused in line for line in got))
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    for reader in readers:
        reader.join()
    process.stdout.close()
    process.stderr.close()
    requests = [json.loads(line)["request_id"] for line in got]
    assert len(requests) == len(set(requests))
    # Twelve golden examples, the one of `up`, those sent here, and the refused one.
    assert len(requests) == 12 + 1 + len(sent) + 1


def test_an_environment_that_cannot_be_made(empty: Project, tmp_path: Path) -> None:
    blocked = tmp_path / "cache"
    blocked.write_text("a file where the folder should be")
    result = empty.run("local", "start", MLCTL_CACHE_DIR=str(blocked))
    assert result.code == 1
    assert result.err.startswith("Error: ")
    assert "Traceback" not in result.err


def test_killed_at_any_moment_the_registry_always_reads(empty: Project, pytestconfig: pytest.Config) -> None:
    kept = {empty.ok("train", "-p", "n_estimators=3")["version"]}
    brought = empty.folder / "brought.mlctl.zip"
    empty.ok("models", "export", "-o", str(brought))
    fitted = empty.folder / "fitted.joblib"
    joblib.dump(DecisionTreeClassifier().fit(*load_iris(return_X_y=True)), fitted)
    writers: list[tuple[str, ...]] = [
        ("models", "prune", "--keep", "1"),
        ("models", "import", str(brought)),
        ("import", str(fitted), "--trust"),
    ]
    moments = random.Random(0)
    begun = time.monotonic()
    empty.ok("train", "-p", "n_estimators=4")
    whole = time.monotonic() - begun
    for number in range(pytestconfig.getoption("--kills")):
        turn = number % 6
        words = writers[turn // 2] if turn % 2 else ("train", "-p", f"n_estimators={10 + number}")
        with empty.start(*words, "--json") as process:
            # Most moments towards the end, where a version is written.
            time.sleep(whole * moments.betavariate(4, 1.5))
            process.kill()
        versions = empty.ok("models")
        assert versions
        assert not any("problem" in each for each in versions)
        kept = {each["version"] for each in versions}
    for version in kept:
        assert empty.ok("models", "verify", version)["intact"] is True
    # The next writer clears what the killed ones left.
    empty.ok("train", "-p", "n_estimators=5")
    assert list((empty.folder / "artifacts" / "iris").glob(".new-*")) == []
