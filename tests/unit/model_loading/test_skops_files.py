"""The reader of `.skops` files: names and limits, and archives that skops would not write."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from mlctl.model_loading import skops_files
from mlctl.model_loading.refusals import Unusable

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
        "is a zip archive without schema.json, so it is not a .skops file"
    )
    assert (
        refused(archive(tmp_path / "empty", {})) == "is a zip archive without schema.json, so it is not a .skops file"
    )


@pytest.mark.parametrize("name", ["../evil.npy", "/etc/passwd", "a/b.npy", "a\\b.npy", "..", "x" * 300, "\x1b[2J"])
def test_odd_names_of_members_are_refused(tmp_path: Path, name: str) -> None:
    said = refused(archive(tmp_path / "model", {**members(LogisticRegression()), name: b"x"}))
    assert said.startswith("is not a readable .skops file: invalid member name '")
    assert said.isprintable()
    assert len(said) < 120


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_names_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "model", members(LogisticRegression()))
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("schema.json", b"{}")
    assert refused(path) == "is not a readable .skops file: two members have the same name"


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
    assert refused(path) == f"is not a readable .skops file: its member schema.json {message}"


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "model", {**members(LogisticRegression()), "x.npy": bytes(80 * 2**20)}, zipfile.ZIP_DEFLATED
    )
    assert path.stat().st_size < 2**20
    assert refused(path).endswith("bytes, which is too much")


def test_a_size_that_is_told_too_small_unpacks_no_more(tmp_path: Path) -> None:
    content = schema(aside="x" * 2**20)
    size = len(content["schema.json"]).to_bytes(4, "little")
    path = archive(tmp_path / "model", content, zipfile.ZIP_DEFLATED)
    path.write_bytes(path.read_bytes().replace(size, (10).to_bytes(4, "little")))
    assert refused(path) == "is not a readable .skops file: BadZipFile: Bad CRC-32 for file 'schema.json'"


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
    assert refused(path) == f"is not a readable .skops file: {message}"


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
    assert said.startswith("is not a readable .skops file: ")
    assert said.isprintable()
