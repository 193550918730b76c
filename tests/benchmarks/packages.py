"""Packages to measure: trained, built and unzipped, with the same model for other engines beside the handler."""

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from mlctl import settings
from mlctl.core import train
from mlctl.data import builtin
from mlctl.packaging import build
from mlctl.registry.store import Registry
from mlctl.settings import deploy

HERE = Path(__file__).parent
# One thread for NumPy, onnxruntime and scikit-learn.
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
SCALED = ("sklearn.preprocessing.StandardScaler",)


@dataclass(frozen=True, eq=False)
class Subject:
    """A model to measure: its name, the built-in data, and the settings of ``[model]``."""

    name: str
    source: str
    model: dict[str, Any]


IRIS = Subject(
    "Iris, forest of 100 trees",
    "iris",
    {"estimator": "sklearn.ensemble.RandomForestClassifier", "params": {"n_estimators": 100}, "preprocess": ()},
)
DIGITS = Subject(
    "digits, forest of 300 trees",
    "digits",
    {"estimator": "sklearn.ensemble.RandomForestClassifier", "params": {"n_estimators": 300}, "preprocess": ()},
)
SUBJECTS = (
    IRIS,
    DIGITS,
    Subject(
        "breast cancer, gradient boosting of 500 trees",
        "breast_cancer",
        {
            "estimator": "sklearn.ensemble.GradientBoostingClassifier",
            "params": {"n_estimators": 500},
            "preprocess": (),
        },
    ),
    Subject(
        "breast cancer, logistic regression on 30 scaled features",
        "breast_cancer",
        {"estimator": "sklearn.linear_model.LogisticRegression", "params": {"max_iter": 1000}, "preprocess": SCALED},
    ),
)


@dataclass(frozen=True)
class Unpacked:
    """Folder of a package, and the rows of its data as requests contain them."""

    subject: Subject
    folder: Path
    rows: list[list[Any]]


def unpack(folder: Path, subject: Subject) -> Unpacked:
    """Train ``subject`` and unzip its package below ``folder``, with model.joblib and engines.py beside the handler.

    Raises MlctlError if the model does not compile.
    """
    project = folder / subject.name.replace(" ", "-").replace(",", "")
    project.mkdir()
    flags = {"data": {"source": subject.source}, "model": {**subject.model, "cv": 2}}
    train.run(project, settings.load(project, flags=flags))
    version = Registry(project, "iris").get()
    package = build.build_package(version, engine="portable", python=deploy.default_python())
    code = project / "code"
    zipfile.ZipFile(io.BytesIO(package.zip)).extractall(code)
    (code / "model.joblib").write_bytes(version.read("model.joblib"))
    shutil.copy(HERE / "engines.py", code)
    return Unpacked(subject, code, [list(row) for row in builtin.load(subject.source).requests()])


def missing_extras() -> str | None:
    """How to install the libraries that only the benchmarks use, or None if they are installed."""
    if all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime", "skl2onnx")):
        return None
    return "onnxruntime, skl2onnx and onnx are not installed: pip install -e '.[dev,bench]'"


def convert(unpacked: Unpacked) -> None:
    """Write model.onnx beside model.joblib, with float32 input and a tensor of probabilities."""
    from skl2onnx import to_onnx

    pipeline = joblib.load(unpacked.folder / "model.joblib")
    sample = np.array(unpacked.rows[:1], dtype=np.float32)
    model = to_onnx(pipeline, sample, options={id(pipeline): {"zipmap": False}})
    (unpacked.folder / "model.onnx").write_bytes(model.SerializeToString())


def serve(unpacked: Unpacked, engine: str, bodies: Path, rounds: int, *options: str) -> dict[str, Any]:
    """Run serve.py in a fresh process and return what it prints."""
    command = [sys.executable, "-P", str(HERE / "serve.py"), engine, str(bodies), str(rounds), *options]
    finished = subprocess.run(
        command, cwd=unpacked.folder, env=ONE_THREAD, stdout=subprocess.PIPE, text=True, check=True
    )
    printed: dict[str, Any] = json.loads(finished.stdout)
    return printed
