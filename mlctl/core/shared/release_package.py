"""What a deploy ships: a package built here, or the very bytes that another stage serves. Shared by verbs."""

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
class Shipment:
    """A zip for Lambda, what it is, and how exactly its answers must agree with scikit-learn's.

    ``row_seconds``: what a row takes here with one CPU, where the package was built here.
    """

    code: Code
    zip: bytes
    parity: Parity
    row_seconds: float | None = None


def built(version: ModelVersion, settings: Settings, report: Report = silent) -> Shipment:
    """The package of a version, built and proven here. Raises as ``packaging.build.build`` does."""
    package = build.build_package(version, engine=settings.deploy.engine, python=settings.deploy.python, report=report)
    shipment = _shipment(package.zip, package.python, package.version, package.digest, package.parity)
    return replace(shipment, row_seconds=package.row_seconds)


def live_on(stage: Stage) -> Shipment:
    """The package that is live on a stage, as AWS keeps it.

    Raises MlctlError: exit 6 when nothing is live there, exit 5 when what AWS gives is not what it says it is.
    """
    found = package_download.live_package(stage.aws, stage.names)
    if found is None:
        raise stage.not_deployed()
    release, zipped = found
    text = release.text
    shipped = _package_document(zipped)
    if text is None or shipped.get("version") != text.model:
        raise MlctlError(
            f"What is live on stage '{stage.name}' was not made by mlctl.",
            code="not_ours",
            exit_code=ExitCode.AWS,
            hint="Deploy a model version there first; only releases of mlctl can be promoted.",
        )
    python = release.config.runtime.removeprefix("python")
    return _shipment(zipped, python, text.model, text.package, shipped["parity"])


def check_size(shipment: Shipment) -> None:
    """Raise MlctlError (exit 3) for a package that Lambda would refuse, before anything is uploaded."""
    unzipped = sum(entry.file_size for entry in zipfile.ZipFile(BytesIO(shipment.zip)).infolist())
    if unzipped > UNZIPPED_BYTES:
        raise MlctlError(
            f"The package is {unzipped / 1e6:.0f} MB unzipped; Lambda takes {UNZIPPED_BYTES / 1e6:.0f} MB.",
            code="package_too_large",
            exit_code=ExitCode.BAD_INPUT,
            hint="Train a smaller model: fewer trees (-p n_estimators=…) or shallower ones (-p max_depth=…).",
        )


def _shipment(zipped: bytes, python: str, model: str, package: str, parity: Parity) -> Shipment:
    sha256 = base64.b64encode(hashlib.sha256(zipped).digest()).decode()
    return Shipment(Code(python=python, model=model, package=package, sha256=sha256, size=len(zipped)), zipped, parity)


def _package_document(zipped: bytes) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(BytesIO(zipped)) as file:
            document: dict[str, Any] = json.loads(file.read("model/package.json"))
    except (zipfile.BadZipFile, KeyError, ValueError):
        return {}
    return document
