"""``mlctl package``: the Lambda zip of a version, on disk."""

from dataclasses import dataclass
from pathlib import Path

from mlctl.core import rows
from mlctl.files import refuse_links_out, write_atomic
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

    Raises MlctlError as ``packaging.build.build`` does, and exit 3 where a symbolic link leads out of the project.
    """
    found = Registry(project_folder, settings.project, report).get(version)
    package = build.build(found, engine=settings.deploy.engine, python=settings.deploy.python, report=report)
    rows.warn(report, package.row_seconds, settings.deploy)
    name = f"{settings.project}-{found.id[:12]}-{package.engine}-py{package.python}.zip"
    path = output or project_folder / FOLDER / name
    refuse_links_out(project_folder, path)
    write_atomic(path, package.zip)
    return Packaged(package=package, path=path)
