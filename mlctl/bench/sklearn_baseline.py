"""The side that a portable package is measured against: the same handler around ``model.joblib`` and scikit-learn.

It is for measuring here alone; nothing deploys it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlctl.bench.runner import Candidate
from mlctl.disk import errors_named
from mlctl.files import canonical_json
from mlctl.packaging import build, bundle, bytecode
from mlctl.registry import trust
from mlctl.registry.answers import Answer, Example
from mlctl.registry.store import ModelVersion
from mlctl.training.pipeline import Takes

NAME = "scikit-learn"


def files(version: ModelVersion, python: str) -> dict[str, bytes]:
    """The files by path, but for the libraries: the handler, its bytecode, the fitted pipeline.

    The pipeline must have been found to be what the version was made with: see ``ModelVersion.load_pipeline``.
    """
    sources = bundle.handler_sources(())
    package = {
        "format": build.PACKAGE_FORMAT,
        "engine": "sklearn",
        "generated": False,
        "version": version.id,
        "project": version.manifest.project,
        "estimator": version.manifest.estimator,
        "parity": "exact",
    }
    return {
        **sources,
        **bytecode.compile_sources(sources, python),
        **{f"model/{name}": version.read(name) for name in ("schema.json", "metrics.json", "model.joblib")},
        "model/package.json": canonical_json(package),
    }


def modules(pipeline: Any, takes: Takes) -> set[str]:
    """The top-level modules that a fitted pipeline consists of."""
    parts = [pipeline, *pipeline.get_params().values()]
    found = {getattr(each if callable(each) else type(each), "__module__", None) or "" for each in parts}
    return {each.partition(".")[0] for each in found} | ({"pandas"} if takes == "frame" else set())


def candidate(
    version: ModelVersion,
    content: dict[str, bytes],
    folder: Path,
    examples: Sequence[Example],
    project_folder: Path,
    without: Sequence[str],
) -> Candidate:
    """That side, its files written to ``folder``."""
    for name, data in content.items():
        path = folder / name
        with errors_named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    schema = version.read_json("schema.json")
    pipeline: dict[str, Any] = {
        "takes": version.manifest.data["takes"],
        "names": [feature["name"] for feature in schema["features"]],
        "texts": [feature["kind"] == "category" for feature in schema["features"]],
        "regression": schema["task"] == "regression",
        "several": "outputs" in schema["target"],
        "one_call": all(is_largest(each.answer) for each in examples),
        "project": str(project_folder),
        "modules": dict(trust.recorded_modules(version.id)),
    }
    rows = [each.features for each in examples]
    return Candidate(NAME, folder, rows, pipeline, tuple(without))


def is_largest(answer: Answer) -> bool:
    """Whether the class follows from the numbers, as for nearly all classifiers: then one call a request is enough."""
    numbers = answer.probabilities or answer.scores or ()
    if answer.probabilities is None and len(numbers) == 1:
        return answer.index == int(numbers[0] > 0)
    return bool(numbers) and answer.index == numbers.index(max(numbers))
