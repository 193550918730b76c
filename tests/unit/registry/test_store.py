"""Model versions are complete or absent, have reproducible ids, and are not opened after a change."""

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import joblib
import pytest

from mlctl import settings
from mlctl.core import evaluate, train, workflows
from mlctl.errors import ExitCode, MlctlError
from mlctl.files import canonical_json, sha256, write_atomic
from mlctl.registry import trust
from mlctl.registry.manifest import Manifest
from mlctl.registry.store import ModelVersion, Registry
from tests.conftest import Cli


def test_the_id_is_the_digest_of_the_manifest_and_the_manifest_has_every_file(iris: ModelVersion) -> None:
    manifest = (iris.path / "manifest.json").read_bytes()
    assert iris.path.name == iris.id == sha256(manifest)
    on_disk = {path.name for path in iris.path.iterdir()} - {"manifest.json"}
    assert set(json.loads(manifest)["files"]) == on_disk
    assert on_disk == {
        "model.joblib",
        "schema.json",
        "metrics.json",
        "golden.json",
        "heldout.json",
        "split.json",
        "model.safetensors",
        "generated.py",
    }
    assert "created_at" not in json.loads(manifest)


def test_training_again_gives_the_same_version(trained: Path, cli: Cli, iris: ModelVersion) -> None:
    again = cli("train", "--json").json
    assert (again["version"], again["created"]) == (iris.id, False)
    assert len(Registry(trained, "iris").versions()) == 1


def test_where_a_parameter_was_set_does_not_change_the_id(project: Path, cli: Cli) -> None:
    by_flag = cli("train", "--json", "-p", "n_estimators=10", "-p", "criterion=entropy").json
    (project / "mlctl.toml").write_text('[model]\nparams = { n_estimators = 10, criterion = "entropy" }\n')
    by_file = cli("train", "--json").json
    assert by_file["version"] == by_flag["version"]


def test_previous_is_the_one_before_the_latest(trained: Path, cli: Cli, iris: ModelVersion) -> None:
    refused = cli("models", "show", "previous")
    assert refused.code == 6
    assert f"There is only one model version, {iris.id[:12]}, so there is no previous one." in refused.err
    cli("train", "-p", "n_estimators=10")
    assert cli("models", "show", "previous", "--json").json["version"] == iris.id


def test_latest_is_what_was_trained_last_even_when_it_was_there_before(trained: Path, cli: Cli) -> None:
    other = cli("train", "--json", "-p", "n_estimators=10").json["version"]
    first = cli("train", "--json").json["version"]
    assert first != other
    assert [each["version"] for each in cli("models", "--json").json] == [first, other]
    assert cli("models", "show", "--json").json["version"] == first


def test_ids_may_be_shortened_but_not_be_ambiguous(trained: Path, iris: ModelVersion, cli: Cli) -> None:
    registry = Registry(trained, "iris")
    assert registry.get(iris.id[:4]).id == iris.id
    shutil.copytree(iris.path, registry.folder / (iris.id[:10] + "0" * 54))
    with pytest.raises(MlctlError, match="2 model versions begin with"):
        registry.get(iris.id[:4])
    missing = cli("evaluate", "zzzz")
    assert missing.code == 6
    assert "No model version begins with 'zzzz'" in missing.err


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        "model.joblib",
        "schema.json",
        "metrics.json",
        "golden.json",
        "heldout.json",
        "split.json",
        "model.safetensors",
        "generated.py",
    ],
)
def test_a_changed_byte_is_refused_before_anything_is_unpickled(
    trained: Path, cli: Cli, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: Any) -> None:
        pytest.fail("the pickle was opened")

    version = Registry(trained, "iris").get()
    path = version.path / name
    original = path.read_bytes()
    monkeypatch.setattr(joblib, "load", opened)
    for position in {0, len(original) // 2, len(original) - 1}:
        path.write_bytes(original[:position] + bytes([original[position] ^ 0x20]) + original[position + 1 :])
        verified = cli("models", "verify")
        assert verified.code == 4
        assert name in verified.err
        refused = cli("evaluate")
        assert refused.code == 4
        assert f"{name} in model version {version.id[:12]} has changed" in refused.err
    path.unlink()
    assert "is missing from" in cli("models", "verify").err


def test_a_file_that_does_not_belong_is_found(trained: Path, cli: Cli) -> None:
    assert cli("models", "verify", "--json").json["intact"] is True
    (Registry(trained, "iris").get().path / "extra").touch()
    verified = cli("models", "verify")
    assert verified.code == 4
    assert "extra does not belong" in verified.err


def test_a_changed_version_is_listed_as_such(trained: Path, cli: Cli) -> None:
    (Registry(trained, "iris").get().path / "metrics.json").write_text("{}")
    (listed,) = cli("models", "--json").json
    assert "has changed since it was written" in listed["problem"]
    assert "changed on disk" in cli("models").out


def test_a_folder_that_is_no_version_is_left_out(trained: Path, cli: Cli, iris: ModelVersion) -> None:
    (Registry(trained, "iris").folder / "backup").mkdir()
    assert [each["version"] for each in cli("models", "--json").json] == [iris.id]
    assert cli("models", "show", "").code == 6


def test_up_passes_over_versions_that_were_changed_on_disk(trained: Path) -> None:
    registry = Registry(trained, "iris")
    found = settings.load(trained)
    assert workflows._current(trained, found, None) is not None
    manifest = registry.get().path / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    assert workflows._current(trained, found, None) is None


def test_up_takes_what_train_made_on_top_of_the_same_settings(trained: Path, cli: Cli, iris: ModelVersion) -> None:
    def current(**flags: Any) -> str | None:
        base = settings.load(trained).identity()
        found = workflows._current(trained, settings.load(trained, flags=flags or None), base)
        return found.id if found else None

    assert current() == iris.id
    tuned = cli("train", "-p", "n_estimators=7", "--json").json["version"]
    assert current() == tuned
    # With flags of its own it wants exactly that.
    assert current(model={"params": {"n_estimators": 7}}) == tuned
    assert current(model={"params": {"n_estimators": 8}}) is None
    (trained / "mlctl.toml").write_text("[model]\ncv = 3\n")
    assert current() is None


def test_files_are_readable_as_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "file", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def rewritten(version: ModelVersion, folder: Path, **changes: Any) -> ModelVersion:
    """A copy of a version with other facts in its manifest, and so another id."""
    document = {**json.loads((version.path / "manifest.json").read_bytes()), **changes}
    manifest = Manifest.from_document(document)
    target = folder / manifest.id
    shutil.copytree(version.path, target)
    (target / "manifest.json").write_bytes(manifest.to_bytes())
    return ModelVersion(manifest.id, target, "2026-01-01", "2026-01-01")


def test_another_scikit_learn_is_refused_with_both_versions_named(trained: Path, cli: Cli) -> None:
    registry = Registry(trained, "iris")
    version = registry.get()
    libraries = {**version.manifest.libraries, "scikit-learn": "1.2.3"}
    other = rewritten(version, registry.folder, libraries=libraries)
    refused = cli("evaluate", other.id)
    assert refused.code == 4
    assert "was trained with scikit-learn 1.2.3" in refused.err
    assert f"the installed version is {version.manifest.libraries['scikit-learn']}" in refused.err


def test_a_patch_release_of_python_makes_no_difference(trained: Path) -> None:
    registry = Registry(trained, "iris")
    version = registry.get()
    minor = ".".join(version.manifest.libraries["python"].split(".")[:2])
    other = rewritten(version, registry.folder, libraries={**version.manifest.libraries, "python": f"{minor}.99"})
    trust.record(other.id, other.read("model.joblib"), trained)
    other.load_pipeline()
    third = rewritten(version, registry.folder, libraries={**version.manifest.libraries, "python": "3.2.1"})
    with pytest.raises(MlctlError, match=r"python 3\.2\.1"):
        third.load_pipeline()


def test_changed_data_is_refused(trained: Path, cli: Cli) -> None:
    registry = Registry(trained, "iris")
    version = registry.get()
    other = rewritten(version, registry.folder, data={**version.manifest.data, "digest": "f" * 64})
    refused = cli("evaluate", other.id)
    assert refused.code == 3
    assert "not the data that model version" in refused.err


def test_a_write_that_fails_leaves_nothing(project: Path, iris: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    registry = Registry(project, "iris")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        registry.write(iris.manifest, {name: iris.read(name) for name in iris.manifest.files})
    assert registry.versions() == []
    assert list(registry.folder.glob(".new-*")) == []


def test_what_a_killed_writer_left_is_cleared_by_the_next_and_never_listed(project: Path, iris: ModelVersion) -> None:
    registry = Registry(project, "iris")
    leftover = registry.folder / ".new-abc"
    leftover.mkdir(parents=True)
    assert registry.versions() == []
    registry.write(iris.manifest, {name: iris.read(name) for name in iris.manifest.files})
    assert not leftover.exists()
    assert [version.id for version in registry.versions()] == [iris.id]


def test_a_version_without_its_info_file_still_reads(trained: Path) -> None:
    registry = Registry(trained, "iris")
    (registry.folder / f"{registry.get().id}.info.json").unlink()
    assert registry.get().created_at.startswith("20")


def test_evaluate_repeats_the_metrics_and_gates_decide_the_exit_code(
    trained: Path, cli: Cli, iris: ModelVersion
) -> None:
    found = cli("evaluate", "--json", "--min", "accuracy=0.5")
    assert found.code == 0
    recorded = iris.read_json("metrics.json")
    assert found.json["metrics"] == {key: value for key, value in recorded.items() if key != "cv"}
    assert found.json["confusion_matrix"] == recorded["confusion_matrix"]
    assert found.json["gates"] == [{"metric": "accuracy", "minimum": 0.5, "value": 0.9, "passed": True}]
    missed = cli("evaluate", "--json", "--min", "accuracy=0.95")
    assert missed.code == 4
    assert missed.json["error"]["code"] == "gate_missed"
    assert missed.json["version"] == iris.id
    assert "accuracy 0.9000 is below 0.95" in cli("evaluate", "--min", "accuracy=0.95").err
    (trained / "mlctl.toml").write_text("[gates]\nf1 = 0.99\n")
    assert cli("evaluate").code == 4
    assert cli("evaluate", "--min", "f1=0.1").code == 0
    percent = cli("evaluate", "--min", "accuracy=95")
    assert (percent.code, "Write 0.95 for 95 %." in percent.err) == (2, True)
    unknown = cli("evaluate", "--min", "acuracy=0.9")
    assert (unknown.code, "Did you mean 'accuracy'?" in unknown.err) == (2, True)
    assert cli("evaluate", "--min", "accuracy").code == 2


def test_before_there_is_anything(project: Path, cli: Cli) -> None:
    for words in (["evaluate"], ["package"], ["deploy"], ["models", "show"], ["models", "verify"]):
        result = cli(*words)
        assert result.code == 6, words
        assert result.err == "Error: Project 'iris' has no model version yet.\nNext:  Run `mlctl train` to make one.\n"
        failed = cli(*words, "--json")
        assert failed.json == {
            "error": {
                "code": "no_version",
                "message": "Project 'iris' has no model version yet.",
                "hint": "Run `mlctl train` to make one.",
            }
        }
    assert cli("models").out == "No model versions. `mlctl train` makes one.\n"
    assert cli("models", "--json").json == []


def test_canonical_json_is_stable_and_exact() -> None:
    value = {"b": [0.1 + 0.2, 1e300], "a": "é"}
    assert canonical_json(value) == canonical_json(dict(reversed(value.items())))
    assert json.loads(canonical_json(value)) == value
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(float("nan"))


def test_the_pickle_is_the_same_in_every_run(iris: ModelVersion, project: Path) -> None:
    trained = train.run(project, settings.load(project))
    data = (trained.path / "model.joblib").read_bytes()
    assert data == iris.read("model.joblib")
    assert joblib.load(io.BytesIO(data)).named_steps["model"].n_estimators == 100


def test_exit_codes_are_what_the_documents_say() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "UNEXPECTED": 1,
        "USAGE": 2,
        "BAD_INPUT": 3,
        "VERIFICATION": 4,
        "AWS": 5,
        "NOT_FOUND": 6,
        "INTERRUPTED": 130,
    }


def test_evaluate_has_the_rows_of_the_version(iris_folder: Path) -> None:
    assert evaluate.run(iris_folder, settings.load(iris_folder)).rows == 30
