"""Assembles a package: chooses the engine, lays out the files, proves that the zip answers as it should."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mlctl.data.values import Label
from mlctl.errors import ExitCode, MlctlError
from mlctl.files import canonical_json, sha256
from mlctl.packaging import archive, bundle, bytecode, proof
from mlctl.portable.codegen.generator import regenerate
from mlctl.portable.ir.program import FORMAT, operations_of
from mlctl.portable.ir.reader import format_of
from mlctl.portable.ir.reader import read as read_model
from mlctl.progress import Event, Report, silent
from mlctl.registry import answers
from mlctl.registry.answers import Example, Parity
from mlctl.registry.store import ModelVersion

PACKAGE_FORMAT = 1
PORTABLE_FILE = "model.safetensors"
GENERATED_FILE = "generated.py"
Engine = Literal["portable", "sklearn"]


@dataclass(frozen=True)
class Package:
    """A zip ready for Lambda. ``digest`` is its identity, ``sha256`` that of the zip's own bytes."""

    version: str
    project: str
    engine: Engine
    reason: str
    parity: Parity
    python: str
    digest: str
    zip: bytes
    unzipped_bytes: int
    has_bytecode: bool
    # As measured here, so no part of what the package is.
    row_seconds: float | None = field(default=None, compare=False)

    @property
    def sha256(self) -> str:
        """SHA-256 of the zip, in hexadecimal."""
        return sha256(self.zip)


def choose_engine(portable: Mapping[str, Any], wanted: str) -> tuple[Engine, str]:
    """``(engine, reason)`` for a manifest's ``portable`` entry and the engine that the settings want."""
    if wanted == "sklearn":
        return "sklearn", "the settings ask for it"
    if portable["compiled"]:
        why = "the settings ask for it" if wanted == "portable" else "the whole pipeline compiles"
        return "portable", f"{why}; parity {portable['parity']}"
    return "sklearn", str(portable["reason"])


def generated(model: bytes, parity: Parity) -> bytes | None:
    """The code that this mlctl generates for the portable model in a file; None where it writes none.

    It is always made anew: that which a version holds may come from anywhere. Raises ValueError for a broken file.
    """
    opened = read_model(model, parity)
    unknown = operations_of(model) - bundle.operations()
    if unknown:
        raise ValueError(f"the operation {min(unknown)!r} is not known")
    source = regenerate(opened)
    return None if source is None else source.encode()


def build_package(version: ModelVersion, *, engine: str, python: str, report: Report = silent) -> Package:
    """The package of a version, checked in a clean Python on its golden examples and held-out rows.

    Neither the version's pickle is opened for it nor the generated code in the version used. Raises MlctlError: exit 2
    when the engine asked for cannot run this version, exit 4 when the version is not whole, or the package's answers
    differ from scikit-learn's.
    """
    manifest = version.manifest
    chosen, reason = choose_engine(manifest.portable, engine)
    if chosen == "sklearn":
        raise _no_sklearn_engine(version, reason, asked=engine == "sklearn")
    schema = version.read_json("schema.json")
    model = version.read(PORTABLE_FILE)
    code = _generated(version, model, report)
    files = layout(
        {
            "version": version.id,
            "project": manifest.project,
            "estimator": manifest.estimator,
            "parity": manifest.portable["parity"],
        },
        {**{name: version.read(name) for name in ("schema.json", "metrics.json")}, PORTABLE_FILE: model},
        generated=code,
        python=python,
    )
    zipped = archive.write(files)
    checks = [
        example
        for name in ("golden.json", "heldout.json")
        for example in answers.from_document(version.read_json(name))
    ]
    row_seconds = prove(zipped, checks, schema["target"].get("labels", []), manifest.portable["parity"])
    return Package(
        version=version.id,
        project=manifest.project,
        engine=chosen,
        reason=reason,
        parity=manifest.portable["parity"],
        python=python,
        digest=archive.identity(files),
        zip=zipped,
        unzipped_bytes=sum(map(len, files.values())),
        has_bytecode=any(path.endswith(".pyc") for path in files),
        row_seconds=row_seconds,
    )


def _generated(version: ModelVersion, model: bytes, report: Report) -> bytes | None:
    """The generated code for a version that has some; one without did not keep parity with it when it was made."""
    manifest = version.manifest
    try:
        if format_of(model) != FORMAT:
            raise _other_format(version)
        made = generated(model, manifest.portable["parity"])
    except ValueError as error:
        raise _broken_model(version, str(error)) from None
    if GENERATED_FILE not in manifest.files:
        return None
    if version.read(GENERATED_FILE) != made:
        report(
            Event(
                "warning",
                "package",
                f"{GENERATED_FILE} of model version {version.id[:12]} was written by another release of mlctl, or by "
                "another program. It is not used: the package contains what this release generates from the model.",
            )
        )
    return made


def layout(
    identity: Mapping[str, str], model_files: Mapping[str, bytes], *, generated: bytes | None, python: str
) -> dict[str, bytes]:
    """The package's files by path: what the model needs of the handler, its bytecode, and the model under ``model/``.

    ``generated`` is shipped only with bytecode: compiling it at a cold start costs more than it saves.
    """
    sources = bundle.handler_sources(operations_of(model_files[PORTABLE_FILE]))
    extra = {} if generated is None else {f"handler/{GENERATED_FILE}": generated}
    pyc = bytecode.compiled({**sources, **extra}, python, without_lines=f"handler/{GENERATED_FILE}")
    if not pyc:
        extra = {}
    package = {"format": PACKAGE_FORMAT, "engine": "portable", "generated": bool(extra), **identity}
    return {
        **sources,
        **extra,
        **pyc,
        **{f"model/{name}": data for name, data in model_files.items()},
        "model/package.json": canonical_json(package),
    }


def prove(zipped: bytes, examples: Sequence[Example], labels: Sequence[Label], expected: Parity) -> float | None:
    """The seconds that a row takes here. Raises MlctlError (exit 4) when the zip's answers are not scikit-learn's."""
    proven = proof.ask(zipped, [example.features for example in examples])
    difference = proof.difference_of(proven.answers, examples, labels, expected)
    if difference is not None:
        raise MlctlError(
            f"The portable engine does not agree with scikit-learn: {difference}.",
            code="parity_failed",
            exit_code=ExitCode.VERIFICATION,
            hint="Nothing was packaged. This is a defect of mlctl; please report it with the settings used.",
        )
    return proven.row_seconds


def _other_format(version: ModelVersion) -> MlctlError:
    return MlctlError(
        f"Model version {version.id[:12]} was compiled by another release of mlctl, in a format that this one does not "
        "package.",
        code="model_format",
        exit_code=ExitCode.USAGE,
        hint="Run `mlctl train` (or `mlctl import`) again: the same data and settings give the same model.",
    )


def _broken_model(version: ModelVersion, why: str) -> MlctlError:
    return MlctlError(
        f"{PORTABLE_FILE} of model version {version.id[:12]} is broken: {why}.",
        code="version_unreadable",
        exit_code=ExitCode.VERIFICATION,
        hint="Another release of mlctl or another program wrote it. Train again.",
    )


def _no_sklearn_engine(version: ModelVersion, reason: str, *, asked: bool) -> MlctlError:
    what = (
        "The sklearn engine (scikit-learn inside the zip) is not part of this release of mlctl."
        if asked
        else f"Model version {version.id[:12]} does not compile to the portable engine: {reason}. "
        "The sklearn engine, which could run it, is not part of this release of mlctl."
    )
    return MlctlError(
        what,
        code="engine_unavailable",
        exit_code=ExitCode.USAGE,
        hint="`mlctl models support` lists what the portable engine runs.",
    )
