"""``kill -9`` at any moment: the same command succeeds afterwards, nothing unfinished stays, `live` is verified."""

import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import tier
from tests.support.surroundings import Surroundings, check_whole

_ROW = ("5.1", "3.5", "1.4", "0.2")
# At most so many events does a command tell.
_EVENTS = 24


@pytest.fixture
def user(tmp_path: Path, seed: Path) -> Iterator[Surroundings]:
    """A project with one version, whose temporary folder is its own."""
    shutil.copytree(seed, tmp_path / "project")
    (tmp_path / "tmp").mkdir()
    variables = {"TMPDIR": str(tmp_path / "tmp"), "MLCTL_STATE_DIR": str(tmp_path / "state")}
    made = Surroundings(tmp_path / "project", variables)
    yield made
    if (tmp_path / "state").exists() or (made.folder / ".mlctl").exists():
        made.run("local", "stop")


@pytest.fixture
def kills(pytestconfig: pytest.Config) -> int:
    """How often each command is killed: once or twice, or as ``--kills`` says."""
    return max(1, int(pytestconfig.getoption("--kills")) // 8)


@pytest.mark.parametrize(
    "words",
    tier.some(
        [
            ("package",),
            ("models", "import", "FILE"),
            ("init", "--dataset", "iris", "--force"),
            ("export", "--stage", "prod"),
            ("models", "export"),
        ],
        2,
    ),
    ids=lambda words: "-".join(word for word in words[:2] if word.isalpha() and word.islower()),
)
def test_a_writer_killed_while_it_writes(
    user: Surroundings, words: tuple[str, ...], kills: int, exported: Path, tmp_path: Path
) -> None:
    words = tuple(str(exported) if word == "FILE" else word for word in words)
    moments = random.Random(repr(words[:2]))
    begun = time.monotonic()
    user.ok(*words)
    whole = time.monotonic() - begun
    for _ in range(kills):
        if "import" in words:
            shutil.rmtree(user.folder / "artifacts")
        # Most moments towards the end, where something is written.
        user.kill_at(whole * moments.betavariate(4, 1.5), *words)
        user.ok(*words)
        assert len(check_whole(user.folder)) == 1
        assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("words", [("train", "-p"), ("import", "FILE", "--trust")], ids=lambda words: words[0])
def test_a_version_killed_while_it_is_made(
    user: Surroundings, words: tuple[str, ...], kills: int, fitted: Path, tmp_path: Path
) -> None:
    moments = random.Random(words[0])
    for number in range(kills):
        more = (f"n_estimators={4 + number}",) if words[0] == "train" else ()
        command = (*(str(fitted) if word == "FILE" else word for word in words), *more)
        user.kill_at(moments.randrange(1, 12), *command)
        version = user.ok(*command, "--json").json["version"]
        assert version in check_whole(user.folder)
        assert list((tmp_path / "tmp").iterdir()) == []
    user.ok("models", "verify")


def test_a_deploy_and_a_destroy_killed_at_any_step(user: Surroundings, kills: int, tmp_path: Path) -> None:
    moments = random.Random(0)
    user.ok("deploy")
    versions = [*check_whole(user.folder), user.ok("train", "-p", "n_estimators=4", "--json").json["version"]]
    for number in range(kills):
        version = versions[(number + 1) % 2]
        user.kill_at(moments.randrange(2, _EVENTS), "deploy", version)
        # What is live is one of the two, and it answers.
        user.ok("invoke", *_ROW)
        assert user.ok("deploy", version, "--json").json["version"] == version
        status = user.ok("status", "--json").json
        assert (status["version"], status["healthy"]) == (version, True)
    for number in range(kills):
        if number:
            user.ok("deploy")
        user.kill_at(moments.randrange(1, _EVENTS // 2), "destroy", "--yes")
        user.ok("destroy", "--yes")
        assert user.refused("status").code == 6
    assert len(check_whole(user.folder)) == 2
    assert list((tmp_path / "tmp").iterdir()) == []
