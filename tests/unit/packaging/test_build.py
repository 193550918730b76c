"""The zip is small, reproducible and proven."""

import importlib
import json
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from mlctl import settings
from mlctl.core import package, train
from mlctl.errors import ExitCode, MlctlError
from mlctl.packaging import archive, build, bundle, bytecode, proof
from mlctl.portable.ir.program import FORMAT
from mlctl.registry import answers
from mlctl.registry.answers import Answer, Example
from mlctl.registry.store import ModelVersion, Registry
from mlctl.settings import deploy
from tests.conftest import Cli

FILES = {"b/x.py": b"x = 1\n", "a.txt": b"hello", "b/__pycache__/x.pyc": bytes(range(256))}


def test_the_iris_package_is_at_most_100_kilobytes(iris_package: build.Package) -> None:
    assert len(iris_package.zip) <= 100_000
    assert (iris_package.engine, iris_package.parity) == ("portable", "exact")


def test_it_contains_the_handler_and_the_model_but_no_data(unpacked: Path) -> None:
    found = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert {"handler/app.py", "handler/ops/trees.py", "handler/generated.py", "model/model.safetensors"} <= found
    assert not any("golden" in name or "heldout" in name or "joblib" in name for name in found)
    tag = sys.implementation.cache_tag
    for source in [name for name in found if name.endswith(".py")]:
        folder, _, name = source.rpartition("/")
        pyc = (unpacked / f"{folder}/__pycache__/{name[:-3]}.{tag}.pyc").read_bytes()
        assert pyc[4:8] == b"\x01\x00\x00\x00", "hash-based, unchecked"


def test_a_zip_depends_on_content_alone() -> None:
    one, other = archive.write(FILES), archive.write(dict(reversed(FILES.items())))
    assert one == other
    entries = zipfile.ZipFile(BytesIO(one)).infolist()
    assert [entry.filename for entry in entries] == sorted(FILES)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


def test_the_identity_changes_with_any_path_or_byte() -> None:
    base = archive.identity(FILES)
    assert base == archive.identity(dict(reversed(FILES.items())))
    assert archive.identity({**FILES, "a.txt": b"hellp"}) != base
    assert archive.identity({("c.txt" if name == "a.txt" else name): data for name, data in FILES.items()}) != base


def test_two_processes_build_the_same_bytes(trained: Path, iris_package: build.Package) -> None:
    for seed in ("1", "2"):
        finished = subprocess.run(
            [sys.executable, "-m", "mlctl", "package", "--json"],
            capture_output=True,
            text=True,
            check=True,
            cwd=trained,
            env={"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        assert json.loads(finished.stdout)["sha256"] == iris_package.sha256


def test_no_bytecode_and_no_generated_code_for_a_python_that_is_not_installed(
    iris: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    other = next(python for python in deploy.LAMBDA_PYTHONS if python != deploy.default_python())
    made = build.build_package(iris, engine="portable", python=other)
    assert not made.has_bytecode
    names = zipfile.ZipFile(BytesIO(made.zip)).namelist()
    assert not any(name.endswith(".pyc") or "generated" in name for name in names)


def test_a_shim_for_another_python_gives_no_bytecode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: sys.executable)
    assert bytecode.compile_sources({"a/b.py": b"x = 1\n"}, "3.99") == {}
    broken = tmp_path / "python3.99"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(broken))
    assert bytecode.compile_sources({"a/b.py": b"x = 1\n"}, "3.99") == {}


def test_a_wrong_answer_violates_parity(iris: ModelVersion, iris_package: build.Package) -> None:
    examples = answers.from_document(iris.read_json("golden.json"))
    wrong = Example(examples[0].features, Answer(index=2, probabilities=(0.0, 0.0, 1.0)))
    labels = [0, 1, 2]
    assert proof.first_difference(iris_package.zip, examples, labels, "exact") is None
    found = proof.first_difference(iris_package.zip, [*examples, wrong], labels, "exact")
    assert found is not None
    assert found.row == len(examples)
    with pytest.raises(MlctlError, match="does not agree with scikit-learn") as error:
        build.prove(iris_package.zip, [wrong], labels, "exact")
    assert error.value.exit_code == ExitCode.VERIFICATION


def test_one_bit_is_a_difference_for_exact_parity_but_not_for_close() -> None:
    want = Answer(index=1, probabilities=(0.25, 0.75))
    body = {"prediction": "b", "probabilities": [0.25, 0.7500000000000001]}
    assert not answers.agrees(body, want, ["a", "b"], "exact")
    assert answers.agrees(body, want, ["a", "b"], "close")
    assert not answers.agrees({**body, "probabilities": [0.25, 0.750000001]}, want, ["a", "b"], "close")
    assert not answers.agrees({**body, "prediction": "a"}, want, ["a", "b"], "close")
    assert not answers.agrees({**body, "probabilities": [0.25]}, want, ["a", "b"], "close")
    assert not answers.agrees(None, want, ["a", "b"], "close")


def test_the_error_for_a_package_that_does_not_start_has_the_last_line_of_its_traceback(
    iris_package: build.Package,
) -> None:
    files = {entry: zipfile.ZipFile(BytesIO(iris_package.zip)).read(entry) for entry in ("handler/__init__.py",)}
    with pytest.raises(MlctlError, match="does not run in a clean Python: ModuleNotFoundError"):
        proof.answers_of(archive.write(files), [[1.0]])


def test_engines(trained: Path, cli: Cli, project: Path) -> None:
    refused = cli("package", "--engine", "sklearn")
    assert refused.code == 2
    assert "sklearn engine" in refused.err
    (project / "mlctl.toml").write_text('[model]\nestimator = "sklearn.svm.SVC"\n')
    made = train.run(project, settings.load(project))
    assert made.engine == "sklearn"
    assert "SVC (step 'model') is not supported" in made.engine_reason
    refused = cli("package")
    assert refused.code == 2
    assert "SVC (step 'model') is not supported" in refused.err
    assert "`mlctl models support` lists the classes that the portable engine supports" in refused.err
    assert [each["portable"] for each in cli("models", "--json").json] == [False, True]
    assert cli("package", "--engine", "nonsense").code == 2


def test_the_error_for_another_model_format_says_to_train_again(
    trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "FORMAT", FORMAT + 1)
    refused = cli("package", "--json")
    assert refused.code == 2
    assert refused.json["error"]["code"] == "model_format"
    assert "mlctl train" in refused.json["error"]["hint"]


def test_a_package_contains_only_the_handler_files_that_the_model_needs() -> None:
    everything = {path for path in bundle.handler_sources(()) if path.startswith("handler/")}
    assert "handler/app.py" in everything
    assert "handler/kinds.py" in everything
    assert {path for path in everything if path.startswith("handler/ops/")} == {"handler/ops/__init__.py"}
    forest = set(bundle.handler_sources({"forest"})) - everything
    assert forest == {"handler/ops/trees.py", "handler/ops/tree_traversal.py"}
    assert "handler/ops/encoding.py" in bundle.handler_sources({"one_hot", "forest"})


def test_every_operation_has_a_family_that_builds_it() -> None:
    ops = importlib.import_module("handler.ops")
    for operation, family in ops.FAMILY_OF_OPERATION.items():
        assert operation in importlib.import_module(f"handler.ops.{family}").BUILDERS
    families = {path.stem for path in (bundle.handler_folder() / "ops").glob("*.py")} - {"__init__"}
    built = [
        name
        for family in sorted(families)
        for name in getattr(importlib.import_module(f"handler.ops.{family}"), "BUILDERS", {})
    ]
    assert sorted(built) == sorted(ops.FAMILY_OF_OPERATION)


def test_package_writes_to_the_given_path(trained: Path, cli: Cli) -> None:
    made = cli("package", "--json", "-o", "out/model.zip").json
    data = (trained / "out" / "model.zip").read_bytes()
    assert made["zip_bytes"] == len(data)
    assert {"version", "path", "engine", "reason", "parity", "sha256", "zip_bytes", "unzipped_bytes"} <= made.keys()
    assert made["version"] == Registry(trained, "iris").get().id
    assert f"for Python {deploy.default_python()}, with bytecode" in " ".join(cli("package").out.split())
    shown = cli("package")
    assert "portable: the whole pipeline compiles; parity exact" in shown.out
    assert package.FOLDER.as_posix() in shown.out
