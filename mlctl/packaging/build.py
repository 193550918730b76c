"""Builds a package: chooses the engine, lays out the files and proves the answers of the zip."""

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
    """A zip ready for Lambda. ``digest`` is the identity of its content, ``sha256`` the digest of the zip itself."""

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
    # A measurement on this machine, so not part of the package's identity.
    row_seconds: float | None = field(default=None, compare=False)

    @property
    def sha256(self) -> str:
        """SHA-256 of the zip, in hexadecimal."""
        return sha256(self.zip)


def choose_engine(portable: Mapping[str, Any], requested: str) -> tuple[Engine, str]:
    """``(engine, reason)`` for a manifest's ``portable`` entry and the engine in the settings."""
    if requested == "sklearn":
        return "sklearn", "requested by the settings"
    if portable["compiled"]:
        reason = "requested by the settings" if requested == "portable" else "the whole pipeline compiles"
        return "portable", f"{reason}; parity {portable['parity']}"
    return "sklearn", str(portable["reason"])


def generated(model: bytes, parity: Parity) -> bytes | None:
    """The code that this release generates for a model file; None if it generates none.

    The code in a version may come from elsewhere, so mlctl never uses it. Raises ValueError for a broken file.
    """
    portable_model = read_model(model, parity)
    unknown = operations_of(model) - bundle.operations()
    if unknown:
        raise ValueError(f"unknown operation {min(unknown)!r}")
    source = regenerate(portable_model)
    return None if source is None else source.encode()


def build_package(version: ModelVersion, *, engine: str, python: str, report: Report = silent) -> Package:
    """Build the package of a version, and check it in a clean Python on the golden examples and held-out rows.

    This neither opens the version's pickle nor uses the generated code in the version. Raises MlctlError: exit 2 if the
    requested engine cannot run this version, exit 4 if the version is damaged or the package's answers differ from
    scikit-learn's.
    """
    manifest = version.manifest
    chosen, reason = choose_engine(manifest.portable, engine)
    if chosen == "sklearn":
        raise _no_sklearn_engine(version, reason, requested=engine == "sklearn")
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
    """Generate code for a version that has some. In a version without, generated code did not keep parity."""
    manifest = version.manifest
    try:
        if format_of(model) != FORMAT:
            raise _other_format(version)
        code = generated(model, manifest.portable["parity"])
    except ValueError as error:
        raise _broken_model(version, str(error)) from None
    if GENERATED_FILE not in manifest.files:
        return None
    if version.read(GENERATED_FILE) != code:
        report(
            Event(
                "warning",
                "package",
                f"{GENERATED_FILE} of model version {version.id[:12]} was written by another release of mlctl, or by "
                "another program. mlctl does not use it: the package contains the code that this release generates.",
            )
        )
    return code


def layout(
    identity: Mapping[str, str], model_files: Mapping[str, bytes], *, generated: bytes | None, python: str
) -> dict[str, bytes]:
    """The package's files by path: the handler modules for the model, their bytecode, and the model in ``model/``.

    ``generated`` is included only with bytecode: compiling it at a cold start costs more than it saves.
    """
    sources = bundle.handler_sources(operations_of(model_files[PORTABLE_FILE]))
    extra = {} if generated is None else {f"handler/{GENERATED_FILE}": generated}
    pyc = bytecode.compile_sources({**sources, **extra}, python, without_lines=f"handler/{GENERATED_FILE}")
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
    """Prove a zip, and return the seconds for each row. Raises MlctlError (exit 4) if its answers differ."""
    run = proof.run_package(zipped, [example.features for example in examples])
    difference = proof.difference_of(run.answers, examples, labels, expected)
    if difference is not None:
        raise MlctlError(
            f"The portable engine does not agree with scikit-learn: {difference}.",
            code="parity_failed",
            exit_code=ExitCode.VERIFICATION,
            hint="No package was built. This is a defect of mlctl. Please report it with your settings.",
        )
    return run.row_seconds


def _other_format(version: ModelVersion) -> MlctlError:
    return MlctlError(
        f"Model version {version.id[:12]} was compiled by another release of mlctl, in a format that this release does "
        "not support.",
        code="model_format",
        exit_code=ExitCode.USAGE,
        hint="Run `mlctl train` (or `mlctl import`) again: the same data and settings give the same model.",
    )


def _broken_model(version: ModelVersion, reason: str) -> MlctlError:
    return MlctlError(
        f"{PORTABLE_FILE} of model version {version.id[:12]} is broken: {reason}.",
        code="version_unreadable",
        exit_code=ExitCode.VERIFICATION,
        hint="Another release of mlctl or another program wrote it. Train again.",
    )


def _no_sklearn_engine(version: ModelVersion, reason: str, *, requested: bool) -> MlctlError:
    message = (
        "The sklearn engine (scikit-learn inside the zip) is not part of this release of mlctl."
        if requested
        else f"Model version {version.id[:12]} does not compile to the portable engine: {reason}. "
        "The sklearn engine, which runs any pipeline, is not part of this release of mlctl."
    )
    return MlctlError(
        message,
        code="engine_unavailable",
        exit_code=ExitCode.USAGE,
        hint="`mlctl models support` lists the classes that the portable engine supports.",
    )
