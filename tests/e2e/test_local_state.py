"""Foreign folders, hung emulators, full disks: what the local stage executes, and what it says of its state."""

import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import Project, make_project
from tests.e2e.test_faults import wait_until

CANARY = "import pathlib\npathlib.Path({canary!r}).touch()\n"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with a small model that is live."""
    for project in make_project(tmp_path_factory.mktemp("state")):
        project.ok("up", "-p", "n_estimators=2")
        yield project


def test_nothing_in_a_foreign_folder_is_executed(deployed: Project, tmp_path: Path) -> None:
    deployed.ok("local", "stop")
    folder, canary = deployed.folder, tmp_path / "canary"
    old = folder / ".mlctl" / "local"
    modules = ("ministack", "sitecustomize", "usercustomize", "json", "pip", "venv", "encodings")
    for place in (folder, old, old / "state", folder / "bin"):
        place.mkdir(parents=True, exist_ok=True)
        for name in modules:
            (place / f"{name}.py").write_text(CANARY.format(canary=str(canary)))
    for program in ("python", "python3", "node"):
        (folder / "bin" / program).write_text(f"#!/bin/sh\ntouch '{canary}'\n")
        (folder / "bin" / program).chmod(0o755)
    functions = {"__ministack_format__": 2, "payload": {"functions": {"foreign": {}}}}
    (old / "state" / "lambda.json").write_text(json.dumps(functions))
    # What a foreign folder would like to be taken for: a running emulator.
    record = {"pid": os.getpid(), "port": 4566, "secret": "mlctl0123456789abcdef"}
    (old / "emulator.json").write_text(json.dumps(record))
    path = f"bin:.:{folder / 'bin'}:{os.environ['PATH']}"
    try:
        shown = deployed.run("local", "start", PATH=path)
        assert shown.code == 0
        assert "Ignoring .mlctl/local in this project" in shown.err
        assert "You can delete it." in deployed.run("local", "status").err
        for words in (("status",), ("invoke", "5.1", "3.5", "1.4", "0.2"), ("doctor",), ("deploy",), ("models",)):
            assert deployed.run(*words, PATH=path).code == 0
        # The state in the project has no function in it that runs.
        assert deployed.ok("deploy")["changed"] is False
        assert not canary.exists()
    finally:
        shutil.rmtree(folder / ".mlctl")
        shutil.rmtree(folder / "bin")
        for name in modules:
            (folder / f"{name}.py").unlink()


def test_a_hung_emulator_is_named_and_blocks_nothing(deployed: Project) -> None:
    process = psutil.Process(deployed.ok("local", "start")["pid"])
    process.send_signal(signal.SIGSTOP)
    try:
        for words in (("local", "status"), ("local", "start"), ("status",)):
            stuck = deployed.run(*words, "--json")
            assert stuck.code == 1
            assert stuck.json["error"]["code"] == "emulator_stuck"
            assert f"process {process.pid}) is stopped" in stuck.json["error"]["message"]
            assert f"kill -CONT {process.pid}" in stuck.json["error"]["hint"]
            assert "`mlctl local stop`" in stuck.json["error"]["hint"]
        listed = deployed.run("models", "--json")
        assert (listed.code, [version["deployed"] for version in listed.json]) == (0, [[]])
        assert "Which version is live on stage 'local' is unknown." in listed.err
    finally:
        process.send_signal(signal.SIGCONT)
    assert deployed.ok("status")["healthy"] is True
    assert [version["deployed"] for version in deployed.ok("models")] == [["local"]]


def test_an_emulator_that_a_signal_has_stopped_is_ended_and_keeps_its_state(deployed: Project) -> None:
    process = psutil.Process(deployed.ok("local", "start")["pid"])
    process.send_signal(signal.SIGSTOP)
    stopped = deployed.run("local", "stop")
    assert (stopped.code, stopped.out) == (0, "Stopped. The emulator keeps its state for the next start.\n"), (
        stopped.err
    )
    assert not process.is_running()
    assert deployed.ok("status")["healthy"] is True


def test_a_tail_goes_on_with_an_emulator_that_was_started_again(deployed: Project) -> None:
    deployed.ok("deploy")
    process = deployed.start("logs", "--tail", "--since", "10s", "--json")
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
    try:
        first = deployed.run("invoke", "1", "--json").json["request_id"]
        wait_until(lambda: any(first in line for line in got))
        deployed.ok("local", "stop")
        wait_until(lambda: any("The local emulator stopped" in line for line in told))
        deployed.ok("local", "start")
        second = deployed.run("invoke", "1", "--json").json["request_id"]
        wait_until(lambda: any(second in line for line in got))
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(30)
        for reader in readers:
            reader.join()
        process.stdout.close()
        process.stderr.close()
    assert code == 0
    for request_id in (first, second):
        assert sum(request_id in line for line in got) == 1
    assert any("started again" in line for line in told)


def test_a_stop_on_a_full_disk_says_that_the_state_is_lost(deployed: Project) -> None:
    process = psutil.Process(deployed.ok("local", "start")["pid"])
    # Files may grow to so many bytes: some of the state fits, the package of the function does not.
    process.rlimit(psutil.RLIMIT_FSIZE, (3000, 3000))
    stopped = deployed.run("local", "stop")
    assert stopped.code == 1
    assert "kept" not in stopped.out
    assert "could not save its state: its deployments are lost" in stopped.err
    assert "run `mlctl deploy` to rebuild the stage" in stopped.err
    assert deployed.ok("local", "status")["lost_state"] is True
    assert "has lost its deployment" in deployed.run("status").err
    deployed.ok("deploy")
    assert "keeps its state" in deployed.run("local", "stop").out
    assert deployed.ok("status")["healthy"] is True


def test_a_killed_emulator_leaves_no_temporary_files(deployed: Project) -> None:
    temporary = deployed.emulator_folder / "tmp"
    deployed.ok("deploy")
    assert list(temporary.iterdir()) != []
    deployed.kill_emulator()
    assert deployed.run("local", "stop").out == "It was not running.\n"
    assert not temporary.exists()
    deployed.ok("deploy")


def test_a_project_that_moves_begins_anew_and_its_old_emulator_is_stopped(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    for project in make_project(before):
        project.ok("up", "-p", "n_estimators=2")
        old = psutil.Process(project.ok("local", "status")["pid"])
        before.rename(after)
        project.folder = after
        assert project.ok("local", "status")["running"] is False
        stopped = project.run("local", "stop")
        assert stopped.out == "It was not running.\n"
        assert f"Also stopped the emulator of {before}: that folder no longer exists." in stopped.err
        assert not old.is_running()
        assert project.run("status").code == 6
        assert project.ok("deploy")["changed"] is True


def test_a_read_only_project_and_a_link_in_place_of_its_folder_do_not_matter(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / ".mlctl").symlink_to(tmp_path / "nowhere")
    for project in make_project(folder):
        project.ok("local", "start")
        project.ok("destroy", "--yes")
        assert (folder / ".mlctl").is_symlink()
        assert not (tmp_path / "nowhere").exists()
