"""The package of a deploy: built on this machine, or downloaded from another stage."""

import base64
import hashlib
import json
import zipfile
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from mlctl.aws.live import package_download
from mlctl.aws.stack.desired import UNZIPPED_BYTES, Code
from mlctl.errors import ExitCode, MlctlError
from mlctl.packaging import build
from mlctl.progress import Report, silent
from mlctl.registry.answers import Parity
from mlctl.registry.store import ModelVersion
from mlctl.settings import Settings
from mlctl.stages import Stage


@dataclass(frozen=True)
class ReleasePackage:
    """A zip for Lambda, its description, and its parity with scikit-learn.

    ``row_seconds``: seconds for one row with one CPU, if the package was built on this machine.
    """

    code: Code
    zip: bytes
    parity: Parity
    row_seconds: float | None = None


def build_package(version: ModelVersion, settings: Settings, report: Report = silent) -> ReleasePackage:
    """Build and prove the package of a version. Raises the errors of ``packaging.build.build_package``."""
    built = build.build_package(version, engine=settings.deploy.engine, python=settings.deploy.python, report=report)
    package = _release_package(built.zip, built.python, built.version, built.digest, built.parity)
    return replace(package, row_seconds=built.row_seconds)


def download_live_package(stage: Stage) -> ReleasePackage:
    """Download the package that is live on a stage.

    Raises MlctlError: exit 6 if nothing is live there; exit 5 if the package does not match its description.
    """
    download = package_download.live_package(stage.aws, stage.names)
    if download is None:
        raise stage.not_deployed()
    release, zipped = download
    text = release.text
    document = _package_document(zipped)
    if text is None or document.get("version") != text.model:
        raise MlctlError(
            f"mlctl did not make the live release on stage '{stage.name}'.",
            code="not_ours",
            exit_code=ExitCode.AWS,
            hint="Deploy a model version there first: you can only promote releases of mlctl.",
        )
    python = release.config.runtime.removeprefix("python")
    return _release_package(zipped, python, text.model, text.package, document["parity"])


def check_size(package: ReleasePackage) -> None:
    """Raise MlctlError (exit 3) for a package that is too large for Lambda."""
    unzipped = sum(entry.file_size for entry in zipfile.ZipFile(BytesIO(package.zip)).infolist())
    if unzipped > UNZIPPED_BYTES:
        raise MlctlError(
            f"The package is {unzipped / 1e6:.0f} MB unzipped; the limit of Lambda is {UNZIPPED_BYTES / 1e6:.0f} MB.",
            code="package_too_large",
            exit_code=ExitCode.BAD_INPUT,
            hint="Train a smaller model: fewer trees (-p n_estimators=…) or shallower ones (-p max_depth=…).",
        )


def _release_package(zipped: bytes, python: str, model: str, digest: str, parity: Parity) -> ReleasePackage:
    sha256 = base64.b64encode(hashlib.sha256(zipped).digest()).decode()
    code = Code(python=python, model=model, package=digest, sha256=sha256, size=len(zipped))
    return ReleasePackage(code, zipped, parity)


def _package_document(zipped: bytes) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(BytesIO(zipped)) as file:
            document: dict[str, Any] = json.loads(file.read("model/package.json"))
    except (zipfile.BadZipFile, KeyError, ValueError):
        return {}
    return document
