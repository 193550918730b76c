"""The locations of the cache and state folders, and their permissions."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlctl import user_folders
from mlctl.errors import MlctlError
from tests.conftest import Cli

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("variable", "folder"),
    [("MLCTL_CACHE_DIR", user_folders.cache_folder), ("MLCTL_STATE_DIR", user_folders.state_folder)],
)
def test_a_variable_moves_a_folder_and_must_be_absolute(
    variable: str, folder: "Callable[[], Path]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path))
    assert folder() == tmp_path
    monkeypatch.setenv(variable, "relative")
    with pytest.raises(MlctlError, match="relative path 'relative'") as caught:
        folder()
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("MLCTL_CACHE_DIR", ("local", "start")),
        ("MLCTL_STATE_DIR", ("local", "start")),
        ("MLCTL_STATE_DIR", ("local", "status")),
        ("MLCTL_STATE_DIR", ("status",)),
    ],
)
def test_a_relative_folder_stops_a_command_before_anything_is_made_or_executed(
    project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, variable: str, words: tuple[str, ...]
) -> None:
    """It would be a folder of the project, which may come from anybody: with an interpreter in it."""

    def execute(*words: object, **_: object) -> None:
        pytest.fail(f"executed: {words}")

    for name in ("venv.create", "subprocess.run", "subprocess.Popen"):
        monkeypatch.setattr(name, execute)
    monkeypatch.setenv(variable, "relative")
    refused = cli(*words)
    assert (refused.code, f"{variable} is the relative path 'relative'." in refused.err) == (2, True), refused.err
    assert list(project.iterdir()) == []


def test_the_state_of_a_project_is_keyed_by_its_real_path(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    link = tmp_path / "link"
    link.symlink_to(project)
    assert user_folders.project_state(link) == user_folders.project_state(project)
    assert user_folders.project_state(tmp_path) != user_folders.project_state(project)
    assert not user_folders.project_state(project).is_relative_to(project)


def test_a_private_folder_is_for_its_user_alone_whatever_its_mode_was(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    assert user_folders.private_folder(folder).stat().st_mode & 0o777 == 0o700
    assert user_folders.private_folder(tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MlctlError, match="cannot be used") as caught:
        user_folders.private_folder(tmp_path / "file" / "folder")
    assert str(tmp_path / "file" / "folder") in caught.value.message


@pytest.mark.parametrize("home", [None, "", "relative"])
@pytest.mark.parametrize("folder", [user_folders.cache_folder, user_folders.state_folder])
def test_without_a_home_no_folder_of_the_current_one_is_taken(
    home: str | None, folder: "Callable[[], Path]", monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("MLCTL_CACHE_DIR", "MLCTL_STATE_DIR", "XDG_CACHE_HOME", "XDG_STATE_HOME", "HOME"):
        monkeypatch.delenv(variable, raising=False)
    if home is not None:
        monkeypatch.setenv("HOME", home)

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(MlctlError, match="Your home folder is unknown") as caught:
        folder()
    assert caught.value.exit_code == 1
    assert "MLCTL_STATE_DIR and MLCTL_CACHE_DIR" in caught.value.hint
