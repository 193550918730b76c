"""Compiles a fitted pipeline to the files of a portable model and proves them against scikit-learn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.pipeline import Pipeline

from mlctl.data.values import Label
from mlctl.packaging import archive, build, proof
from mlctl.portable.codegen.generator import generate
from mlctl.portable.compile import compile_pipeline
from mlctl.portable.ir.program import NotPortableError
from mlctl.registry.answers import Example, Parity


@dataclass(frozen=True)
class PortableFiles:
    """The result of a compilation: the ``portable`` entry of the manifest, and the model files by name.

    ``files`` is empty if the pipeline is not portable; the entry then contains the reason.
    """

    entry: dict[str, Any]
    files: dict[str, bytes]


def compile_and_prove(
    fitted: Pipeline,
    documents: Mapping[str, bytes],
    features: Sequence[Mapping[str, Any]],
    labels: Sequence[Label],
    examples: Sequence[Example],
    *,
    project: str,
    estimator: str,
    python: str,
) -> PortableFiles:
    """Compile a pipeline and compare its package with scikit-learn in a clean Python.

    ``documents`` contains ``schema.json`` and ``metrics.json``, ``features`` is the list of the schema, and
    ``examples`` are scikit-learn's answers to the held-out rows. If generated code differs from scikit-learn, the
    model falls back to its arrays. If these differ too, the pipeline is not portable.
    """
    try:
        model = compile_pipeline(fitted, features)
    except NotPortableError as reason:
        return _not_portable(str(reason))
    arrays = {build.PORTABLE_FILE: model.to_bytes()}
    source = generate(model)
    # Generated code only makes the arrays faster, so a model without it is as correct.
    candidates = [arrays] if source is None else [{**arrays, build.GENERATED_FILE: source.encode()}, arrays]
    identity = {"version": "0" * 64, "project": project, "estimator": estimator, "parity": model.parity}
    for files in candidates:
        package = _package(files, documents, identity, python)
        difference = proof.first_difference(package, examples, labels, model.parity)
        if difference is None:
            return _portable(model.parity, files)
    return _not_portable(f"no parity with scikit-learn: {difference}")


def _package(
    files: Mapping[str, bytes], documents: Mapping[str, bytes], identity: Mapping[str, str], python: str
) -> bytes:
    model_files = {name: documents[name] for name in ("schema.json", "metrics.json")}
    model_files[build.PORTABLE_FILE] = files[build.PORTABLE_FILE]
    return archive.write(
        build.layout(identity, model_files, generated=files.get(build.GENERATED_FILE), python=python),
    )


def _portable(parity: Parity, files: dict[str, bytes]) -> PortableFiles:
    return PortableFiles(entry={"compiled": True, "parity": parity}, files=files)


def _not_portable(reason: str) -> PortableFiles:
    return PortableFiles(entry={"compiled": False, "reason": reason}, files={})
