"""Documents and files of a foreign version do not use excessive memory."""

import json
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from mlctl import files
from mlctl.packaging import archive
from mlctl.registry import strict_json, validation, version
from mlctl.registry.store import ModelVersion
from tests.conftest import Cli
from tests.support.versions import forged


@pytest.mark.parametrize(
    ("data", "fits"),
    [
        (b"[1,2,3,4,5]", True),
        (b"[1,2,3,4,5,6]", False),
        (b"[[],[],[]]", True),
        (b"[[],[],[],[]]", False),
        (b'{"a":1,"b":[]}', True),
        (b'{"a":1,"b":[[]]}', False),
        (b'{"a":1,"b":2,"c":3,"d":4}', False),
        (b'["[[[[[[,,,,,,,{{{{{:::\\"[[[[[,,,,,,", "\\\\"]', True),
        ('["é[[[[[[", "\\n,,,,,,"]'.encode(), True),
    ],
)
def test_values_are_counted_before_they_are_read(monkeypatch: pytest.MonkeyPatch, data: bytes, fits: bool) -> None:
    monkeypatch.setattr(strict_json, "MAX_VALUES", 4)
    monkeypatch.setattr(strict_json, "MAX_NAMES", 4)
    if fits:
        assert strict_json.parsed(data) == json.loads(data)
        return
    with pytest.raises(ValueError, match="it holds more than 4 values, or 4 names, objects and lists"):
        strict_json.parsed(data)


@pytest.mark.parametrize(
    "data", [b'"' * 100_000, b'"' + b'\\"' * 50_000, b'["' + b'[,"' * 50_000, b'"' + b"\\" * 99_999]
)
def test_strings_without_an_end_are_counted_in_one_pass(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Else it would take minutes."""
    monkeypatch.setattr(strict_json, "_is_large", lambda found: found == data)
    with pytest.raises(ValueError, match="it is not JSON"):
        strict_json.parsed(data)


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("split.json", {"format": 1, "test_rows": [""] * 1000}),
        ("golden.json", {"format": 2, "examples": [{}] * 1000}),
        ("schema.json", {"format": 2, "task": "binary", "features": [{"kind": "other"}] * 1000, "target": {}}),
        ("metrics.json", {"rows": 1, "cv": None, "confusion_matrix": [[""] * 1000] * 1000}),
    ],
)
def test_what_is_wrong_with_each_of_many_items_is_reported_once(name: str, document: object) -> None:
    with pytest.raises(ValidationError) as error:
        validation._SHAPES[name].model_validate(document)
    assert error.value.error_count() < 10


def test_a_small_archive_of_a_large_document_is_refused(
    project: Path, cli: Cli, small: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    for document in (b"[" + b"[]," * 1_000_000 + b"[]]", b'{"format": 1, "test_rows": [' + b"9," * 10_000_001 + b"9]}"):
        _, found = forged(small, {"split.json": document})
        Path("file.zip").write_bytes(archive.write(found))
        assert Path("file.zip").stat().st_size < 100_000
        refused = cli("models", "import", "file.zip")
        assert (refused.code, "split.json: it holds more than 10,000,000 values" in refused.err) == (3, True)
    monkeypatch.setattr("mlctl.core.model_archive.MAX_DOCUMENT_BYTES", 100_000)
    assert "it is too large: split.json unpacks to more than 100,000 bytes" in cli("models", "import", "file.zip").err


def test_a_file_of_terabytes_in_a_version_is_not_read(trained: Path, cli: Cli, iris: ModelVersion) -> None:
    """It takes no place on disk, and came with a project from elsewhere."""
    for name, limit in (("model.joblib", version.MAX_FILE_BYTES), ("golden.json", version.MAX_DOCUMENT_BYTES)):
        path = trained / "artifacts" / "iris" / iris.id / name
        good = path.read_bytes()
        os.truncate(path, 2**40)
        for words in ("models verify", "models export", "models trust latest", "evaluate"):
            refused = cli(*words.split())
            told = f"{name} cannot be read (Larger than {limit:,} bytes) in model version"
            assert (refused.code, told in refused.err) == (4, True), words
        path.write_bytes(good)


def test_only_a_file_of_the_version_is_held_in_memory(
    trained: Path, cli: Cli, iris: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = trained / "artifacts" / "iris" / iris.id / "model.joblib"
    path.write_bytes(path.read_bytes() + b"\0")
    inner = files.read_regular

    def watched(path: Path, *, limit: int) -> bytes:
        assert path.name != "model.joblib"
        return inner(path, limit=limit)

    monkeypatch.setattr(version, "read_regular", watched)
    for words in ("models verify", "models trust latest", "evaluate"):
        refused = cli(*words.split())
        assert (refused.code, "model.joblib in model version" in refused.err) == (4, True), words
