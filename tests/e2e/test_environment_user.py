"""Who runs the command: a user without a name, a home or the right to write, and any umask."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlctl.user_folders import cache_folder
from tests.support import tier
from tests.support.surroundings import Surroundings, bound_by_permissions, check_whole, ordinary_user

_READING = [
    ("config",),
    ("models", "verify"),
    ("data", "describe"),
    ("evaluate",),
    ("models",),
    ("data", "validate"),
    ("models", "show"),
    ("compare", "latest", "latest"),
]
_WRITING = [
    ("init", "--dataset", "iris", "--force"),
    ("train", "-p", "n_estimators=4"),
    ("package",),
    ("models", "import", "FILE"),
    ("export", "--stage", "prod"),
    ("models", "export"),
]


def _modes(folder: Path, *, folders: int, files: int) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(folders if path.is_dir() else files)


@pytest.fixture(scope="module")
def read_only(tmp_path_factory: pytest.TempPathFactory, seed: Path) -> Iterator[Path]:
    """A project that its user may only read."""
    project = tmp_path_factory.mktemp("read-only") / "project"
    shutil.copytree(seed, project)
    _modes(project, folders=0o555, files=0o444)
    yield project
    _modes(project, folders=0o755, files=0o644)


@pytest.mark.parametrize("words", tier.some(_READING, 3), ids=" ".join)
def test_what_only_reads_works_in_a_read_only_project_for_a_user_without_a_name(
    read_only: Path, words: tuple[str, ...]
) -> None:
    Surroundings(read_only, {"HOME": None}, prefix=ordinary_user()).ok(*words)


@pytest.mark.parametrize("words", tier.some(_WRITING, 3), ids=" ".join)
def test_what_writes_names_the_read_only_folder(read_only: Path, words: tuple[str, ...], exported: Path) -> None:
    words = tuple(str(exported) if word == "FILE" else word for word in words)
    refused = Surroundings(read_only, prefix=ordinary_user()).refused(*words)
    assert refused.code == 1
    assert f"Permission denied: {read_only}" in refused.err
    assert f"Give yourself write permission for {read_only}" in refused.err
    # Known before anything is trained.
    assert "Fitting" not in refused.err
    assert len(check_whole(read_only)) == 1


def test_output_elsewhere_works_in_a_read_only_project(read_only: Path, tmp_path: Path) -> None:
    user = Surroundings(read_only, prefix=ordinary_user())
    user.ok("package", "-o", str(tmp_path / "package.zip"))
    user.ok("models", "export", "-o", str(tmp_path / "version.zip"))
    assert {path.name for path in tmp_path.iterdir()} == {"package.zip", "version.zip"}


def test_the_local_stage_of_a_project_that_becomes_read_only(tmp_path: Path, seed: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(seed, project)
    state = tmp_path / "state"
    # Nor does a umask that takes nothing away open what is private.
    user = Surroundings(project, {"MLCTL_STATE_DIR": str(state)}, prefix=bound_by_permissions(), umask=0)
    try:
        user.ok("deploy")
        for folder in state.glob("projects/*"):
            assert folder.stat().st_mode & 0o777 == 0o700
        _modes(project, folders=0o555, files=0o444)
        for words in (("status",), ("invoke", "5.1", "3.5", "1.4", "0.2"), ("logs",)):
            user.ok(*words)
    finally:
        _modes(project, folders=0o755, files=0o644)
        user.run("local", "stop")


# FILE: a file where the folder should be; CLOSED: a folder that cannot be written to.
_HOMES: dict[str, dict[str, str | None]] = {
    "no HOME": {"HOME": None},
    "an empty HOME": {"HOME": ""},
    "a relative HOME": {"HOME": "home", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache"},
    "a file": {"HOME": "FILE"},
    "a folder that cannot be written": {"HOME": "CLOSED"},
    "XDG in such a folder": {"XDG_STATE_HOME": "CLOSED/state", "XDG_CACHE_HOME": "CLOSED/cache"},
}
_USUAL: dict[str, str | None] = {"MLCTL_STATE_DIR": None, "MLCTL_CACHE_DIR": None}


@pytest.mark.parametrize("name", tier.some(list(_HOMES), 4))
def test_a_home_that_cannot_be_used_is_told_by_what_needs_one(tmp_path: Path, seed: Path, name: str) -> None:
    project = tmp_path / "project"
    shutil.copytree(seed, project)
    (tmp_path / "FILE").touch()
    (tmp_path / "CLOSED").mkdir(mode=0o555)
    home = {
        variable: str(tmp_path / value) if value and value.startswith(("FILE", "CLOSED")) else value
        for variable, value in _HOMES[name].items()
    }
    refused = Surroundings(project, {**_USUAL, **home}, prefix=ordinary_user()).refused("local", "start")
    assert refused.code == 1
    assert "MLCTL_STATE_DIR" in refused.err or "MLCTL_CACHE_DIR" in refused.err
    folders = [value for value in home.values() if value and value.startswith("/")]
    assert any(folder in refused.err for folder in folders or ["Your home folder is unknown"])
    # A folder called "~" or "home" in the project would be one that a stranger can fill.
    assert {path.name for path in project.iterdir()} <= {"mlctl.toml", "artifacts", ".mlctl"}


def test_without_a_home_everything_else_works(tmp_path: Path, seed: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(seed, project)
    user = Surroundings(project, {**_USUAL, "HOME": None}, prefix=ordinary_user())
    for words in (("models",), ("train", "-p", "n_estimators=4"), ("package",), ("export", "--stage", "prod")):
        user.ok(*words)


def test_a_state_folder_of_the_variable_takes_the_place_of_a_home(tmp_path: Path, seed: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(seed, project)
    variables = {"HOME": None, "MLCTL_STATE_DIR": str(tmp_path / "state"), "MLCTL_CACHE_DIR": str(cache_folder())}
    user = Surroundings(project, variables, prefix=ordinary_user())
    try:
        assert user.refused("status").code == 6
    finally:
        user.run("local", "stop")


def test_the_umask_changes_no_digest_and_opens_nothing_private(tmp_path: Path, seed: Path) -> None:
    given = {}
    for umask in (0o077, 0o000):
        project = tmp_path / f"{umask:o}"
        project.mkdir()
        shutil.copy(seed / "mlctl.toml", project)
        user = Surroundings(project, umask=umask)
        version = user.ok("train", "--json").json["version"]
        package = user.ok("package", "--json").json["sha256"]
        user.ok("models", "export", "-o", "version.zip")
        given[umask] = (version, package, (project / "version.zip").read_bytes())
        assert (project / "version.zip").stat().st_mode & 0o777 == 0o666 & ~umask
        Surroundings(project).ok("models", "verify")
    assert given[0o077] == given[0o000]
