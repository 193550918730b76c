"""The record, the locks and the environment of the local emulator."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from mlctl import settings
from mlctl.aws.client.session import Aws
from mlctl.errors import MlctlError
from mlctl.progress import Event, silent
from mlctl.stages import (
    LOCAL,
    Stage,
    environment,
    environment_variables,
    guarded_emulator,
    locking,
    probe,
    process,
    record,
)
from mlctl.stages.emulator import LocalEmulator, secret_of
from mlctl.user_folders import private_folder, project_state

SECRET = "mlctl" + "0" * 48


def put_record(project: Path, content: bytes) -> Path:
    """Write the record of the project's emulator and return its path."""
    path = private_folder(project_state(project) / "local") / "emulator.json"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "changed",
    [
        {"pid": 0},
        {"pid": 1},
        {"pid": -1},
        {"pid": 10**30},
        {"pid": True},
        {"pid": "1"},
        {"pid": 4321.0},
        {"pid": None},
        {"pid": [1]},
        {"port": 0},
        {"port": 99999},
        {"port": -4566},
        {"port": "4566"},
        {"port": True},
        {"secret": ""},
        {"secret": None},
        {"secret": "with\r\nX-Header: line breaks and more"},
        {"more": 1},
    ],
)
def test_odd_values_in_the_record_are_no_record(project: Path, changed: dict[str, Any]) -> None:
    whole = {"pid": os.getpid(), "port": 4566, "secret": SECRET}
    assert record.read(put_record(project, json.dumps(whole).encode())) is not None
    assert record.read(put_record(project, json.dumps(whole | changed).encode())) is None
    assert LocalEmulator(project).running() is None


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 3000, b"9" * 4000, b" " * 10_000, b'{"pid": 2, "port": 3}'],
)
def test_a_broken_record_is_no_record(project: Path, content: bytes) -> None:
    assert record.read(put_record(project, content)) is None


def test_a_link_and_a_pipe_are_no_record(project: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    record.write(real, record.Emulator(os.getpid(), 4566, SECRET))
    path = put_record(project, b"")
    path.unlink()
    path.symlink_to(real)
    assert record.read(path) is None
    path.unlink()
    os.mkfifo(path)
    assert record.read(path) is None


def test_a_process_that_is_not_the_emulator_is_not_taken_for_it(project: Path) -> None:
    path = put_record(project, b"")
    record.write(path, record.Emulator(os.getpid(), 4566, SECRET))
    assert LocalEmulator(project).running() is None
    # The process of another user, for everybody but root.
    record.write(path, record.Emulator(2, 4566, SECRET))
    assert LocalEmulator(project).running() is None


def test_a_record_in_the_project_counts_for_nothing(project: Path) -> None:
    old = project / ".mlctl" / "local"
    old.mkdir(parents=True)
    record.write(old / "emulator.json", record.Emulator(os.getpid(), 4566, SECRET))
    local = LocalEmulator(project)
    assert (local.running(), local.lost_state, local.used) == (None, False, False)
    assert local.ignored is not None
    assert local.ignored.startswith("Ignoring .mlctl/local in this project: ")
    assert local.ignored.endswith("You can delete it.")


def test_the_record_is_for_its_user_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        record.write(tmp_path / "record", record.Emulator(2, 3, SECRET))
    finally:
        os.umask(before)
    assert (tmp_path / "record").stat().st_mode & 0o777 == 0o600
    assert SECRET not in repr(record.read(tmp_path / "record"))


def test_the_folders_above_a_private_one_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = private_folder(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    assert {each.stat().st_mode & 0o777 for each in (folder, folder.parent, folder.parent.parent)} == {0o700}


def test_the_lock_of_a_stage_is_not_in_the_project(project: Path) -> None:
    (project / ".mlctl").symlink_to("/dev/null")
    aws = Aws.emulated("http://127.0.0.1:1", region=None)
    stage = Stage(LOCAL, project, settings.load(project), aws, "http://127.0.0.1:1")
    with stage.lock():
        lock = project_state(project) / "local.lock"
        assert lock.stat().st_mode & 0o777 == 0o600
    assert (project / ".mlctl").readlink() == Path("/dev/null")


HOLD = """
import sys
from pathlib import Path
from mlctl.stages.locking import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_lock_held_by_a_stopped_process_names_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(MlctlError, match=f"held by process {holder.pid}") as caught, locking.held(lock, seconds=0):
            pass
        assert (caught.value.code, caught.value.exit_code) == ("lock_timeout", 1)
        holder.send_signal(signal.SIGSTOP)
        # However long it could wait for a process that goes on.
        with pytest.raises(MlctlError, match=f"process {holder.pid}, which is stopped") as caught, locking.held(lock):
            pass
        assert f"kill -CONT {holder.pid}" in caught.value.hint
        holder.send_signal(signal.SIGCONT)
        holder.communicate("end\n")
    with locking.held(lock, seconds=0):
        pass


def test_whoever_waits_for_a_stage_is_told_who_holds_it_and_not_for_ever(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "_TELL_SECONDS", 0.02)
    monkeypatch.setattr(locking, "_LOOK_SECONDS", 0.01)
    aws = Aws.emulated("http://127.0.0.1:1", region=None)
    stage = Stage("prod", project, settings.load(project, stage="prod"), aws, "http://127.0.0.1:1")
    told: list[str] = []
    busy: list[str] = []
    with stage.turn():
        with (
            pytest.raises(MlctlError, match=f"prod.lock is held by process {os.getpid()}") as caught,
            locking.holding(stage.lock(), 0.1, busy=lambda: busy.append("busy"), waiting=told.append),
        ):
            pass
        assert (caught.value.code, caught.value.exit_code) == ("lock_timeout", 1)
        assert (busy, told) == (["busy"], [f"process {os.getpid()}"])
        notes: list[str] = []

        def second() -> None:
            with stage.turn(lambda event: notes.append(event.text)):
                pass

        holder = threading.Thread(target=second)
        holder.start()
        deadline = time.monotonic() + 30
        while not notes and time.monotonic() < deadline:
            time.sleep(0.01)
    holder.join(30)
    assert notes == [
        f"Stage 'prod' is being changed by process {os.getpid()}: waiting for it to end, at most 10 minutes."
    ]


def test_a_command_does_not_wait_for_a_stage_that_a_stopped_process_holds(project: Path) -> None:
    aws = Aws.emulated("http://127.0.0.1:1", region=None)
    stage = Stage("prod", project, settings.load(project, stage="prod"), aws, "http://127.0.0.1:1")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(stage.lock().lock_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGSTOP)
        with pytest.raises(MlctlError, match=f"process {holder.pid}, which is stopped") as caught, stage.turn():
            pass
        assert caught.value.code == "lock_timeout"
        holder.send_signal(signal.SIGCONT)
        holder.communicate("end\n")


ENDING = """
import pathlib, signal, sys, time
def end(*_):
    until = time.process_time() + float(sys.argv[2])
    while time.process_time() < until:
        pass
    pathlib.Path(sys.argv[1]).touch()
    sys.exit()
signal.signal(signal.SIGTERM, end if sys.argv[1] else signal.SIG_IGN)
print("ready", flush=True)
while True:
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("saves", "is_stopped", "told"),
    [
        # Longer than one that does nothing may take.
        (True, False, ["Waiting for the emulator (process {pid}) to save its state."]),
        (True, True, ["Waiting for the emulator (process {pid}) to save its state."]),
        (
            False,
            False,
            [
                "Waiting for the emulator (process {pid}) to save its state.",
                "The emulator (process {pid}) does not end by itself: killing it.",
            ],
        ),
    ],
)
def test_an_emulator_may_work_before_it_ends_and_is_killed_when_it_hangs(
    tmp_path: Path, saves: bool, is_stopped: bool, told: list[str]
) -> None:
    saved = tmp_path / "saved"
    words = [sys.executable, "-c", ENDING, str(saved) if saves else "", "2.5"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        if is_stopped:
            child.send_signal(signal.SIGSTOP)
        events: list[Event] = []
        running = psutil.Process(child.pid)
        assert process.end(running, idle=2.0, longest=60, tell=0.1, report=events.append)
        assert child.poll() is not None or running.status() == psutil.STATUS_ZOMBIE
    assert saved.exists() is saves
    assert [event.text for event in events] == [text.format(pid=child.pid) for text in told]


def test_path_has_neither_relative_folders_nor_those_of_the_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = ["/usr/bin", "", ".", "bin", str(project), str(project / "bin"), f"/usr/../{project}/x", "/bin"]
    monkeypatch.setenv("PATH", os.pathsep.join(folders))
    assert environment_variables.search_path(project) == "/usr/bin:/bin"
    monkeypatch.setenv("PATH", "bin:.")
    assert environment_variables.search_path(project) == os.defpath


def test_pip_is_given_the_index_and_nothing_that_executes(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"PIP_INDEX_URL": "https://index.example", "PIP_CERT": "/c", "HTTPS_PROXY": "http://p", "HOME": "/home/x"}
    gone = ("PYTHONPATH", "PYTHONSTARTUP", "LD_PRELOAD", "PIP_TARGET", "PIP_PYTHON", "AWS_SECRET_ACCESS_KEY")
    for name, value in kept.items():
        monkeypatch.setenv(name, value)
    for name in gone:
        monkeypatch.setenv(name, "x")
    given = environment_variables.installing_environment()
    assert {name: given[name] for name in kept} == kept
    assert not set(gone) & given.keys()


def test_a_snapshot_is_iterated_while_threads_add() -> None:
    streams: dict[int, int] = guarded_emulator.Snapshot((number, number) for number in range(1000))
    ended = threading.Event()

    def add() -> None:
        number = 1000
        while not ended.is_set():
            streams[number] = number
            number += 1
            streams.pop(number - 500, None)

    thread = threading.Thread(target=add)
    thread.start()
    try:
        for _ in range(300):
            assert sum(1 for _ in streams.values()) >= 500
            assert sum(1 for _ in streams.items()) >= 500
            assert sum(1 for _ in streams) >= 500
    finally:
        ended.set()
        thread.join()


def test_functions_are_isolated_and_their_variables_load_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = ModuleType("runtime")
    guarded_emulator.isolate_functions(runtime)
    isolated = vars(runtime)["subprocess"]
    (tmp_path / "json.py").write_text("raise SystemExit('executed')")
    script = tmp_path / "script.py"
    script.write_text("import json, os, sys; print(json.dumps([sys.flags.isolated, sorted(os.environ)]))")
    monkeypatch.setenv("STATE_DIR", str(tmp_path))
    inherited = {"STATE_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    variables = {"PYTHONPATH": str(tmp_path), "LD_PRELOAD": "x.so", "MODEL": "1", **inherited}
    ran = isolated.run(
        ["python3", str(script)], env=variables, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    flags, names = json.loads(ran.stdout)
    assert flags == 1
    assert {"MODEL", "TMPDIR"} <= set(names)
    assert not {"PYTHONPATH", "LD_PRELOAD", "STATE_DIR"} & set(names)
    assert isolated.PIPE == subprocess.PIPE
    at_home = isolated.run(
        ["python3", str(script)], env={"PYTHONHOME": str(tmp_path)}, capture_output=True, check=False
    )
    assert (at_home.returncode, at_home.stdout) == (1, b"")
    assert b"PYTHONHOME is set" in at_home.stderr


def test_a_preflight_goes_to_the_function_of_an_api_without_cors() -> None:
    async def answer(api_id: str, stage: str, path: str, method: str, body: bytes) -> str:
        return "the emulator" if method == "OPTIONS" else f"the function: {json.dumps(method)}"

    gateway: Any = ModuleType("apigateway")
    gateway._apis = {"open": {}, "with": {"corsConfiguration": {"allowOrigins": ["*"]}}}
    gateway._handle_execute_in_scope = answer
    guarded_emulator.forward_options(gateway)
    for api, method, answered in (
        ("open", "OPTIONS", 'the function: "OPTIONS"'),
        ("with", "OPTIONS", "the emulator"),
        ("open", "POST", 'the function: "POST"'),
    ):
        assert asyncio.run(gateway._handle_execute_in_scope(api, "$default", "/predict", method, b"")) == answered


def test_a_save_with_an_error_leaves_no_marker(tmp_path: Path) -> None:
    marker = tmp_path / "saved"
    saving = guarded_emulator.Saving(marker)
    log = logging.getLogger("persistence")
    try:
        saving.checked(lambda _: None)({})
        assert marker.exists()
        saving.begin()
        saving.checked(lambda _: log.error("Persistence: failed to save %s", "lambda"))({})
        assert not marker.exists()
        errors = ["once"]
        saving.checked(lambda _: log.error(errors.pop()) if errors else None)({})
        assert marker.exists()
    finally:
        log.removeHandler(saving)


def test_a_port_that_accepts_and_never_answers_is_not_well() -> None:
    with socket.socket() as quiet:
        quiet.bind(("127.0.0.1", 0))
        quiet.listen()
        port = quiet.getsockname()[1]
        assert probe.answers(record.Emulator(os.getpid(), port, SECRET), seconds=0.2) is False
    assert probe.answers(record.Emulator(os.getpid(), port, SECRET)) is False


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:1", "http://page.example", "http://[", "http://127.0.0.1:x", ""]
)
def test_no_secret_is_sent_where_no_emulator_of_ours_listens(project: Path, endpoint: str) -> None:
    record.write(put_record(project, b""), record.Emulator(os.getpid(), 1, SECRET))
    assert secret_of(endpoint) is None


def test_the_environment_is_made_isolated_and_outside_the_project(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[list[str], dict[str, Any]]] = []

    def execute(command: list[str], **options: Any) -> None:
        calls.append((command, options))
        if "venv" in command:
            (Path(command[-1]) / "bin").mkdir(parents=True)

    monkeypatch.setattr(subprocess, "run", execute)
    monkeypatch.setenv("MLCTL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(project))
    python = environment.python_for_emulator(silent)
    assert python.is_relative_to(tmp_path / "cache")
    assert [(command[1:4], options["umask"]) for command, options in calls] == [
        (["-I", "-m", "venv"], 0o077),
        (["-I", "-m", "pip"], 0o077),
    ]
    for _, options in calls:
        assert Path(options["cwd"]).is_relative_to(tmp_path / "cache")
        assert "PYTHONPATH" not in options["env"]
    assert (tmp_path / "cache" / "emulator").stat().st_mode & 0o777 == 0o700
