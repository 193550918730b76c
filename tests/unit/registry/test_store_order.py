"""The order of versions, unreadable info files, and links in a project folder."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlctl import settings
from mlctl.core import workflows
from mlctl.errors import MlctlError
from mlctl.registry import info
from mlctl.registry.store import ModelVersion, Registry
from mlctl.stages import locking
from tests.conftest import Cli
from tests.support.versions import files_of, planted


@pytest.fixture
def registry(project: Path) -> Registry:
    """An empty registry."""
    return Registry(project, "iris")


def add(registry: Registry, version: ModelVersion, **facts: Any) -> str:
    """Write a variant of ``version``, as train and import do."""
    manifest = type(version.manifest)(**{**version.manifest.__dict__, **facts})
    files = {name: version.read(name) for name in version.manifest.files}
    return registry.write(manifest, files)[0].id


def test_the_order_is_that_of_writing_whatever_the_clock_says(
    registry: Registry, small: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = []
    # Ahead by years, back again, and twice the same moment.
    for number, time in enumerate(("2099-01-01", "2026-01-02", "2026-01-01", "2026-01-01")):
        monkeypatch.setattr(info, "now", lambda time=time: f"{time}T00:00:00.000000+00:00")
        ids.append(add(registry, small, platform=f"machine-{number}"))
    assert [version.id for version in registry.versions()] == ids[::-1]
    assert (registry.get().id, registry.get("previous").id) == (ids[3], ids[2])
    # Trained again, the first is the latest again, and keeps the time at which it was created.
    assert add(registry, small, platform="machine-0") == ids[0]
    assert [version.id for version in registry.versions()] == [ids[0], *ids[:0:-1]]
    assert registry.get().created_at.startswith("2099")
    assert registry.get().trained_at.startswith("2026")


def test_versions_of_older_releases_come_first_by_time(registry: Registry, small: ModelVersion) -> None:
    ids = [add(registry, small, platform=f"machine-{number}") for number in range(3)]
    for version_id, year in zip(ids, ("2027", "2099", "2026"), strict=True):
        path = registry.folder / f"{version_id}.info.json"
        path.write_text(json.dumps({"created_at": f"{year}-01-01T00:00:00+00:00", "trained_at": f"{year}-01-01"}))
    assert [version.id for version in registry.versions()] == [ids[1], ids[0], ids[2]]
    new = add(registry, small, platform="machine-3")
    assert registry.get().id == new


GOOD = {"created_at": "2026-01-01T00:00:00+00:00", "trained_at": "2026-01-01T00:00:00+00:00", "sequence": 1}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"not JSON",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        b"\xff",
        b" " * 2_000_000,
        json.dumps({**GOOD, "created_at": 5}).encode(),
        json.dumps({**GOOD, "trained_at": "yesterday"}).encode(),
        json.dumps({**GOOD, "trained_at": "2026\x1b[2J" * 50_000}).encode(),
        json.dumps({**GOOD, "files": {"\x1b[2J\n": 5}}).encode(),
        json.dumps({**GOOD, "trained_at": "0001-01-01T00:00:00+23:00"}).encode(),
        json.dumps({**GOOD, "sequence": "first"}).encode(),
        json.dumps({**GOOD, "sequence": -1}).encode(),
        json.dumps({**GOOD, "sequence": 10**400}).encode(),
        json.dumps({**GOOD, "sequence": True}).encode(),
        json.dumps({**GOOD, "files": ["a"]}).encode(),
        json.dumps({**GOOD, "source": 1}).encode(),
        "folder",
        "link",
        "pipe",
    ],
)
def test_an_info_file_that_cannot_be_read_is_named_and_harms_nothing(
    registry: Registry, cli: Cli, small: ModelVersion, text: bytes | str, tmp_path: Path
) -> None:
    add(registry, small)
    version = registry.get()
    path = version.path.with_name(f"{version.id}.info.json")
    path.unlink()
    if text == "folder":
        path.mkdir()
    elif text == "link":
        (tmp_path / "elsewhere").write_text(json.dumps(GOOD))
        path.symlink_to(tmp_path / "elsewhere")
    elif text == "pipe":
        os.mkfifo(path)
    else:
        assert isinstance(text, bytes)
        path.write_bytes(text)
    (listed,) = cli("models", "--json").json
    assert listed["problem"].startswith(f"{path.name} cannot be read: ")
    assert listed["problem"].isprintable()
    assert len(listed["problem"]) < 400
    assert listed["estimator"] == small.manifest.estimator
    assert listed["created_at"].startswith("20")
    assert cli("models", "verify").code == 0
    # The next training writes it anew.
    add(registry, small)
    assert "problem" not in cli("models", "--json").json[0]


def test_odd_numbers_do_not_end_the_order(registry: Registry, small: ModelVersion) -> None:
    first = add(registry, small)
    path = registry.folder / f"{first}.info.json"
    path.write_text(json.dumps({**GOOD, "sequence": info.MAX_SEQUENCE}))
    second = add(registry, small, platform="machine-1")
    third = add(registry, small, platform="machine-2")
    assert [version.id for version in registry.versions()] == [third, second, first]
    assert [version.info_problem for version in registry.versions()] == [None, None, None]


def test_the_latest_is_the_newest_that_can_be_read_and_the_others_are_named(
    trained: Path, cli: Cli, iris: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(trained, "iris")
    bad = planted(registry.folder, iris, estimator=None)
    (registry.folder / f"{bad}.info.json").write_text(json.dumps({**GOOD, "sequence": 99}))
    for words in (("package",), ("evaluate",), ("models", "show"), ("models", "verify"), ("models", "export")):
        done = cli(*words, "--json")
        assert (done.code, done.json["version"]) == (0, iris.id), words
        assert f"latest skips a version: Model version {bad[:12]} cannot be read" in done.err, words
    # No stage is there to be asked.
    monkeypatch.setenv("MLCTL_LOCAL_ENDPOINT", "http://127.0.0.1:9")
    assert f"latest skips a version: Model version {bad[:12]} cannot be read" in cli("doctor").err
    monkeypatch.delenv("MLCTL_LOCAL_ENDPOINT")
    told: list[str] = []
    assert workflows._current(
        trained, settings.load(trained), None, lambda event: told.append(event.text)
    ) == registry.get(iris.id)
    assert [each.startswith(f"up skips a version: Model version {bad[:12]}") for each in told] == [True]
    assert cli("models", "show", "previous").code == 6
    assert [each["version"] for each in cli("models", "--json").json] == [bad, iris.id]
    assert cli("train", "-p", "n_estimators=2").code == 0
    assert cli("models", "show", "previous", "--json").json["version"] == iris.id


@pytest.mark.parametrize("kind", ["file", "link", "pipe", "nowhere"])
def test_what_has_the_name_of_a_version_and_is_no_folder(
    trained: Path, cli: Cli, iris: ModelVersion, kind: str, tmp_path: Path
) -> None:
    path = trained / "artifacts" / "iris" / ("f" * 64)
    if kind == "file":
        path.touch()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(iris.path if kind == "link" else tmp_path / "nowhere")
    listed = {each["version"]: each.get("problem") for each in cli("models", "--json").json}
    assert listed[iris.id] is None
    assert "manifest.json" in str(listed["f" * 64])
    for words in (("models", "show"), ("models", "verify"), ("evaluate",), ("package",), ("deploy",)):
        assert cli(*words, "ffff").code in (4, 6), words
    # The link is deleted, not what it leads to.
    before = files_of(iris)
    Registry(trained, "iris").delete(Registry(trained, "iris").get("ffff"))
    assert not os.path.lexists(path)
    assert files_of(iris) == before


def test_a_damaged_version_is_replaced_when_it_is_made_or_imported_again(
    trained: Path, cli: Cli, iris: ModelVersion
) -> None:
    assert cli("models", "export", "-o", "file.zip").code == 0
    version = Registry(trained, "iris").get()

    def instead(place: Callable[[], None]) -> None:
        shutil.rmtree(version.path)
        place()

    damages: list[Callable[[], object]] = [
        lambda: (version.path / "golden.json").write_text("{}"),
        (version.path / "model.joblib").unlink,
        (version.path / "stranger").touch,
        lambda: instead(version.path.touch),
        lambda: instead(lambda: version.path.symlink_to(iris.path)),
    ]
    for damage in damages:
        damage()
        assert cli("models", "verify", version.id).code == 4
        assert cli("models", "import", "file.zip", "--json").json["created"] is True
        assert cli("models", "verify").code == 0
        assert not version.path.is_symlink()
    (version.path / "golden.json").write_text("{}")
    assert cli("train", "--json").json["created"] is True
    assert cli("models", "verify").code == 0
    assert cli("models", "import", "file.zip", "--json").json["created"] is False
    left = {path.name for path in version.path.parent.iterdir()}
    assert left - {".lock"} == {version.id, f"{version.id}.info.json"}


def test_a_note_without_a_version_is_left_by_a_killed_writer_and_removed_by_the_next(
    registry: Registry, small: ModelVersion
) -> None:
    first = add(registry, small)
    orphan = registry.folder / f"{'a' * 64}.info.json"
    orphan.write_text("{}")
    add(registry, small, platform="machine-1")
    assert not orphan.exists()
    assert (registry.folder / f"{first}.info.json").exists()


@pytest.mark.parametrize("link", ["artifacts", "artifacts/iris"])
def test_versions_of_another_project_cannot_be_reached_through_a_link(
    project: Path, cli: Cli, small: ModelVersion, tmp_path: Path, link: str
) -> None:
    other = tmp_path / "other"
    version = add(Registry(other, "iris"), small)
    (project / link).parent.mkdir(exist_ok=True)
    (project / link).symlink_to(other / link)
    for words in (("models",), ("train", "-p", "n_estimators=2"), ("package",), ("models", "prune", "--keep", "1")):
        refused = cli("-C", str(project), *words, "--json")
        assert (refused.code, refused.json["error"]["code"]) == (3, "link_refused"), words
    assert [path.name for path in (other / "artifacts" / "iris").iterdir() if path.is_dir()] == [version]


@pytest.mark.parametrize("link", ["artifacts", "artifacts/iris"])
def test_a_folder_of_versions_that_is_none_is_reported(project: Path, cli: Cli, link: str) -> None:
    path = project / link
    for make in (os.mkfifo, Path.touch, lambda at: at.symlink_to(at.name)):
        path.parent.mkdir(exist_ok=True)
        make(path)
        for words in (("models",), ("train", "-p", "n_estimators=2"), ("package",), ("models", "prune")):
            refused = cli("-C", str(project), *words, "--json")
            assert refused.code == 3, words
            assert refused.json["error"]["code"] in ("path_unusable", "link_refused")
        path.unlink()


def test_a_note_that_is_a_folder_is_removed_with_its_version(registry: Registry, small: ModelVersion) -> None:
    version = add(registry, small)
    for name in (version, "a" * 64):
        note = registry.folder / f"{name}.info.json"
        note.unlink(missing_ok=True)
        (note / "inner").mkdir(parents=True)
    registry.delete(registry.get())
    assert [path.name for path in registry.folder.iterdir()] == [".lock"]


def test_a_link_to_another_folder_of_the_project_is_followed(project: Path, cli: Cli, small: ModelVersion) -> None:
    (project / "models").mkdir()
    (project / "artifacts").symlink_to("models")
    version = add(Registry(project, "iris"), small)
    assert (project / "models" / "iris" / version).is_dir()
    assert cli("models", "verify").code == 0


def test_a_lock_that_is_a_link_is_not_opened(registry: Registry, small: ModelVersion, tmp_path: Path) -> None:
    registry.folder.mkdir(parents=True)
    target = tmp_path / "target"
    target.write_text("kept")
    (registry.folder / ".lock").symlink_to(target)
    with pytest.raises(MlctlError, match="is not a regular file"):
        add(registry, small)
    assert target.read_text() == "kept"


def test_a_lock_that_another_process_holds_is_not_waited_for_without_end(
    registry: Registry, small: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = add(registry, small)
    told: list[str] = []
    waiting = Registry(registry.folder.parents[1], "iris", lambda event: told.append(event.text))
    monkeypatch.setattr("mlctl.registry.store._LOCK_SECONDS", 0.1)
    monkeypatch.setattr(locking, "_TELL_SECONDS", 0.0)
    monkeypatch.setattr(locking, "_LOOK_SECONDS", 0.05)
    with locking.held(registry.folder / ".lock"):
        for change in (lambda: add(waiting, small), lambda: waiting.delete(waiting.get())):
            with pytest.raises(MlctlError, match=rf"\.lock is held by process {os.getpid()}") as refused:
                change()
            assert (refused.value.code, refused.value.exit_code) == ("lock_timeout", 1)
    assert told[0].startswith(f"Waiting at most a minute for process {os.getpid()}")
    assert [path.name for path in registry.folder.iterdir() if path.is_dir()] == [version]
    waiting.delete(waiting.get())


def test_what_lies_in_the_place_of_the_holder_of_a_lock_does_no_harm(registry: Registry, small: ModelVersion) -> None:
    (registry.folder / ".lock.holder" / "inner").mkdir(parents=True)
    version = add(registry, small)
    assert registry.get().id == version


def test_leftovers_that_are_links_are_removed_and_not_followed(
    registry: Registry, small: ModelVersion, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    registry.folder.mkdir(parents=True)
    (registry.folder / ".new-link").symlink_to(kept)
    (registry.folder / ".new-folder").mkdir()
    (registry.folder / ".new-folder" / "inner").symlink_to(kept)
    add(registry, small)
    assert (kept / "file").exists()
    assert list(registry.folder.glob(".new-*")) == []


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (".mlctl", ("package",)),
        (".mlctl/packages", ("package",)),
        (".mlctl/export", ("export", "--stage", "prod")),
        (".mlctl/export/prod", ("export", "--stage", "prod")),
        ("out", ("package", "-o", "out/file.zip")),
        ("out", ("export", "--stage", "prod", "-o", "out")),
        ("out", ("models", "export", "-o", "out/file.zip")),
    ],
)
def test_nothing_is_written_through_a_link_that_leads_out_of_the_project(
    trained: Path, cli: Cli, tmp_path: Path, link: str, words: tuple[str, ...]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "template.yaml").write_text("kept")
    (trained / link).parent.mkdir(parents=True, exist_ok=True)
    (trained / link).symlink_to(elsewhere)
    (trained / "mlctl.toml").write_text('[stage.prod]\nregion = "eu-west-1"\n')
    refused = cli(*words, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (3, "link_refused"), refused.err
    assert {path.name: path.read_text() for path in elsewhere.iterdir()} == {"template.yaml": "kept"}
