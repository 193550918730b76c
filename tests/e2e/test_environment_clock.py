"""Clocks that jump while a command runs, and clocks far from the present."""

import shutil
import sys
import time
from pathlib import Path

import pytest

from tests.support import tier
from tests.support.surroundings import Surroundings, check_whole

# The command line in a process whose wall clock jumps by some seconds after it was read so many times. Libraries
# with C code are imported before: that takes the real class alone, and makes objects of it.
_PROGRAM = """
import datetime as dates, sys, time
import pandas, pyarrow, sklearn.pipeline
jump, calls = float(sys.argv[1]), int(sys.argv[2])
now, real, reads = time.time, dates.datetime, 0
def moved():
    global reads
    reads += 1
    return now() + (jump if reads > calls else 0)
class Kind(type):
    def __instancecheck__(cls, other):
        return isinstance(other, real)
class Moved(real, metaclass=Kind):
    @classmethod
    def now(cls, tz=None):
        return real.fromtimestamp(moved(), tz)
    @classmethod
    def utcnow(cls):
        return real.fromtimestamp(moved(), dates.UTC).replace(tzinfo=None)
time.time, time.time_ns, dates.datetime = moved, lambda: int(moved() * 1e9), Moved
from mlctl.cli.app import main
sys.exit(main(sys.argv[3:]))
"""
_DAY = 86_400.0
_CLOCKS = {
    "1970": (-time.time() + 100, 0),
    "a day back": (-_DAY, 3),
    "a day ahead": (_DAY, 3),
    "2100": (4_102_444_800 - time.time(), 0),
}


def _at(project: Path, state: Path, clock: str) -> Surroundings:
    jump, calls = _CLOCKS[clock]
    command = (sys.executable, "-c", _PROGRAM, str(jump), str(calls))
    return Surroundings(project, {"MLCTL_STATE_DIR": str(state)}, command=command)


@pytest.mark.parametrize("clock", tier.some(list(_CLOCKS), 1))
def test_the_clock_is_in_nothing_that_is_made(tmp_path: Path, seed: Path, clock: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(seed / "mlctl.toml", project)
    user = _at(project, tmp_path / "state", clock)
    version = user.ok("train", "--json").json["version"]
    assert check_whole(project) == check_whole(seed) == {version}
    user.ok("package")
    user.ok("models", "export", "-o", "version.zip")
    assert version[:12] in user.ok("models").out


@pytest.mark.slow
@pytest.mark.parametrize("clock", _CLOCKS)
def test_a_clock_that_jumps_on_the_local_stage(tmp_path: Path, seed: Path, clock: str) -> None:
    project, state = tmp_path / "project", tmp_path / "state"
    shutil.copytree(seed, project)
    user, today = _at(project, state, clock), Surroundings(project, {"MLCTL_STATE_DIR": str(state)})
    try:
        user.ok("deploy")
        user.ok("invoke", "5.1", "3.5", "1.4", "0.2")
        user.ok("logs")
        assert user.ok("status", "--json").json["healthy"] is True
        # What another clock has written stops nobody.
        version = today.ok("train", "-p", "n_estimators=4", "--json").json["version"]
        assert today.ok("deploy", version, "--json").json["changed"] is True
        user.ok("destroy", "--yes")
    finally:
        today.run("local", "stop")
