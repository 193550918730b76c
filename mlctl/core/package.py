"""``mlctl package``: the Lambda zip of a version, on disk."""

from dataclasses import dataclass
from pathlib import Path

from mlctl.core import rows
from mlctl.files import check_output, write_atomic
from mlctl.model import registry
from mlctl.model.registry import LATEST, Registry
from mlctl.packaging import build
from mlctl.packaging.build import Package
from mlctl.progress import Report, silent
from mlctl.settings import Settings

FOLDER = Path(".mlctl") / "packages"


@dataclass(frozen=True)
class Packaged:
    """A package and the file it was written to."""

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
    """Build the package of ``version``, prove it, and write it to ``output`` or under ``.mlctl/packages``.

    Raises MlctlError as ``packaging.build.build`` does, and as ``check_output`` does of the path.
    """
    found = Registry(project_folder, settings.project, report).get(version)
    if output is not None:
        check_output(project_folder, output, registry.FOLDER)
    package = build.build(found, engine=settings.deploy.engine, python=settings.deploy.python, report=report)
    rows.warn(report, package.row_seconds, settings.deploy)
    name = f"{settings.project}-{found.id[:12]}-{package.engine}-py{package.python}.zip"
    path = output or project_folder / FOLDER / name
    check_output(project_folder, path, registry.FOLDER)
    write_atomic(path, package.zip)
    return Packaged(package=package, path=path)
