"""A compiled model and its generated code give the same bits on every installed Python."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from mlctl.packaging import bundle
from mlctl.portable.codegen.generator import generate
from tests.parity.harness import Case, compiled, plain_rows
from tests.parity.rows import probes, schema_of

MINORS = ("3.11", "3.12", "3.13", "3.14")
ROWS = 40

# Runs in another Python without site-packages. It predicts the rows of every model; a refusal is an answer too.
SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from handler.ops import Program, UnprocessableRow
from handler.safetensors import read
answers = {}
inputs, generated = json.load(sys.stdin)
for name, rows in inputs.items():
    metadata, tensors = read(sys.argv[2] + "/" + name)
    program = json.loads(metadata["mlctl.program"])
    built, _ = Program(tensors, False).build(program["steps"], list(range(program["n_features"])))
    answers[name] = []
    for row in rows:
        try:
            for _, function in built:
                row = function(row)
        except UnprocessableRow:
            row = "refused"
        answers[name].append(row)
for name, (source, rows) in generated.items():
    namespace = {}
    exec(source, namespace)
    answers[name + ", generated"] = [namespace["sums"](row) for row in rows]
print("%d.%d" % sys.version_info[:2])
print(json.dumps(answers))
"""


def interpreter(minor: str) -> str | None:
    """A Python of this minor version on PATH or in pyenv, or None."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    pyenv = [str(path) for path in sorted(root.glob(f"versions/{minor}.*/bin/python{minor}"))]
    for candidate in (*pyenv, shutil.which(f"python{minor}")):
        if candidate and _version_of(candidate) == minor:
            return candidate
    return None


def _version_of(python: str) -> str:
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", script], capture_output=True, text=True, check=False).stdout.strip()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a model file for each class that compiles, and the rows to predict as JSON."""
    folder = tmp_path_factory.mktemp("models")
    inputs, generated = {}, {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        cases: dict[type, list[Case]] = getattr(importlib.import_module(f"tests.parity.{path.stem}"), "CASES", {})
        for estimator, (case, *_) in cases.items():
            x, y = case.data
            rows = probes(x, ROWS, missing=case.missing)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = compiled(clone(case.part).fit(x, y), schema_of(rows, missing=case.missing))
            (folder / estimator.__name__).write_bytes(model.to_bytes())
            inputs[estimator.__name__] = plain_rows(rows)
            source = generate(model) if model.steps else None
            if source is not None and len(model.steps) == 1 and isinstance(rows, np.ndarray):
                generated[estimator.__name__] = (source, np.nan_to_num(rows.astype(np.float32)).astype(float).tolist())
    return folder, json.dumps([inputs, generated])


def answers(python: str, models: tuple[Path, str]) -> tuple[str, dict[str, Any]]:
    """The minor version of a Python, and its answers to all rows."""
    folder, inputs = models
    source = str(bundle.handler_folder().parent)
    command = [python, "-I", "-S", "-c", SCRIPT, source, str(folder)]
    finished = subprocess.run(command, input=inputs, capture_output=True, text=True, check=True)
    version, text = finished.stdout.splitlines()
    return version, json.loads(text)


@pytest.mark.parametrize("minor", MINORS)
def test_the_answers_are_the_same_bits(minor: str, models: tuple[Path, str]) -> None:
    python = interpreter(minor)
    if python is None:
        pytest.skip(f"Python {minor} is not installed")
    version, other = answers(python, models)
    assert version == minor
    _, running = answers(sys.executable, models)
    assert len(running) >= 55
    assert "GradientBoostingClassifier, generated" in running
    # Compared as text, because NaN is not equal to itself.
    assert {name for name in running if json.dumps(other[name]) != json.dumps(running[name])} == set()
