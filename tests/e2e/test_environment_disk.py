"""A full disk, and a limit on the size of files: one clear line, nothing half written, and the next run succeeds."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import tier
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.surroundings import SMALL, Surroundings, check_told, check_whole

_BLOCK = 4096
_KILOBYTES = 3000
# Where the failure strikes differs with the space that is left.
_LEFT = (0, _BLOCK, 4 * _BLOCK, 10 * _BLOCK)
_SOME = {"init": _LEFT[:1], "import": _LEFT[2:3], "train": _LEFT[1:3], "models import": _LEFT[1:3]}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory, seed: Path) -> Iterator[SmallDisk]:
    """A small disk that holds a project, the temporary folder and the state folder."""
    with small_disk(tmp_path_factory.mktemp("disk"), _KILOBYTES) as made:
        shutil.copytree(seed, made.seen / "project")
        (made.seen / "tmp").mkdir()
        yield made


@pytest.fixture
def on_disk(disk: SmallDisk) -> Iterator[Surroundings]:
    """``mlctl`` in that project."""
    variables = {"TMPDIR": str(disk.path / "tmp"), "MLCTL_STATE_DIR": str(disk.path / "state")}
    made = Surroundings(Path("/"), variables, prefix=disk.prefix)
    yield made
    disk.empty()


@pytest.mark.parametrize(
    "words",
    tier.some(
        [
            ("init", "--dataset", "iris", "--force"),
            ("train", "-p", "n_estimators=4"),
            ("package",),
            ("models", "import", "FILE"),
            ("export", "--stage", "prod"),
            ("models", "export"),
            ("import", "FILE", "--trust"),
        ],
        4,
    ),
    ids=lambda words: " ".join(word for word in words[:2] if word.isalpha() and word.islower()),
)
def test_a_full_disk_is_told_and_leaves_nothing_unfinished(
    disk: SmallDisk, on_disk: Surroundings, words: tuple[str, ...], exported: Path, fitted: Path
) -> None:
    project = disk.seen / "project"
    name = " ".join(words[: 2 if words[0] == "models" else 1])
    files = {"models import": exported, "import": fitted}
    words = tuple(str(files[name]) if word == "FILE" else word for word in words)
    if name == "models import":
        shutil.rmtree(project / "artifacts", ignore_errors=True)
    before = check_whole(project)
    refused = []
    for left in _LEFT if tier.current is tier.FULL else _SOME.get(name, _LEFT[:2]):
        disk.fill(left)
        result = on_disk.run(*words)
        check_told(result)
        if result.code:
            assert "No space left on device" in result.err
            assert "space on the disk" in result.err
            assert check_whole(project) == before
            refused.append(left)
        assert list((disk.seen / "tmp").iterdir()) == []
    assert refused
    disk.empty()
    on_disk.ok(*words)
    assert check_whole(project) >= before


@pytest.mark.slow
def test_the_local_stage_on_a_full_disk(disk: SmallDisk, on_disk: Surroundings) -> None:
    if not list((disk.seen / "project").glob("artifacts/*/*/manifest.json")):
        on_disk.ok("train")
    for left in _LEFT:
        disk.fill(left)
        check_told(on_disk.run("deploy"))
        check_told(on_disk.run("local", "stop"))
    disk.empty()
    try:
        on_disk.ok("deploy")
        assert "healthy" in on_disk.ok("status").out
        on_disk.ok("destroy", "--yes")
    finally:
        on_disk.run("local", "stop")


@pytest.mark.parametrize("limit", [0, 3000] if tier.current is tier.FULL else [3000])
def test_a_limit_on_the_size_of_files_is_told(tmp_path: Path, seed: Path, limit: int) -> None:
    project = tmp_path / "project"
    shutil.copytree(seed, project)
    before = check_whole(project)
    limited = Surroundings(project, file_limit=limit)
    for words in (("train", "-p", "n_estimators=4"), ("models", "export")):
        refused = limited.refused(*words)
        assert "File too large" in refused.err
        assert "ulimit -f" in refused.err
    assert check_whole(project) == before
    Surroundings(project).ok("train", *SMALL)
