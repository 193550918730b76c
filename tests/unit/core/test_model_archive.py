"""Versions pruned, exported and imported."""

import json
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mlctl import settings
from mlctl.core import model_archive, prune
from mlctl.errors import MlctlError
from mlctl.files import sha256
from mlctl.packaging import archive
from mlctl.registry.store import ModelVersion, Registry
from tests.conftest import Cli


def test_a_version_goes_into_one_file_and_comes_back(
    trained: Path, cli: Cli, iris: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "version.zip"
    assert cli("models", "export", "-o", str(out), "--json").json == {"version": iris.id, "path": str(out)}
    first = out.read_bytes()
    assert cli("models", "import", str(out)).out == f"Model version {iris.id[:12]}: exists already.\n"
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    assert cli("models", "import", str(out), "--json").json["created"] is True
    assert cli("models", "verify", "--json").json["version"] == iris.id
    assert cli("evaluate").code == 0
    assert cli("models", "export", "-o", str(out)).code == 0
    assert out.read_bytes() == first


def test_an_export_has_a_name_of_its_own(trained: Path, cli: Cli, iris: ModelVersion) -> None:
    assert cli("models", "export").out == (f"Wrote model version {iris.id[:12]} to iris-{iris.id[:12]}.mlctl.zip.\n")


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("folder", "it is a folder"),
        ("", "it is a folder"),
        ("pipe", "it is not a regular file"),
        ("file/version.zip", "Not a directory"),
        ("loop/version.zip", "Too many levels of symbolic links"),
        ("x" * 300, "File name too long"),
        ("artifacts/iris/version.zip", "only mlctl itself writes to "),
        ("artifacts/iris/{id}/model.joblib", "only mlctl itself writes to "),
        ("link/version.zip", "only mlctl itself writes to "),
    ],
)
def test_nothing_but_a_file_outside_the_registry_is_written(
    trained: Path, cli: Cli, iris: ModelVersion, output: str, why: str
) -> None:
    Path("folder").mkdir()
    os.mkfifo("pipe")
    Path("file").write_text("text")
    Path("loop").symlink_to("loop")
    Path("link").symlink_to("artifacts/iris")
    output = output.format(id=iris.id)
    refused = cli("models", "export", "-o", output, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "output_refused")
    assert f"cannot be written: {why}" in refused.json["error"]["message"]
    assert cli("package", "-o", output).code == 2
    assert stat.S_ISFIFO(os.lstat("pipe").st_mode)
    assert cli("models", "verify").code == 0


def test_no_template_takes_the_place_of_what_is_no_file(trained: Path, cli: Cli) -> None:
    (trained / "mlctl.toml").write_text("[stage.prod]\nregion = 'eu-west-1'\n")
    Path("out").mkdir()
    os.mkfifo("out/package.zip")
    for output in ("out", "artifacts/iris", "mlctl.toml"):
        refused = cli("export", "--stage", "prod", "-o", output, "--json")
        assert (refused.code, refused.json["error"]["code"]) == (2, "output_refused"), output


def test_a_changed_version_is_not_exported(trained: Path, cli: Cli) -> None:
    (Registry(trained, "iris").get().path / "golden.json").write_text("{}")
    assert cli("models", "export").code == 4
    assert list(trained.glob("*.zip")) == []


def entries(iris: ModelVersion) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in iris.path.iterdir()}


def changed_manifest(iris: ModelVersion, **changes: Any) -> bytes:
    return json.dumps({**json.loads((iris.path / "manifest.json").read_bytes()), **changes}).encode()


def test_what_is_not_an_intact_export_adds_nothing(project: Path, iris: ModelVersion) -> None:
    good = entries(iris)
    missing = {name: data for name, data in good.items() if name != "golden.json"}
    escaping = {
        "../evil": b"x",
        "manifest.json": changed_manifest(iris, files={"../evil": sha256(b"x")}),
    }
    cases: dict[str, bytes] = {
        "is not an exported model version": b"no zip at all",
        "is not an exported model version: .*manifest.json": archive.write({"a": b"b"}),
        "is not an exported model version: manifest format 9": archive.write(
            good | {"manifest.json": changed_manifest(iris, format=9)}
        ),
        "is not an exported model version: .* is not a plain file name": archive.write(escaping),
        "was changed since it was exported: metrics.json": archive.write(good | {"metrics.json": b"{}"}),
        "was changed since it was exported: golden.json": archive.write(missing),
        "was changed since it was exported: extra": archive.write(good | {"extra": b""}),
        "belongs to project 'else', not 'iris'": archive.write(
            good | {"manifest.json": changed_manifest(iris, project="else")}
        ),
    }
    path = project / "file.zip"
    for message, data in cases.items():
        path.write_bytes(data)
        with pytest.raises(MlctlError, match=message) as error:
            model_archive.import_(project, settings.load(project), path)
        assert error.value.exit_code == 3
        assert ('set project = "else"' in error.value.hint) == ("belongs to project" in message)
    assert not (project / "artifacts").exists()
    assert not (project.parent / "evil").exists()
    with pytest.raises(MlctlError, match="There is no file"):
        model_archive.import_(project, settings.load(project), project / "missing.zip")


def test_a_file_that_claims_to_be_huge_is_not_unpacked(
    project: Path, iris: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project / "file.zip"
    path.write_bytes(archive.write(entries(iris)))
    monkeypatch.setattr(model_archive, "MAX_BYTES", 1000)
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(MlctlError, match="it is too large"):
        model_archive.import_(project, settings.load(project), path)


def test_prune_keeps_the_newest(trained: Path, cli: Cli) -> None:
    for trees in (2, 3, 4):
        cli("train", "-p", f"n_estimators={trees}")
    newest = [each["version"] for each in cli("models", "--json").json]
    assert cli("models", "prune", "--keep", "9").out == "0 deleted, 4 left.\n"
    pruned = cli("models", "prune", "--keep", "2", "--json").json
    assert (sorted(pruned["deleted"]), pruned["left"]) == (sorted(newest[2:]), 2)
    assert [each["version"] for each in cli("models", "--json").json] == newest[:2]
    left = {path.name for path in Registry(trained, "iris").folder.iterdir()} - {".lock"}
    assert left == {newest[0], newest[1], f"{newest[0]}.info.json", f"{newest[1]}.info.json"}
    assert cli("models", "prune", "--keep", "0").code == 2


def test_prune_never_deletes_what_is_released(trained: Path, iris: ModelVersion, cli: Cli, monkeypatch: Any) -> None:
    cli("train", "-p", "n_estimators=2")
    monkeypatch.setattr(prune, "_released_versions", lambda *_: {iris.id})
    shown = cli("models", "prune", "--keep", "1").out
    assert shown == "0 deleted, 2 left. 1 older kept: released on a stage.\n"


def test_prune_deletes_nothing_when_a_stage_cannot_be_asked(trained: Path, cli: Cli, monkeypatch: Any) -> None:
    cli("train", "-p", "n_estimators=2")
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    (trained / "mlctl.toml").write_text("[stage.prod]\nmemory = 512\n")
    refused = cli("models", "prune", "--keep", "1")
    assert (refused.code, "No AWS region is set" in refused.err) == (5, True)
    assert len(cli("models", "--json").json) == 2
