"""`mlctl import` of `.skops` files: what skops trusts needs no trust, the rest is named, and broken files are refused."""

import io
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from mlctl.core import model_file
from mlctl.errors import ExitCode, MlctlError
from mlctl.model.opening import process, skops_files
from mlctl.model.opening.refusals import Unusable
from mlctl.model.registry import Registry
from tests.conftest import Cli, Result

FEATURES = np.arange(24.0).reshape(12, 2)
LABELS = np.array(["a", "b"] * 6)
MEMORY = 4 * 2**30


def members(model: Any) -> dict[str, bytes]:
    """The content of the archive that skops makes of a model."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as archive:
        return {each: archive.read(each) for each in archive.namelist()}


def archive(path: Path, content: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in content.items():
            file.writestr(name, data)
    return path


def schema(**more: Any) -> dict[str, bytes]:
    return {"schema.json": json.dumps({"protocol": 2, **more}).encode()}


def refused(path: Path, memory: int = MEMORY) -> str:
    with pytest.raises(Unusable) as caught:
        skops_files.inspect(str(path), memory)
    assert caught.value.hint
    return caught.value.what


@pytest.fixture
def bring(cli: Cli, project: Path) -> Callable[..., Result]:
    """Imports `model.skops`, having saved a model there if one is given."""
    pd.DataFrame(FEATURES, columns=["length", "width"]).assign(species=LABELS).to_csv("rows.csv", index=False)

    def run(model: Any, *words: str) -> Result:
        if model is not None:
            skops.io.dump(model, "model.skops")
        return cli("import", "model.skops", "--data", "rows.csv", "--target", "species", *words)

    return run


def test_a_file_of_types_that_skops_trusts_needs_no_trust(project: Path, bring: Callable[..., Result]) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(FEATURES, LABELS)
    done = bring(model, "--json")
    assert done.code == 0, done.err
    document = done.json
    assert "sklearn.linear_model._logistic.LogisticRegression" in document["types"]
    assert document["metrics"]["accuracy"] == model.score(FEATURES, LABELS)
    version = Registry(project, "iris").get()
    assert version.load_pipeline().predict(FEATURES).tolist() == model.predict(FEATURES).tolist()
    # The name of the file says nothing.
    Path("model.skops").rename("model.joblib")
    Path("model.joblib").rename("model.skops")
    again = bring(None, "--json")
    assert (again.json["version"], again.json["created"]) == (document["version"], False)


def test_what_skops_does_not_trust_is_named_and_needs_trust(project: Path, bring: Callable[..., Result]) -> None:
    model = DecisionTreeClassifier(random_state=0).fit(FEATURES, LABELS)
    refused = bring(model)
    assert refused.code == 2
    assert "! not trusted by skops as such, or not known to mlctl: sklearn.tree._tree.Tree\n" in refused.err
    assert (
        "Error: model.skops was not opened: it holds more than types that run no code. "
        "It names sklearn.tree._tree.Tree.\nNext:  Give --trust if you know who made it.\n"
    ) in refused.err
    assert bring(None, "--json").json["error"]["code"] == "not_trusted"
    assert not (project / "artifacts").exists()
    done = bring(None, "--trust", "--json")
    assert done.code == 0, done.err
    assert done.json["metrics"]["accuracy"] == 1.0


def test_modules_of_the_project_are_imported_only_with_trust(
    project: Path, bring: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "def doubled(rows):\n    return rows * 2\n"
    trace = project / "trace"
    (project / "their_doubling.py").write_text(source)
    with monkeypatch.context() as patched:
        patched.syspath_prepend(str(project))
        import their_doubling  # type: ignore[import-not-found]  # the test wrote it

        model = make_pipeline(FunctionTransformer(their_doubling.doubled), LogisticRegression()).fit(FEATURES, LABELS)
        skops.io.dump(model, "model.skops")
    sys.modules.pop("their_doubling")
    (project / "their_doubling.py").write_text(f"open({str(trace)!r}, 'w').close()\n{source}")
    assert bring(None).code == 2
    assert not trace.exists()
    done = bring(None, "--trust", "--json")
    sys.modules.pop("their_doubling", None)
    assert done.code == 0, done.err
    assert "their_doubling.doubled" in done.json["types"]
    assert trace.exists()


def test_without_the_extra_the_command_to_install_it_is_told(
    project: Path, bring: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "BOOT", f"import sys\nsys.modules['skops'] = None\n{process.BOOT}")
    failed = bring(LogisticRegression().fit(FEATURES, LABELS))
    assert failed.code == 3
    assert (
        "Error: model.skops is a .skops file, and skops is not installed.\nNext:  Run: pip install 'mlctl[skops]'\n"
    ) in failed.err
    assert bring(None, "--json").json["error"]["code"] == "extra_missing"


@pytest.mark.parametrize("part", [LogisticRegression, StandardScaler])
def test_a_model_of_another_scikit_learn_is_refused(
    project: Path, bring: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, part: type[BaseEstimator]
) -> None:
    """Whichever of its parts says so: the outermost, or one inside."""
    model: Any = LogisticRegression().fit(FEATURES, LABELS)
    if part is StandardScaler:
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(FEATURES, LABELS)
    original = part.__getstate__

    def forged(self: Any) -> dict[str, Any]:
        return {**original(self), "_sklearn_version": "1.2.3"}

    with monkeypatch.context() as patched:
        patched.setattr(part, "__getstate__", forged)
        skops.io.dump(model, "model.skops")
    failed = bring(None, "--json")
    assert (failed.code, failed.json["error"]["code"]) == (3, "model_unusable")
    assert failed.json["error"]["message"].startswith("model.skops was saved by scikit-learn 1.2.3, and ")


def test_what_is_no_fitted_model(project: Path, bring: Callable[..., Result]) -> None:
    failed = bring(StandardScaler().fit(FEATURES))
    assert failed.code == 3
    assert "model.skops holds StandardScaler, which is no scikit-learn classifier or regressor." in failed.err


def test_a_broken_archive_is_one_line_and_names_the_users_file(project: Path, bring: Callable[..., Result]) -> None:
    Path("model.skops").write_bytes(b"PK\x03\x04" + bytes(100))
    failed = bring(None)
    assert failed.code == 3
    assert failed.err.splitlines()[-2:] == [
        "Error: model.skops is no readable .skops file: BadZipFile: File is not a zip file.",
        "Next:  Save the fitted model again: skops.io.dump(model, 'model.skops')",
    ]


def test_names_and_limits_of_a_good_file(tmp_path: Path) -> None:
    model = LogisticRegression().fit(FEATURES, LABELS)
    path = archive(tmp_path / "model", members(model))
    found = skops_files.inspect(str(path), MEMORY)
    assert found.untrusted == ()
    assert "sklearn.linear_model._logistic.LogisticRegression" in found.types
    assert found.sklearn_version == model.__getstate__()["_sklearn_version"]
    assert skops_files.load(str(path), [], MEMORY).classes_.tolist() == ["a", "b"]
    assert "unpacks to" in refused(path, memory=100)


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    assert refused(archive(tmp_path / "model", {"word/document.xml": b""})) == (
        "is a zip archive without schema.json, and so no .skops file"
    )
    assert refused(archive(tmp_path / "empty", {})) == "is a zip archive without schema.json, and so no .skops file"


@pytest.mark.parametrize("name", ["../evil.npy", "/etc/passwd", "a/b.npy", "a\\b.npy", "..", "x" * 300, "\x1b[2J", ""])
def test_odd_names_of_members_are_refused(tmp_path: Path, name: str) -> None:
    said = refused(archive(tmp_path / "model", {**members(LogisticRegression()), name: b"x"}))
    assert said.startswith("is no readable .skops file: a member is called '")
    assert said.isprintable()
    assert len(said) < 120


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_names_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "model", members(LogisticRegression()))
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("schema.json", b"{}")
    assert refused(path) == "is no readable .skops file: two members have the same name"


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [(8, b"\x01\x00", "is encrypted"), (10, b"\x63\x00", "is compressed in an unknown way")],
)
def test_encrypted_and_unknown_members_are_refused(tmp_path: Path, offset: int, value: bytes, message: str) -> None:
    path = archive(tmp_path / "model", schema())
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + offset
    data[at : at + 2] = value
    path.write_bytes(data)
    assert refused(path) == f"is no readable .skops file: its member schema.json {message}"


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "model", {**members(LogisticRegression()), "x.npy": bytes(80 * 2**20)}, zipfile.ZIP_DEFLATED
    )
    assert path.stat().st_size < 2**20
    assert refused(path).endswith("bytes, which is too much")


def test_a_size_that_is_told_too_small_unpacks_no_more(tmp_path: Path) -> None:
    content = members(LogisticRegression())
    path = archive(tmp_path / "model", {**schema(), "x.npy": bytes(2**20)}, zipfile.ZIP_DEFLATED)
    data = path.read_bytes().replace((2**20).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(data)
    assert content
    with zipfile.ZipFile(path) as file, pytest.raises(zipfile.BadZipFile):
        file.read("x.npy")


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("MAX_MEMBERS", 1, "it holds more than 1 members"),
        ("MAX_SCHEMA", 0, "schema.json holds more than 0 MiB"),
        ("MAX_TYPES", 1, "it names more than 1 types"),
    ],
)
def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, message: str) -> None:
    path = archive(tmp_path / "model", members(LogisticRegression().fit(FEATURES, LABELS)))
    monkeypatch.setattr(skops_files, limit, value)
    assert refused(path) == f"is no readable .skops file: {message}"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"protocol": 99}',
        b'{"protocol": 2, "__loader__": "Nothing", "__module__": "a", "__class__": "b"}',
        b'{"protocol": 2, "__loader__": "ListNode", "__module__": "a", "__class__": "\\u001b[2J", "content": []}',
        b'{"protocol": 2, "__loader__": "ListNode", "__module__": "builtins", "__class__": "list", "content": 5}',
    ],
)
def test_a_schema_that_makes_no_sense(tmp_path: Path, text: bytes) -> None:
    said = refused(archive(tmp_path / "model", {"schema.json": text}))
    assert said.startswith("is no readable .skops file: ")
    assert said.isprintable()


def test_a_type_in_a_place_that_skops_does_not_read_is_never_called_known(tmp_path: Path) -> None:
    content = members(LogisticRegression().fit(FEATURES, LABELS))
    document = json.loads(content["schema.json"])
    document["aside"] = {"__module__": "os", "__class__": "system"}
    content["schema.json"] = json.dumps(document).encode()
    examined = model_file.examine(archive(tmp_path / "model", content))
    assert examined.audit.unknown == ("os.system",)
    assert examined.needs_trust


def test_a_child_that_lies_about_the_types_gains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """skops checks again, in the process that loads."""
    path = tmp_path / "model.skops"
    skops.io.dump(DecisionTreeClassifier().fit(FEATURES, LABELS), path)
    monkeypatch.setattr(process, "inspect", lambda *_: process.Contents((), (), None))
    examined = model_file.examine(path)
    assert not examined.needs_trust
    with pytest.raises(MlctlError) as caught:
        model_file.opened(examined, tmp_path, trusted=False)
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    assert "cannot be opened: UntrustedTypesFoundException: " in caught.value.message
