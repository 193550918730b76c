"""Invalid documents in a version with matching digests are reported and do not affect other versions."""

import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlctl import settings
from mlctl.core import model_archive, models
from mlctl.errors import MlctlError
from mlctl.files import canonical_json
from mlctl.packaging import archive
from mlctl.registry import strict_json, validation
from mlctl.registry.manifest import Manifest
from mlctl.registry.store import ModelVersion, Registry
from mlctl.registry.version import MAX_FILE_BYTES
from tests.conftest import Cli
from tests.support.versions import files_of, forged, planted

DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b"-Infinity", "not a JSON number"),
        (b"1e400", "does not fit in a float64"),
        (b"1" * 5000, "5000 digits"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'"\\ud800"', "surrogate"),
        (DEEP, "levels deep"),
        (b"[" * 60 + b"]" * 60, "more than 40 levels deep"),
        (b'{"a": ' * 500 + b"1" + b"}" * 500, "levels deep"),
    ],
)
def test_json_that_is_not_read(text: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        strict_json.parsed(text)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("value", [0, True, None, "a", 1.5, [1, [2]], {"a": {"b": ["\U0001f600", "\\ud800"]}}, 2**64])
def test_json_that_is_read(value: Any) -> None:
    assert strict_json.parsed(json.dumps(value).encode()) == value
    assert strict_json.parsed(canonical_json(value)) == value


Change = Callable[[dict[str, Any]], object]


def document(version: ModelVersion, name: str, change: Change) -> bytes:
    found = json.loads((version.path / name).read_bytes())
    change(found)
    return canonical_json(found)


# What each rule is for: without it, a command would fail with an unexpected error.
CHANGES: list[tuple[str, Change]] = [
    ("schema.json", lambda d: d["target"].update(class_names=[1, 2, 3])),
    ("schema.json", lambda d: d["target"].update(labels=[])),
    ("schema.json", lambda d: d["target"]["labels"].pop()),
    ("schema.json", lambda d: d.update(target=None)),
    ("schema.json", lambda d: d.update(task="regression")),
    ("schema.json", lambda d: d.update(features=[])),
    ("schema.json", lambda d: d.update(features={})),
    ("schema.json", lambda d: d["features"][0].update(name=None)),
    ("schema.json", lambda d: d["features"][0].update(name=d["features"][1]["name"])),
    ("schema.json", lambda d: d["features"][0].update(kind="thing")),
    ("schema.json", lambda d: d["features"][0].update(kind="category")),
    ("schema.json", lambda d: d["features"][0].update(min="low")),
    ("schema.json", lambda d: d["features"][0].update(nullable="no")),
    ("schema.json", lambda d: d.clear()),
    ("metrics.json", lambda d: d.update(accuracy="high")),
    ("metrics.json", lambda d: d.update(accuracy=True)),
    ("metrics.json", lambda d: d.update(accuracy=10**400)),
    ("metrics.json", lambda d: d.pop("accuracy")),
    ("metrics.json", lambda d: d.update(confusion_matrix=[["a"]])),
    ("metrics.json", lambda d: d["cv"].update(accuracy={"mean": "x"})),
    ("metrics.json", lambda d: d.pop("cv")),
    ("split.json", lambda d: d.update(test_rows="all")),
    ("split.json", lambda d: d.update(test_rows=[-1])),
    ("golden.json", lambda d: d.update(examples=[])),
    ("golden.json", lambda d: d["examples"][0].update(index=3)),
    ("golden.json", lambda d: d["examples"][0].update(index="0")),
    ("golden.json", lambda d: d["examples"][0].update(probabilities=[1.0])),
    ("golden.json", lambda d: d["examples"][0].update(probabilities=["1", "0", "0"])),
    ("golden.json", lambda d: d["examples"][0]["features"].pop()),
    ("golden.json", lambda d: d["examples"][0].update(features=[[1], 2, 3, 4])),
    ("heldout.json", lambda d: d.update(format=1)),
    ("heldout.json", lambda d: d["examples"].append({})),
]


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_documents_of_another_shape_are_neither_imported_nor_a_crash(
    trained: Path, cli: Cli, iris: ModelVersion, name: str, change: Change
) -> None:
    try:
        data = document(iris, name, change)
    except ValueError:
        data = document(iris, name, lambda d: d.update(accuracy=0.5)).replace(b"0.5", b"1" + b"0" * 400)
    version_id, files = forged(iris, {name: data})
    Path("file.zip").write_bytes(archive.write(files))
    with pytest.raises(MlctlError, match=name) as refused:
        model_archive.import_(trained, settings.load(trained), Path("file.zip"))
    assert (refused.value.code, refused.value.exit_code) == ("import_refused", 3)
    assert "\n" not in refused.value.message
    planted(trained / "artifacts" / "iris", iris, {name: data})
    for words in (("models", "verify"), ("evaluate",), ("models", "export"), ("models", "trust")):
        done = cli(*words, version_id, "--json")
        assert (done.code, done.json["error"]["code"][:8]) == (4, "version_"), (words, done.err)
    for more in (("package",), ("models", "show"), ("data", "validate", "none.csv", "--version")):
        assert cli(*more, version_id).code in (0, 4, 6), more
    assert {each["version"] for each in cli("models", "--json").json} == {iris.id, version_id}
    assert cli("models", "show", "--json").json["version"] == iris.id


MANIFESTS: list[dict[str, Any]] = [
    {"estimator": 5},
    {"estimator": None},
    {"preprocess": "none"},
    {"settings": {}},
    {"settings": {"data": {"source": "iris", "seed": 1}, "model": []}},
    {"settings": {"data": {"source": "iris", "seed": 1}, "model": {"params": [1]}}},
    {"data": {"source": "iris", "digest": 5, "rows": 150, "takes": "frame"}},
    {"data": {"source": "iris", "digest": "a" * 64, "rows": 150, "takes": "thing"}},
    {"libraries": {}},
    {"libraries": ["python"]},
    {"platform": 1},
    {"portable": {}},
    {"portable": {"compiled": "yes", "parity": "exact"}},
    {"portable": {"compiled": True, "parity": "about"}},
    {"portable": {"compiled": False}},
    {"portable": {"compiled": False, "reason": "none"}},
    {"files": {}},
    {"files": []},
    {"files": {"model.joblib": "x"}},
    {"libraries": {"python": "3", "\x1b[2J\n": 5}},
    {"format": "2" * 100_000},
    {"project": "a\x1b[2J"},
    {"project": 1},
    {"format": [2]},
]


@pytest.mark.parametrize("facts", MANIFESTS)
def test_manifests_of_another_shape_are_named_and_the_rest_is_listed(
    trained: Path, cli: Cli, iris: ModelVersion, facts: dict[str, Any]
) -> None:
    bad, files = forged(iris, **facts)
    Path("file.zip").write_bytes(archive.write(files))
    refused = cli("models", "import", "file.zip", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (3, "import_refused"), refused.err
    planted(trained / "artifacts" / "iris", iris, **facts)
    listed = {each["version"]: each for each in cli("models", "--json").json}
    assert set(listed) == {iris.id, bad}
    assert "problem" not in listed[iris.id]
    assert listed[bad]["problem"].startswith(f"Model version {bad[:12]} cannot be read: ")
    assert (listed[bad]["problem"].isprintable(), len(listed[bad]["problem"]) < 400) == (True, True)
    assert f"{bad[:12]}: Model version {bad[:12]} cannot be read" in cli("models").out
    for words in (("models", "show"), ("models", "verify"), ("evaluate",), ("package",), ("models", "export")):
        assert cli(*words, bad, "--json").json["error"]["code"] in ("version_unreadable", "version_corrupt"), words
    assert cli("package").code == 0


@pytest.mark.parametrize("name", [*validation.REQUIRED_FILES, "model.safetensors"])
def test_a_version_must_list_and_have_each_file_that_commands_read(
    trained: Path, cli: Cli, iris: ModelVersion, name: str
) -> None:
    bad, files = forged(iris, {name: None})
    Path("file.zip").write_bytes(archive.write(files))
    assert f"it does not list {name}" in cli("models", "import", "file.zip").err
    planted(trained / "artifacts" / "iris", iris, {name: None})
    other = planted(trained / "artifacts" / "iris", iris, data={**iris.manifest.data, "rows": 151})
    (trained / "artifacts" / "iris" / other / name).unlink()
    problems = {each["version"]: each.get("problem") for each in cli("models", "--json").json}
    assert (problems[iris.id], f"it does not list {name}" in problems[bad]) == (None, True)
    assert problems[other] == f"{name} is missing from model version {other[:12]}; mlctl did not open it."


def test_a_file_that_no_version_has_is_refused(trained: Path, cli: Cli, iris: ModelVersion) -> None:
    _, files = forged(iris, {"generated.pyc": b"code"})
    Path("file.zip").write_bytes(archive.write(files))
    assert "it lists 'generated.pyc', which is not a file of a model version" in cli("models", "import", "file.zip").err


def test_a_manifest_has_one_spelling(iris: ModelVersion) -> None:
    data = (iris.path / "manifest.json").read_bytes()
    assert Manifest.from_bytes(data).id == iris.id
    more = canonical_json({**json.loads(data), "note": "x"})
    for other in (more, data + b" ", json.dumps(json.loads(data)).encode()):
        with pytest.raises(ValueError, match="canonical JSON"):
            Manifest.from_bytes(other)


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


@given(data=st.data())
def test_whatever_is_changed_in_a_document_no_command_crashes(
    small: ModelVersion, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Either it is refused at import, or the version can be listed, shown, verified and exported again."""
    name = data.draw(st.sampled_from([*validation.DOCUMENTS, "manifest.json"]))
    changed = json.loads((small.path / name).read_bytes())
    *way, last = data.draw(st.sampled_from([place for place in places(changed) if place]))
    inner = changed
    for key in way:
        inner = inner[key]
    inner[last] = data.draw(ODD)
    if name == "manifest.json":
        _, files = forged(small, **{"files": changed.pop("files"), **changed})
    else:
        _, files = forged(small, {name: canonical_json(changed)})
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / "file.zip"
    path.write_bytes(archive.write(files))
    try:
        done = model_archive.import_(folder, settings.load(folder), path)
    except MlctlError as error:
        refusal = error.code
    else:
        refusal = ""
        (listed,) = models.run(folder, settings.load(folder))
        assert (listed.version, listed.problem) == (done.version, None)
        models.verify(folder, settings.load(folder))
        model_archive.export(folder, settings.load(folder), output=path)
    assert refusal in ("", "import_refused")


def test_files_of_a_version_must_be_regular_files(trained: Path, cli: Cli, iris: ModelVersion, tmp_path: Path) -> None:
    version = Registry(trained, "iris").get()
    for name in ("metrics.json", "model.joblib", "manifest.json"):
        path = version.path / name
        path.rename(tmp_path / name)
        for place in (lambda at: at.symlink_to(tmp_path / at.name), os.mkfifo, Path.mkdir):
            place(path)
            verified = cli("models", "verify")
            assert (verified.code, f"{name} is not a regular file" in verified.err) == (4, True), verified.err
            assert "not a regular file" in cli("models", "--json").json[0]["problem"]
            path.rmdir() if path.is_dir() else path.unlink()
        (tmp_path / name).rename(path)
    assert cli("models", "verify").code == 0
    assert files_of(version) == files_of(iris)


def test_a_file_with_holes_fills_no_memory(trained: Path, cli: Cli) -> None:
    path = Registry(trained, "iris").get().path / "model.joblib"
    os.truncate(path, 300_000_000)
    tracemalloc.start()
    try:
        assert cli("models", "verify").code == 4
        assert tracemalloc.get_traced_memory()[1] < 150_000_000
    finally:
        tracemalloc.stop()
    os.truncate(path, MAX_FILE_BYTES + 1)
    refused = cli("models", "verify")
    assert (refused.code, "Larger than" in refused.err) == (4, True)


def test_what_cannot_be_measured_again_is_reported(trained: Path, cli: Cli, iris: ModelVersion) -> None:
    folder = trained / "artifacts" / "iris"
    settings_of = iris.manifest.settings
    odd = planted(folder, iris, settings={**settings_of, "data": {**settings_of["data"], "test_size": "much"}})
    far = planted(folder, iris, {"split.json": canonical_json({"format": 1, "test_rows": [150]})})
    for version, told in (
        (odd, "its [data] settings: test_size"),
        (far, "split.json names row index 150, but the data has 150 rows"),
    ):
        for words in (("evaluate", version), ("compare", version, version)):
            refused = cli(*words, "--json")
            assert (refused.code, refused.json["error"]["code"]) == (4, "version_unreadable"), refused.err
            assert told in refused.json["error"]["message"]
