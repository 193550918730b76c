"""Files that do harm when they are opened: each ends as one error message, and none of it reaches mlctl's process."""

import json
import os
import pickle
import platform
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import psutil
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from mlctl.core.shared import model_file
from mlctl.errors import ExitCode, MlctlError
from mlctl.model_loading import process
from mlctl.model_loading.limits import Limits
from mlctl.model_loading.refusals import Unusable
from mlctl.registry.store import Registry
from mlctl.scratch import scratch_folder
from tests.conftest import Cli

# Far more than a test takes.
ENOUGH = Limits(memory=3 * 2**30)
FEATURES = np.arange(24.0).reshape(12, 2)
LABELS = np.array(["a", "b"] * 6)
WORDS = ("import", "model.joblib", "--data", "rows.csv", "--target", "species", "--trust")


class Calls:
    """Calls a function when it is loaded."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def runs(path: Path, source: str) -> Path:
    """A pickle that runs Python source when it is loaded."""
    path.write_bytes(pickle.dumps(Calls(exec, source, {})))
    return path


def ending(path: Path, limits: Limits = ENOUGH) -> str:
    """What is said of a file that cannot be opened."""
    with pytest.raises(Unusable) as caught:
        process.rewrite(path, "pickle", limits)
    assert caught.value.hint
    return caught.value.what


@pytest.fixture
def rows(project: Path) -> Path:
    """``rows.csv`` in the project's folder."""
    path = project / "rows.csv"
    pd.DataFrame(FEATURES, columns=["length", "width"]).assign(species=LABELS).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed (SIGSEGV)"),
        ("import os; os.abort()", "crashed (SIGABRT)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was killed (SIGKILL)"),
        ("import os; os._exit(7)", "ended without an answer (exit code 7)"),
        ("import os; os._exit(0)", "ended without an answer (exit code 0)"),
    ],
)
def test_a_crash_or_an_exit_is_one_error_message(
    project: Path, rows: Path, cli: Cli, source: str, message: str
) -> None:
    runs(project / "model.joblib", source)
    done = cli(*WORDS, "--json")
    error = done.json["error"]
    assert (done.code, error["code"]) == (3, "model_unusable")
    assert error["message"].startswith(f"model.joblib cannot be opened: the process that opened it {message}")
    assert not (project / "artifacts").exists()


def test_numpy_crashes_in_the_child_alone(tmp_path: Path) -> None:
    """An array of a million objects whose list holds three: NumPy reads on behind it."""
    path = tmp_path / "model"
    path.write_bytes(
        b"\x80\x04cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR(K\x01J\x40\x42\x0f\x00\x85"
        b"cnumpy\ndtype\n(\x8c\x02O8\x89\x88tR(K\x03\x8c\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89"
        b"](K\x01\x8c\x01aNetb."
    )
    assert ending(path) == "cannot be opened: the process that opened it crashed (SIGSEGV)"


def test_a_process_that_hangs_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    source = "import os, time\nfor _ in range(3): os.fork()\nwhile True: time.sleep(60)"
    said = ending(runs(tmp_path / "model", source), Limits(seconds=0.5))
    assert said == "cannot be opened: the process that opened it did not end within 0.5 seconds"


@pytest.mark.skipif(sys.platform != "linux", reason="the system tells no process of the end of its parent")
def test_a_killed_command_leaves_neither_process_nor_folder(tmp_path: Path) -> None:
    path = runs(tmp_path / "model", "import time\nopen('there', 'x').close()\ntime.sleep(600)")
    script = (
        "import sys, tempfile\nfrom pathlib import Path\nfrom mlctl.model_loading import process\n"
        "from mlctl.model_loading.limits import Limits\n"
        "tempfile.tempdir = sys.argv[2]\nprocess.rewrite(Path(sys.argv[1]), 'pickle', Limits())\n"
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = subprocess.Popen([sys.executable, "-c", script, str(path), str(temporary)])
    try:
        while not [*temporary.glob("*/work/there")]:
            assert command.poll() is None
            time.sleep(0.05)
        (child,) = psutil.Process(command.pid).children()
    finally:
        command.kill()
        command.wait()
    deadline = time.monotonic() + 60
    # Nobody may wait for it in a container: then it stays as a zombie.
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len([*temporary.iterdir()]) == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(temporary))
        with scratch_folder() as private:
            assert [*temporary.iterdir()] == [private]


def test_a_loop_is_ended_by_the_limit_of_processor_time(tmp_path: Path) -> None:
    said = ending(runs(tmp_path / "model", "while True: pass"), Limits(cpu=1))
    assert said == "cannot be opened: the process that opened it used more than 1 seconds of processor time"


def test_endless_output_is_stopped_and_shown_printable(tmp_path: Path) -> None:
    path = runs(tmp_path / "model", "while True: print('\\x1b[2J' + 'x' * 1000)")
    lines: list[str] = []
    with pytest.raises(Unusable, match=r"wrote more than 1,000 bytes of output"):
        process.rewrite(path, "pickle", Limits(output=1000), say=lines.append)
    assert len(lines) == 6
    assert lines[0] == f"\\x1b[2J{'x' * 153}…"
    assert lines[-1] == "… and more"


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not enforce a limit of address space")
def test_memory_that_is_not_there_is_an_error_message(tmp_path: Path) -> None:
    path = runs(tmp_path / "model", "kept = []\nwhile True: kept.append(bytearray(2**28))")
    assert ending(path) == "needs more memory than the 3.0 GiB that opening it may use"


# What the child sees, told in the message of an error.
LOOK = """
import json, os, resource, sys
def tried(call):
    try:
        call()
    except OSError as error:
        return type(error).__name__
    return 'done'
def other(family):
    import socket
    with socket.socket(family) as made:
        made.settimeout(5)
        made.connect(ADDRESS if family == socket.AF_INET else UNIX)
raise ValueError(json.dumps({
    'variables': sorted(os.environ), 'folder': os.getcwd(), 'files': os.listdir(), 'home': os.path.expanduser('~'),
    'input': sys.stdin.read(), 'path': sys.path, 'core': resource.getrlimit(resource.RLIMIT_CORE),
    'network': tried(lambda: other(2)), 'unix': tried(lambda: other(1)), 'uid': os.getuid(),
}))
"""


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[tuple[tuple[str, int], str, list[int]]]:
    """Servers on the loopback interface and on a Unix socket, and how many connections each took."""
    taken = [0, 0]
    unix = str(tmp_path / "socket")
    with socket.create_server(("127.0.0.1", 0)) as inet, socket.socket(socket.AF_UNIX) as local:
        local.bind(unix)
        local.listen()

        def serve(server: socket.socket, number: int) -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return
                taken[number] += 1

        threads = [threading.Thread(target=serve, args=each) for each in ((inet, 0), (local, 1))]
        for thread in threads:
            thread.start()
        try:
            yield inet.getsockname(), unix, taken
        finally:
            for server in (inet, local):
                server.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def test_the_child_sees_no_credentials_no_project_and_no_network(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    listening: tuple[tuple[str, int], str, list[int]],
) -> None:
    address, unix, taken = listening
    for name in (
        "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "MLCTL_TOKEN", "HTTPS_PROXY", "SSH_AUTH_SOCK", "GITHUB_TOKEN",
        "PYTHONPATH", "PYTHONSTARTUP", "LD_PRELOAD", "XDG_RUNTIME_DIR", "DOCKER_HOST",
    ):  # fmt: skip
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("LANG", "C")
    source = LOOK.replace("ADDRESS", repr(address)).replace("UNIX", repr(unix))
    # The sockets of the test itself work.
    for family, where in ((socket.AF_INET, address), (socket.AF_UNIX, unix)):
        with socket.socket(family) as made:
            made.connect(where)
    monkeypatch.setattr("mlctl.model_loading.answers.LONGEST_SENTENCE", 10_000)
    told = ending(runs(project / "model.joblib", source))
    seen = json.loads(told.removeprefix("cannot be opened: ValueError: "))
    allowed = {*process.KEPT_VARIABLES, *process.ONE_THREAD, "HOME", "TMPDIR"}
    # Libraries set variables of OpenMP for themselves.
    assert {name for name in seen["variables"] if not name.startswith("KMP_")} <= allowed
    assert "LANG" in seen["variables"]
    assert seen["folder"] == seen["home"]
    assert not Path(seen["folder"]).exists()
    assert (seen["files"], seen["input"], seen["core"], seen["uid"]) == ([], "", [0, 0], os.getuid())
    assert str(project) not in seen["path"]
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("seccomp is used on Linux on these machines alone")
    assert (seen["network"], seen["unix"]) == ("PermissionError", "PermissionError")
    assert taken == [1, 1]


def test_only_what_the_file_names_beyond_scikit_learn_makes_the_project_importable(
    project: Path, rows: Path, cli: Cli
) -> None:
    """And even then nothing there takes the place of an installed or standard module."""
    trace = project / "trace"
    for name in ("json", "joblib", "sklearn", "numpy", "pickletools", "sitecustomize", "usercustomize", "uuid"):
        (project / f"{name}.py").write_text(f"open({str(trace)!r}, 'a').write({name!r})\n")
    (project / "theirs.py").write_text("factor = 2\ndef doubled(rows):\n    return rows * factor\n")
    model = DecisionTreeClassifier(random_state=0).fit(FEATURES, LABELS)
    joblib.dump(model, project / "model.joblib")
    done = cli(*WORDS)
    assert done.code == 0, done.err
    assert "✓ Opening model.joblib in a child process: DecisionTreeClassifier" in done.err
    runs(project / "model.joblib", "import json, uuid, pickletools, theirs\nraise ValueError(theirs.factor)")
    done = cli(*WORDS)
    assert "model.joblib cannot be opened: ValueError: 2." in done.err
    assert not trace.exists()


# A file whose code takes the process over: it writes what it likes, and answers that all is well.
TAKE_OVER = """
import os, sys
request = sys._getframe(FRAMES).f_locals['request']
os.write(request['rewritten'], CONTENT)
os.write(request['answer'], b'{"done": {}}')
os._exit(0)
"""


def taking_over(path: Path, content: bytes) -> Path:
    """Such a file. It finds the request in the frames that called it."""
    find = (
        "import sys\nframes = 0\n"
        "while 'request' not in sys._getframe(frames).f_locals or 'rewritten' not in "
        "sys._getframe(frames).f_locals['request']: frames += 1\n"
    )
    return runs(path, find + TAKE_OVER.replace("FRAMES", "frames").replace("CONTENT", repr(content)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda trace: pickle.dumps(Calls(os.mkdir, str(trace))),
            "was not imported: once opened and saved again, it names posix.mkdir, which the file did not name.",
        ),
        (lambda _: b"no pickle", "was not imported: mlctl cannot read what the process that opened it wrote."),
        (lambda _: b"", "was not imported: mlctl cannot read what the process that opened it wrote."),
        (lambda _: pickle.dumps([1]), "holds list, which is not a scikit-learn classifier or regressor."),
    ],
)
def test_a_child_that_was_taken_over_smuggles_nothing_in(
    project: Path, rows: Path, cli: Cli, make: Any, message: str
) -> None:
    trace = project / "trace"
    taking_over(project / "model.joblib", make(trace))
    done = cli(*WORDS, "--json")
    assert (done.code, done.json["error"]["code"]) == (3, "model_unusable")
    assert done.json["error"]["message"] == f"model.joblib {message}"
    assert not trace.exists()
    assert not (project / "artifacts").exists()


def test_a_wild_answer_is_no_answer(tmp_path: Path) -> None:
    source = (
        "import os\nfor number in range(3, 64):\n    try: os.write(number, b'[' * 100_000)\n"
        "    except OSError: pass\nos._exit(0)"
    )
    assert ending(runs(tmp_path / "model", source)).endswith("ended without an answer (exit code 0)")


def test_the_version_holds_what_mlctl_wrote_and_its_id_repeats(project: Path, rows: Path) -> None:
    """The file's own bytes, which carry a comment and end in junk, do not reach the version."""
    model = LogisticRegression().fit(FEATURES, LABELS)
    model.comment = "é\x1b[31m"
    path = project / "model.joblib"
    joblib.dump(model, path, compress=3)
    ids = set()
    # In processes of their own: nothing of the first run is left for the second. Hash seeds differ.
    for seed in ("1", "2"):
        finished = subprocess.run(
            [sys.executable, "-m", "mlctl", *WORDS, "--json"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        ids.add(json.loads(finished.stdout)["version"])
    version = Registry(project, "iris").get()
    assert ids == {version.id}
    stored = (version.path / "model.joblib").read_bytes()
    assert path.read_bytes()[:50] not in stored
    assert len(Registry(project, "iris").versions()) == 1


def test_a_file_is_opened_only_with_the_users_word(tmp_path: Path) -> None:
    path = runs(tmp_path / "model.joblib", "raise ValueError")
    with pytest.raises(ValueError, match="without the user's consent"):
        model_file.open_model(model_file.examine(path), tmp_path, trusted=False)
    with pytest.raises(MlctlError) as caught:
        model_file.open_model(model_file.examine(path), tmp_path, trusted=True)
    assert caught.value.exit_code is ExitCode.BAD_INPUT


def test_a_limit_that_the_user_set_lower_stays(tmp_path: Path) -> None:
    source = "import resource\nraise ValueError(resource.getrlimit(resource.RLIMIT_FSIZE)[0])"
    path = runs(tmp_path / "model", source)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
    try:
        assert ending(path) == "cannot be opened: ValueError: 1048576"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
