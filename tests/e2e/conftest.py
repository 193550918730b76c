"""The real command in its own process, against the real emulator."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import psutil
import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from mlctl import settings
from mlctl.core import model_archive, train
from mlctl.user_folders import project_state
from tests.conftest import SHARED_VARIABLES, Result
from tests.support.warm_command import WarmCommand, warm_command

SCRIPT = str(Path(sys.executable).with_name("mlctl"))


def free_port() -> int:
    """A port that nobody listens on, below those that systems hand out to clients: it stays free for a restart."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Project:
    """A project folder, and ``mlctl`` run in it as a user would."""

    def __init__(self, folder: Path, command: list[str], *, warm: bool = False) -> None:
        self.folder = folder
        self._is_warm = warm
        self._command = command
        self._env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MLCTL_"))}
        self._env |= {name: os.environ[name] for name in SHARED_VARIABLES if name in os.environ}
        # What a user's shell may hold must reach neither the emulator nor its clients.
        self._env |= {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "COLUMNS": "120"}
        self._env |= {"MLCTL_LOCAL_PORT": str(free_port()), "PYTHONPATH": ""}

    def run(self, *words: str, stdin: str = "", **env: str) -> Result:
        """Run ``mlctl`` to its end, in a fork of a warm process where that makes no difference."""
        if self._is_warm and WarmCommand.can_run(env):
            warm = warm_command(SCRIPT).run(
                words, folder=self.folder, variables={**self._env, **env}, stdin=stdin.encode(), timeout=240
            )
            return Result(warm.returncode, warm.stdout.decode(), warm.stderr.decode())
        finished = subprocess.run(
            [*self._command, *words],
            cwd=self.folder,
            env={**self._env, **env},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return Result(finished.returncode, finished.stdout, finished.stderr)

    def ok(self, *words: str, **env: str) -> Any:
        """Run ``mlctl … --json``, which must succeed, and return the document."""
        result = self.run(*words, "--json", **env)
        assert result.code == 0, result.err
        return result.json

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start ``mlctl`` and leave it running."""
        return subprocess.Popen(
            [*self._command, *words],
            cwd=self.folder,
            env={**self._env, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that runs the tests in the background has told its children to ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # no thread runs yet
        )

    @property
    def emulator_folder(self) -> Path:
        """The emulator's own folder, in the user's state folder."""
        return project_state(self.folder) / "local"

    def kill_emulator(self) -> None:
        """What the machine's out-of-memory killer would do."""
        record = json.loads((self.emulator_folder / "emulator.json").read_text())
        process = psutil.Process(record["pid"])
        family = [process, *process.children(recursive=True)]
        for each in family:
            each.send_signal(signal.SIGKILL)
        psutil.wait_procs(family, timeout=10)


def end_emulator(project: Project) -> None:
    """End the emulator of a project, if it runs, without the seconds that saving its state takes."""
    try:
        record = json.loads((project.emulator_folder / "emulator.json").read_text())
        runs = any("guarded_emulator" in word for word in psutil.Process(record["pid"]).cmdline())
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        # No record, or one that the test has damaged.
        project.run("local", "stop")
        return
    if runs:
        project.kill_emulator()


def make_project(folder: Path, command: list[str] | None = None) -> Iterator[Project]:
    """A Project whose emulator is stopped in the end."""
    made = Project(folder, command or [SCRIPT], warm=command is None)
    try:
        yield made
    finally:
        end_emulator(made)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Project]:
    """A project with nothing in it."""
    yield from make_project(tmp_path)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project that ``mlctl up`` has brought live."""
    for made in make_project(tmp_path_factory.mktemp("live")):
        made.ok("up")
        yield made


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one small model version, made in this process. Only to be read and copied."""
    folder = tmp_path_factory.mktemp("seed") / "project"
    folder.mkdir()
    (folder / "mlctl.toml").write_text("[model]\ncv = 2\nparams = { n_estimators = 3 }\n")
    train.run(folder, settings.load(folder))
    return folder


@pytest.fixture(scope="session")
def exported(seed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That version as `mlctl models export` writes it."""
    path = tmp_path_factory.mktemp("exported") / "version.mlctl.zip"
    model_archive.export(seed, settings.load(seed), output=path)
    return path


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fitted model of somebody else's, for `mlctl import`."""
    path = tmp_path_factory.mktemp("fitted") / "tree.joblib"
    joblib.dump(DecisionTreeClassifier(max_depth=2).fit(*load_iris(return_X_y=True)), path)
    return path
