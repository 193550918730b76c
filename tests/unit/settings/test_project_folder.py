"""The search for the project folder, and the owners that mlctl accepts."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mlctl.errors import MlctlError
from mlctl.settings import find_project, project_folder
from tests.conftest import Cli

STRANGER = 12345
Give = Callable[[Path, int], None]


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Gives a file to a user: in truth as root, else in what ``lstat`` and ``stat`` of Path tell."""
    owners: dict[Path, int] = {}

    def told(real: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def status(path: Path, **more: bool) -> os.stat_result:
            found = real(path, **more)
            values = list(found)
            values[4] = owners.get(path, found.st_uid)
            return os.stat_result(values, {"st_mode": found.st_mode, "st_dev": found.st_dev})

        return status

    if os.geteuid() == 0:
        return lambda path, uid: os.chown(path, uid, -1, follow_symlinks=False)
    monkeypatch.setattr(Path, "stat", told(Path.stat))
    monkeypatch.setattr(Path, "lstat", told(Path.lstat))
    return owners.__setitem__


@pytest.fixture
def me(monkeypatch: pytest.MonkeyPatch) -> int:
    """The user that runs the command; root's own files are trusted anyway."""
    uid = os.geteuid() or 4242
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    return uid


def a_project(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "mlctl.toml").write_text("project = 'planted'\n")
    return folder


def test_a_file_of_another_user_in_a_parent_folder_is_refused(
    tmp_path: Path, give: Give, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = a_project(tmp_path / "parent")
    deep = parent / "a" / "b"
    deep.mkdir(parents=True)
    give(parent / "mlctl.toml", STRANGER)
    monkeypatch.chdir(deep)
    for command in ("status", "models", "config", "train", "deploy"):
        result = cli(command, "--json")
        assert (result.code, result.json["error"]["code"]) == (2, "project_not_owned")
        assert f"{parent / 'mlctl.toml'} belongs to another user" in result.json["error"]["message"]
        assert f"mlctl -C {parent}" in result.json["error"]["hint"]
        assert len(result.err.splitlines()) == 2
    assert "planted" in cli("-C", str(parent), "config").out
    monkeypatch.setenv("MLCTL_PROJECT_DIR", str(parent))
    assert "planted" in cli("config").out


@pytest.mark.parametrize("what", ["mlctl.toml", ".env", "artifacts", "."])
def test_everything_of_the_project_that_is_read_must_be_the_users(tmp_path: Path, give: Give, what: str) -> None:
    folder = a_project(tmp_path / "project")
    (folder / ".env").write_text("")
    (folder / "artifacts").mkdir()
    assert find_project(folder) == folder
    give(folder / what, STRANGER)
    with pytest.raises(MlctlError, match="belongs to another user"):
        find_project(folder)


@pytest.mark.parametrize("what", [".env", "artifacts"])
def test_the_same_holds_in_a_folder_without_settings(tmp_path: Path, give: Give, what: str) -> None:
    (tmp_path / what).mkdir()
    assert find_project(tmp_path) == tmp_path
    give(tmp_path / what, STRANGER)
    with pytest.raises(MlctlError) as error:
        find_project(tmp_path)
    assert error.value.code == "project_not_owned"


def test_a_folder_that_everybody_may_write_to_and_another_owns_does_not_count(
    tmp_path: Path, give: Give, me: int
) -> None:
    folder = a_project(tmp_path / "shared")
    folder.chmod(0o1777)
    give(folder, 0)
    give(folder / "mlctl.toml", me)
    with pytest.raises(MlctlError, match="and everybody can write to it"):
        find_project(folder)
    folder.chmod(0o755)
    assert find_project(folder) == folder
    # A project made under umask 000 is the user's all the same.
    folder.chmod(0o777)
    give(folder, me)
    assert find_project(folder) == folder


def test_root_trusts_the_user_that_ran_sudo(tmp_path: Path, give: Give, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_project(tmp_path / "project")
    for path in (folder, folder / "mlctl.toml"):
        give(path, STRANGER)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(MlctlError):
        find_project(folder)
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    assert find_project(folder) == folder
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(MlctlError):
        find_project(folder)


def test_a_link_counts_by_its_own_owner_too(tmp_path: Path, give: Give) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "real.toml").write_text("")
    (folder / "mlctl.toml").symlink_to("real.toml")
    assert find_project(folder) == folder
    give(folder / "mlctl.toml", STRANGER)
    with pytest.raises(MlctlError, match="belongs to another user"):
        find_project(folder)


def test_the_search_ends_at_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_project(tmp_path)
    home = tmp_path / "home"
    work = home / "work"
    work.mkdir(parents=True)
    assert find_project(work) == tmp_path
    monkeypatch.setenv("HOME", str(home))
    assert find_project(work) == work
    a_project(home)
    assert find_project(work) == home


def test_the_search_ends_at_another_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_project(tmp_path)
    mounted = tmp_path / "mounted"
    work = mounted / "work"
    work.mkdir(parents=True)
    monkeypatch.setattr(project_folder, "_device", lambda folder: 2 if folder.is_relative_to(mounted) else 1)
    assert find_project(work) == work


@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling"])
def test_only_a_regular_file_makes_a_parent_a_project(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mlctl.toml"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "nowhere")
    work = tmp_path / "work"
    work.mkdir()
    assert find_project(work) == work


def test_a_project_further_up_is_reported(project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "mlctl.toml").write_text("")
    work = project / "work"
    work.mkdir()
    assert "Project folder" not in cli("models").err
    monkeypatch.chdir(work)
    result = cli("models", "--json")
    assert (result.code, result.json) == (0, [])
    assert result.err == f"Project folder: {project}\n"
    assert cli("-C", str(project), "models").err == ""
