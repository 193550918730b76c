"""Generated code is made again from the portable model: what a version holds of it is never executed."""

import json
import struct
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlctl.packaging import archive, build
from mlctl.portable.codegen import bitvectors
from mlctl.portable.codegen.generator import generate, regenerate
from mlctl.portable.ir.program import PortableModel, Step
from mlctl.portable.ir.reader import MAX_DEPTH, MAX_STEPS, read
from mlctl.registry.store import ModelVersion
from tests.conftest import Cli
from tests.support.versions import forged, planted
from tests.unit.handler.test_engine_format import written

EVIL = b'open("canary", "w").close()\n'


def test_an_import_with_other_code_is_refused(project: Path, cli: Cli, small: ModelVersion) -> None:
    for code in (EVIL + small.read("generated.py"), small.read("generated.py") + b"\n", b"", b"\xff"):
        _, files = forged(small, {"generated.py": code})
        Path("file.zip").write_bytes(archive.write(files))
        refused = cli("models", "import", "file.zip", "--json")
        assert (refused.code, refused.json["error"]["code"]) == (3, "import_refused")
        assert "it was changed, or written by another release of mlctl" in refused.json["error"]["message"]
        assert not (project / "artifacts").exists()


def test_a_version_without_generated_code_is_imported_and_packaged_without(
    project: Path, cli: Cli, small: ModelVersion
) -> None:
    """Where the code did not keep parity, `train` leaves it out."""
    _, files = forged(small, {"generated.py": None})
    Path("file.zip").write_bytes(archive.write(files))
    assert cli("models", "import", "file.zip").code == 0
    packaged = cli("package", "--json").json
    assert "handler/generated.py" not in zipfile.ZipFile(packaged["path"]).namelist()


def test_an_import_of_a_broken_model_is_refused(project: Path, cli: Cli, small: ModelVersion) -> None:
    model = small.read("model.safetensors")
    unknown = model.replace(b'\\"op\\": \\"forest\\"', b'\\"op\\": \\"florst\\"')
    assert unknown != model
    for data, message in (
        (b"", "shorter than 8 bytes"),
        (model[:-1], "does not fit"),
        (unknown, "unknown operation 'florst'"),
    ):
        _, files = forged(small, {"model.safetensors": data})
        Path("file.zip").write_bytes(archive.write(files))
        refused = cli("models", "import", "file.zip")
        assert (refused.code, message in refused.err) == (3, True), refused.err


def test_a_package_never_holds_the_code_of_the_version(
    project: Path, cli: Cli, small: ModelVersion, tmp_path: Path
) -> None:
    """One that came with a clone: all digests agree."""
    folder = project / "artifacts" / "iris"
    folder.mkdir(parents=True)
    canary = tmp_path / "canary"
    evil = f"open({str(canary)!r}, 'w').close()\n".encode() + small.read("generated.py")
    version = planted(folder, small, {"generated.py": evil})
    made = cli("package", "--json")
    assert made.code == 0, made.err
    assert f"generated.py of model version {version[:12]} was written by another release of mlctl" in made.err
    content = zipfile.ZipFile(made.json["path"])
    assert content.read("handler/generated.py") == small.read("generated.py")
    (project / "mlctl.toml").write_text("[stage.prod]\nregion = 'eu-west-1'\n")
    message = cli("export", "--stage", "prod")
    assert (message.code, "was written by another release" in message.err) == (0, True)
    assert cli("models", "export", "-o", "file.zip").code == 0
    assert not canary.exists()


def test_a_package_of_a_broken_model_is_refused(project: Path, cli: Cli, small: ModelVersion) -> None:
    folder = project / "artifacts" / "iris"
    folder.mkdir(parents=True)
    for data in (b"", b"x" * 1000, small.read("model.safetensors")[:-8]):
        version = planted(folder, small, {"model.safetensors": data})
        refused = cli("package", version, "--json")
        assert (refused.code, refused.json["error"]["code"]) == (4, "version_unreadable"), refused.err


def test_what_is_read_back_is_what_was_written(small: ModelVersion) -> None:
    data = small.read("model.safetensors")
    model = read(data, "exact")
    assert model.to_bytes() == data
    assert model.parity == "exact"
    assert build.generated(data, "exact") == small.read("generated.py")


TREE: dict[str, Any] = {
    "values": np.array([[0.25, 0.75], [1.0, 0.0]]),
    "threshold": np.array([0.5, 0.0, 0.0], dtype="<f4"),
    "skip": np.array([1, 0, 1], dtype="<u4"),
    "roots": np.array([0], dtype="<u4"),
    "feature": np.array([0, -1, -1], dtype="<i2"),
}
PARAMS: dict[str, Any] = {"n_trees": 1, "n_features": 1, "n_classes": [2], "missing": None}


def forest(tensors: dict[str, Any] | None = None, op: str = "forest", **params: Any) -> PortableModel:
    kept = {name: tensor for name, tensor in {**TREE, **(tensors or {})}.items() if tensor is not None}
    step = Step(op=op, parity="exact", params={**PARAMS, **params}, tensors=kept)
    return PortableModel(n_features=1, steps=(step,))


def remade(model: PortableModel) -> str | None:
    return regenerate(read(model.to_bytes(), "exact"))


def test_a_whole_tree_is_written() -> None:
    assert remade(forest()) == generate(forest())
    assert "x0 <= 0.5" in str(remade(forest()))


MISSING = np.zeros(3, dtype="|u1")


@pytest.mark.parametrize(
    "model",
    [
        forest({"values": None}),
        forest({"values": np.array([1.0, 0.0])}),
        forest({"values": np.array([[np.nan, 0.0]] * 2)}),
        forest({"values": np.zeros((0, 2))}),
        forest({"values": np.zeros((2, 2), dtype="<f4")}, n_trees=2),
        forest({"threshold": np.array([np.nan, 0, 0], dtype="<f4")}),
        forest({"threshold": np.array([0.5, 0.0], dtype="<f4")}),
        forest({"skip": np.array([2, 0, 1], dtype="<u4")}),
        forest({"skip": np.array([0, 0, 1], dtype="<u4")}),
        forest({"skip": np.array([1, 0, 2], dtype="<u4")}),
        forest({"skip": np.array([2**32 - 1, 0, 1], dtype="<u4")}),
        forest({"roots": np.array([], dtype="<u4")}, n_trees=0),
        forest({"roots": np.array([1], dtype="<u4")}),
        forest({"roots": np.array([0, 0], dtype="<u4")}, n_trees=2),
        forest({"roots": np.array([0, 9], dtype="<u4")}, n_trees=2),
        forest({"feature": np.array([1, -1, -1], dtype="<i2")}),
        forest({"feature": np.array([0, -2, -1], dtype="<i2")}),
        forest({"feature": np.array([0, -1, 0], dtype="<i2")}),
        forest({"feature": np.array([[0, -1, -1]], dtype="<i2")}),
        forest({"missing": np.array([2, 0, 0], dtype="|u1")}),
        forest({"missing": np.array([0, 0], dtype="|u1")}),
        forest({"sets": np.zeros((1, 8), dtype="<u4")}),
        forest({"sets": np.zeros((1, 7), dtype="<u4"), "missing": MISSING}),
        forest({"sets": np.zeros((1, 8), dtype="<u4"), "missing": MISSING}, categories=2),
        forest({"sets": np.zeros((0, 8), dtype="<u4"), "missing": MISSING}, categories=1),
        forest(categories=1),
        forest(n_features="1"),
        forest(n_features=10**9),
        forest(n_features=True),
        forest(n_trees=2),
        forest(start=["__import__('os')", 0.0]),
        forest(start=[0.0]),
        forest(start=0.0),
        forest(op="boosting", start=None, link="logit"),
        forest(op="boosting", start=[0.0, 0.0], link=None),
        forest({"more": np.zeros(1)}),
    ],
)
def test_trees_that_are_not_whole_are_refused(model: PortableModel) -> None:
    with pytest.raises(ValueError, match=r"tree|node|leaf|leaves|branch|sets|start|tensors|boosting"):
        remade(model)


def test_a_node_that_two_branches_share_is_refused() -> None:
    """Written as code, such nodes would be written twice, and twice again on each level."""
    nodes = 60
    tensors = {
        "feature": np.array([0] * nodes + [-1, -1], dtype="<i2"),
        "threshold": np.zeros(nodes + 2, dtype="<f4"),
        "skip": np.array([1] * nodes + [0, 0], dtype="<u4"),
    }
    with pytest.raises(ValueError, match="leaf is not the end of its branch"):
        remade(forest(tensors))


def test_code_of_too_many_additions_is_not_written() -> None:
    """One row of values can stand behind many leaves."""
    leaves = 3000
    feature = [0, -1] * (leaves - 1) + [-1]
    tensors = {
        "feature": np.array(feature, dtype="<i2"),
        "threshold": np.zeros(len(feature), dtype="<f4"),
        "skip": np.array([1 if each == 0 else 0 for each in feature], dtype="<u4"),
        "values": np.ones((1, 400)),
    }
    assert remade(forest(tensors)) is None


def test_a_large_tree_is_soon_known_not_to_fit_in_bit_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    leaves = 1000
    feature = [0, -1] * (leaves - 1) + [-1]
    tensors = {
        "feature": np.array(feature, dtype="<i2"),
        "threshold": np.zeros(len(feature)),
        "skip": np.array([1 if each == 0 else 0 for each in feature], dtype="<u4"),
        "values": np.ones((1, 1)),
    }
    monkeypatch.setattr(bitvectors, "_read", lambda *_: pytest.fail("its tests were read"))
    assert bitvectors.generate(forest(tensors, op="boosting", start=[0.0], width=1, link="logit").steps[0]) is None


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ({"n_features": 1, "steps": []}, "no steps"),
        ({"n_features": "1", "steps": [{"op": "a"}]}, "n_features"),
        ([], "n_features"),
        ({"n_features": 1, "steps": {}}, "not a list"),
        ({"n_features": 1, "steps": [5]}, "not an object"),
        ({"n_features": 1, "steps": [{"op": 5}]}, "not an object"),
        ({"n_features": 1, "steps": [{"op": "a", "blocks": 5}]}, "blocks are not a list"),
        ({"n_features": 1, "steps": [{"op": "a", "blocks": [5]}]}, "positions"),
        ({"n_features": 1, "steps": [{"op": "a", "blocks": [{"columns": [-1], "steps": []}]}]}, "positions"),
        ({"n_features": 1, "steps": [{"op": "a"}] * (MAX_STEPS + 1)}, "steps"),
    ],
)
def test_programs_that_are_none_are_refused(program: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(written(program, {}), "exact")


def test_a_program_that_is_nested_too_deep_is_refused() -> None:
    step: dict[str, Any] = {"op": "present"}
    for _ in range(MAX_DEPTH):
        step = {"op": "columns", "blocks": [{"columns": [0], "steps": [step]}]}
    with pytest.raises(ValueError, match="nested"):
        read(written({"n_features": 1, "steps": [step]}, {}), "exact")


def file(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "shorter"),
        (struct.pack("<Q", 2**60) + b"{}", "longer than the file"),
        (file(b"[]"), "not an object"),
        (file(b"\xff"), "UTF-8"),
        (file(b"[" * 10_000), "levels"),
        (file(b'{"a": 1, "a": 2}'), "twice"),
        (file(b'{"__metadata__": {"a": 1}}'), "map of strings"),
        (file(b'{"__metadata__": []}'), "map of strings"),
        (file(b"{}"), "names no format"),
        (file(b'{"__metadata__": {"mlctl.format": "99"}}'), "format 99"),
        (file(b'{"__metadata__": {"mlctl.format": "3"}}'), "the program"),
        (file(b'{"t": 1}'), "header entry"),
        (file(b'{"t": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}', b"12"), "header entry"),
        (file(b'{"t": {"dtype": "U8", "shape": [1], "data_offsets": [0, 2]}}', b"12"), "does not fit"),
        (file(b'{"t": {"dtype": "U8", "shape": [-1], "data_offsets": [0, 1]}}', b"1"), "does not fit"),
        (file(b'{"t": {"dtype": "U8", "shape": [true], "data_offsets": [0, 1]}}', b"1"), "does not fit"),
        (file(b'{"t": {"dtype": "U8", "shape": [4294967296, 4294967296], "data_offsets": [0, 1]}}', b"1"), "larger"),
        (file(b'{"t": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}', b"12"), "gap"),
        (file(b'{"t": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}', b"12"), "bytes follow"),
    ],
)
def test_files_that_are_not_whole_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(data, "exact")


@given(
    place=st.floats(0, 1, exclude_max=True),
    inserted=st.binary(max_size=4),
    removed=st.integers(0, 4),
    head=st.booleans(),
)
def test_any_change_of_bytes_is_refused_or_gives_code_that_computes(
    place: float, inserted: bytes, removed: int, head: bool
) -> None:
    data = forest().to_bytes()
    at = int(place * (8 + int.from_bytes(data[:8], "little") if head else len(data)))
    data = data[:at] + inserted + data[at + removed :]
    try:
        source = regenerate(read(data, "exact"))
    except ValueError:
        return
    if source is not None:
        names: dict[str, Any] = {}
        exec(source, names)
        assert len(names["sums"]([1.0])) >= 1


def test_the_stored_code_is_not_even_parsed(project: Path, cli: Cli, small: ModelVersion) -> None:
    folder = project / "artifacts" / "iris"
    folder.mkdir(parents=True)
    planted(folder, small, {"generated.py": b"\xff not python ("})
    made = cli("package", "--json")
    assert made.code == 0, made.err
    content = zipfile.ZipFile(BytesIO(Path(made.json["path"]).read_bytes()))
    assert json.loads(content.read("model/package.json"))["generated"] is True
