"""A pickle that the audit recognises loads in a separate process without a crash, a written file or a new process.

The tests damage models operation by operation: values, names, order. The default tier tries some hundred, and
``--hypothesis-profile=thorough`` thousands.
"""

import io
import itertools
import pickle
import pickletools
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import joblib
import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlctl.errors import MlctlError
from mlctl.pickle_audit import audit
from tests.support.pickles import F8, written

pytestmark = pytest.mark.filterwarnings("ignore")

# Loads one file after the other and prints the outcome of each. It exits with 77 if something opens a file to write,
# starts a process or opens a connection.
_LOADER = """
import gc, os, resource, sys, warnings
import joblib, numpy
STARTS = ("os.system", "subprocess.", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "socket.", "ctypes.",
          "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.link", "os.symlink", "os.truncate",
          "shutil.")
armed = False
def hook(event, arguments):
    if not armed:
        return
    if event == "open":
        mode, flags = arguments[1], arguments[2]
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            os._exit(77)
    elif event.startswith(STARTS):
        os._exit(77)
sys.addaudithook(hook)
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
warnings.simplefilter("ignore")
print("ready", flush=True)
for line in sys.stdin:
    armed = True
    try:
        value = joblib.load(line.rstrip("\\n"))
        del value
        gc.collect(0)
        outcome = "loaded"
    except BaseException as error:
        outcome = "refused" if not isinstance(error, SystemExit) else "left"
    armed = False
    print(outcome, flush=True)
"""


_LIBRARIES = """
import scipy.sparse, scipy.interpolate, sklearn.ensemble, sklearn.neighbors, sklearn.pipeline, sklearn.isotonic
import sklearn.feature_extraction.text, sklearn.gaussian_process, sklearn.model_selection, numpy.random, numpy.ma
"""


def models() -> Iterator[Any]:
    """One model for each way of saving state."""
    rng = np.random.RandomState(0)
    x = rng.rand(30, 3)
    y = rng.randint(0, 3, 30)
    yield make_pipeline(StandardScaler(), RandomForestClassifier(2, max_depth=2, random_state=rng)).fit(x, y)
    yield KNeighborsClassifier(algorithm="kd_tree").fit(x, y)
    yield KNeighborsClassifier(algorithm="ball_tree", metric="manhattan").fit(x, y)
    yield GradientBoostingClassifier(n_estimators=1, max_depth=1).fit(x, y)
    yield HistGradientBoostingClassifier(max_iter=1).fit(x, y)
    yield GridSearchCV(LogisticRegression(max_iter=5), {"C": [1, 2]}, cv=2, scoring="accuracy").fit(x, y)
    yield GaussianProcessRegressor().fit(x, y)
    yield IsotonicRegression().fit(x[:, 0], y)
    yield TfidfVectorizer().fit(["one two", "two three"])
    yield OneHotEncoder().fit(np.array([["a", 1], ["b", 2]], dtype=object))
    yield SGDClassifier(penalty="l1", max_iter=5, tol=None).fit(x, y).sparsify()
    yield {"when": np.array(["2024-01-01"], dtype="M8[D]"), "generator": np.random.default_rng(0), "one": np.float64(1)}


def operations(data: bytes) -> list[bytes]:
    """The operations of a pickle, with their arguments."""
    places = [place for _, _, place in pickletools.genops(data)] + [len(data)]
    return [data[first:last] for first, last in itertools.pairwise(places) if first is not None and last is not None]


def damaged(parts: list[bytes], others: list[bytes], dice: random.Random) -> bytes:
    """The pickle of ``parts`` after a few random changes."""
    changed = list(parts)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        place = dice.randrange(1, len(changed) - 1)
        kind = dice.randrange(8)
        if kind == 0:
            del changed[place]
        elif kind == 1:
            changed.insert(place, dice.choice(others))
        elif kind == 2:
            changed[place] = dice.choice(others)
        elif kind == 3:
            # Replace an operation with another of the same kind: a name, a number, a text, a memo entry.
            same = [operation for operation in others if operation[:1] == changed[place][:1]]
            changed[place] = dice.choice(same) if same else changed[place]
        elif kind == 4:
            changed[place], changed[place - 1] = changed[place - 1], changed[place]
        elif kind == 5:
            numbers = [index for index, operation in enumerate(changed) if operation[:1] in b"KMJ\x8a"]
            if numbers:
                value = dice.choice((0, 1, 2, 7, 255, 2**31 - 1, -1, 2**40, 2**63 - 1, 2**64))
                changed[dice.choice(numbers)] = pickle.dumps(value, protocol=2)[2:-1]
        elif kind == 6:
            changed[place] = dice.choice(
                (b"N", b"\x88", b"\x89", b")", b"]", b"}", b"K\x00", b"G" + bytes(8), b"X\x00\x00\x00\x00")
            )
        else:
            data = bytearray(changed[place])
            offset = dice.randrange(len(data))
            data[offset] = dice.randrange(256)
            changed[place] = bytes(data)
    return b"".join(changed)


def test_a_recognised_pickle_loads_without_a_crash_or_a_file(tmp_path: Path) -> None:
    thorough = (hypothesis.settings.default or hypothesis.settings()).max_examples > 1000
    dice = random.Random(None if thorough else 1)
    programs = []
    for model in models():
        for protocol in (2, 3):
            programs.append(operations(pickle.dumps(model, protocol=protocol)))
    others = sorted({operation for parts in programs for operation in parts if len(operation) < 100})
    folder = tmp_path / "empty"
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-B", "-W", "ignore", "-c", _LIBRARIES + _LOADER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder,
    ) as loader:  # fmt: skip
        assert loader.stdin is not None
        assert loader.stdout is not None
        assert loader.stdout.readline() == "ready\n"
        loaded = 0
        for turn in range(200_000 if thorough else 1_500):
            data = damaged(dice.choice(programs), others, dice)
            path = written(tmp_path / "damaged", data)
            try:
                if not audit(path).recognised:
                    continue
            except MlctlError:
                continue
            loader.stdin.write(f"{path}\n")
            loader.stdin.flush()
            # No output means that the loader ended: a crash, or an event that it watches for.
            assert loader.stdout.readline() in ("loaded\n", "refused\n"), (turn, data)
            loaded += 1
        loader.stdin.close()
    assert loaded > 100
    assert list(folder.iterdir()) == []


def test_the_loader_detects_files_commands_and_crashes(tmp_path: Path) -> None:
    crash = b"\x80\x02cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
    crash += b"K\x00\x85C\x01b\x87R(K\x01J\x00\x00\x00\x01\x85"
    objects = F8.replace(b"f8", b"O8").replace(b"<NNN", b"|NNN").replace(b"K\x00tb", b"K\x3ftb")
    files = {
        "fine": (pickle.dumps([1]), "loaded", 0),
        "error": (b"\x80\x02cnumpy\nnothing\n.", "refused", 0),
        "file": (b"\x80\x02cbuiltins\nopen\n(X\x04\x00\x00\x00fileX\x01\x00\x00\x00wtR.", "", 77),
        "command": (b"\x80\x02cos\nsystem\n(X\x04\x00\x00\x00truetR.", "", 77),
        "crash": (crash + objects + b"\x89](K\x01Netb.", "", -1),
    }
    for name, (data, outcome, code) in files.items():
        path = written(tmp_path / name, data)
        finished = subprocess.run(
            [sys.executable, "-B", "-W", "ignore", "-c", _LOADER],
            input=f"{path}\n", stdout=subprocess.PIPE, text=True, cwd=tmp_path, check=False,
        )  # fmt: skip
        # A crash ends the process with a signal that depends on the system.
        assert (finished.stdout.split()[1:], max(finished.returncode, -1)) == ([outcome] if outcome else [], code), name
        assert audit(path).recognised == (name == "fine")


@pytest.mark.parametrize("compress", [0, 3])
def test_the_audit_recognises_the_undamaged_models(tmp_path: Path, compress: int) -> None:
    for model in models():
        joblib.dump(model, str(tmp_path / "model"), compress=compress)
        result = audit(tmp_path / "model")
        assert result.recognised, result
        assert joblib.load(io.BytesIO((tmp_path / "model").read_bytes())) is not None
