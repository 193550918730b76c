"""Writes the Lambda zip of a model version to disk, for ``mlctl package``."""

from dataclasses import dataclass
from pathlib import Path

from mlctl.core.shared import request_size
from mlctl.files import check_output, write_atomic
from mlctl.packaging import build
from mlctl.packaging.build import Package
from mlctl.progress import Report, silent
from mlctl.registry import store
from mlctl.registry.store import LATEST, Registry
from mlctl.settings import Settings

FOLDER = Path(".mlctl") / "packages"


@dataclass(frozen=True)
class Packaged:
    """A package and its file."""

    package: Package
    path: Path


def run(
    project_folder: Path,
    settings: Settings,
    *,
    version: str = LATEST,
    output: Path | None = None,
    report: Report = silent,
) -> Packaged:
    """Build and prove the package of ``version``, and write it to ``output`` or to a file in ``.mlctl/packages``.

    Raises the errors of ``packaging.build.build_package``, and those of ``check_output`` for the path.
    """
    model = Registry(project_folder, settings.project, report).get(version)
    if output is not None:
        check_output(project_folder, output, store.FOLDER)
    package = build.build_package(model, engine=settings.deploy.engine, python=settings.deploy.python, report=report)
    request_size.warn(report, package.row_seconds, settings.deploy)
    name = f"{settings.project}-{model.id[:12]}-{package.engine}-py{package.python}.zip"
    path = output or project_folder / FOLDER / name
    check_output(project_folder, path, store.FOLDER)
    write_atomic(path, package.zip)
    return Packaged(package=package, path=path)
