"""The baseline of a benchmark: the same handler with ``model.joblib`` and scikit-learn. It is never deployed."""

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
    """The files by path, without libraries: the handler, its bytecode and the fitted pipeline.

    Verify the pipeline first: see ``ModelVersion.load_pipeline``.
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
    """The top-level modules of the objects in a fitted pipeline."""
    parts = [pipeline, *pipeline.get_params().values()]
    names = {getattr(part if callable(part) else type(part), "__module__", None) or "" for part in parts}
    return {name.partition(".")[0] for name in names} | ({"pandas"} if takes == "frame" else set())


def candidate(
    version: ModelVersion,
    content: dict[str, bytes],
    folder: Path,
    examples: Sequence[Example],
    project_folder: Path,
    without: Sequence[str],
) -> Candidate:
    """Write the files to ``folder``, and return the candidate."""
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
        "one_call": all(is_largest(example.answer) for example in examples),
        "project": str(project_folder),
        "modules": dict(trust.recorded_modules(version.id)),
    }
    rows = [example.features for example in examples]
    return Candidate(NAME, folder, rows, pipeline, tuple(without))


def is_largest(answer: Answer) -> bool:
    """Whether the class has the largest number, as for nearly all classifiers: then one call per request is enough."""
    numbers = answer.probabilities or answer.scores or ()
    if answer.probabilities is None and len(numbers) == 1:
        return answer.index == int(numbers[0] > 0)
    return bool(numbers) and answer.index == numbers.index(max(numbers))
