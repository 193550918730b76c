"""Writes the resources of a stage as an AWS SAM template, for ``mlctl export``. Makes no call to AWS."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlctl.aws.stack import template as templates
from mlctl.aws.stack.desired import desired
from mlctl.aws.stack.names import Names
from mlctl.core.shared import release_package
from mlctl.disk import errors_named
from mlctl.errors import ExitCode, MlctlError
from mlctl.files import check_output, write_atomic
from mlctl.progress import Event, Report, silent
from mlctl.registry import gates, store
from mlctl.registry.store import LATEST, Registry
from mlctl.settings import Settings
from mlctl.stages import LOCAL, check_name

FOLDER = Path(".mlctl") / "export"
TEMPLATE_FILE = "template.yaml"
PACKAGE_FILE = "package.zip"

# The properties that hold a resource's own name on AWS.
_NAMED = ("RoleName", "LogGroupName", "FunctionName", "Name", "RouteKey", "StageName", "DomainName", "AlarmName")


@dataclass(frozen=True)
class Resource:
    """A resource of a template: its type, and its name on AWS, or in the template if AWS chooses the name."""

    type: str
    name: str


@dataclass(frozen=True)
class Exported:
    """A template (``path``), its package, and a command that deploys them."""

    stage: str
    version: str
    path: Path
    package: Path
    resources: tuple[Resource, ...]
    command: str


def run(
    project_folder: Path,
    settings: Settings,
    stage_name: str,
    *,
    version: str = LATEST,
    output: Path | None = None,
    report: Report = silent,
) -> Exported:
    """Write an AWS SAM template of the resources of `mlctl deploy`, and the package of ``version``, to a folder.

    The folder is ``output``, or ``.mlctl/export/<stage>``; files of an earlier export are replaced. Raises MlctlError:
    exit 2 for stage `local`; exit 4 if the version misses a gate; exit 6 if there is no such version; and the errors of
    building the package.
    """
    if stage_name == LOCAL:
        raise _not_local(settings)
    check_name(settings.project, stage_name)
    model = Registry(project_folder, settings.project, report).get(version)
    folder = output or project_folder / FOLDER / stage_name
    path, package_path = folder / TEMPLATE_FILE, folder / PACKAGE_FILE
    for file in (path, package_path):
        check_output(project_folder, file, store.FOLDER)
    missed = gates.missed(model.id, gates.check(model.read_json("metrics.json"), settings.gates))
    if missed:
        raise missed
    report(Event("start", "package", f"Packaging model version {model.id[:12]}"))
    package = release_package.build_package(model, settings, report)
    release_package.check_size(package)
    report(Event("finish", "package", f"{len(package.zip) / 1000:.0f} kB, answers as scikit-learn does"))
    names = Names(settings.project, stage_name)
    document = templates.template(desired(names, templates.ANYWHERE, settings.deploy, package.code), PACKAGE_FILE)
    comment = _comment(names, settings, model.id)
    # An old template belongs to another package. Delete it first, so that it is not left if a write fails.
    with errors_named(path):
        path.unlink(missing_ok=True)
    write_atomic(package_path, package.zip)
    write_atomic(path, templates.to_yaml(document, comment).encode())
    return Exported(
        stage=stage_name,
        version=model.id,
        path=path,
        package=package_path,
        resources=tuple(
            Resource(resource["Type"], _name(key, resource)) for key, resource in document["Resources"].items()
        ),
        command=_command(names, settings, str(path)),
    )


def _name(key: str, resource: Mapping[str, Any]) -> str:
    properties = resource["Properties"]
    return next((properties[name] for name in _NAMED if isinstance(properties.get(name), str)), key)


def _command(names: Names, settings: Settings, path: str) -> str:
    """Return the command that deploys the template. SAM makes the bucket; a role with a name needs the capability."""
    command = ["sam", "deploy", "--template-file", path, "--stack-name", names.function]
    command += ["--capabilities", "CAPABILITY_NAMED_IAM", "--resolve-s3"]
    for option, value in (("--region", settings.deploy.region), ("--profile", settings.deploy.profile)):
        if value:
            command += [option, value]
    return shlex.join(command)


def _comment(names: Names, settings: Settings, version: str) -> str:
    stage = names.stage
    lines = [
        f"Project {names.project}, stage {stage}, model version {version[:12]}: the resources of",
        f"`mlctl deploy --stage {stage}` for AWS SAM. In this folder, run:",
        "",
        f"  {_command(names, settings, TEMPLATE_FILE)}",
        "",
        "This template lacks the following features of mlctl:",
        "- Golden examples: a new release gets all traffic at once, without verification.",
        "- Canaries.",
        "- Deletion of old releases, and a verified release for `mlctl rollback`.",
        "",
        f"Use one tool for a stage: run `mlctl destroy --stage {stage}` before the first `sam deploy`, and do not run",
        "`mlctl deploy` after it. `mlctl invoke` and `mlctl logs` work with both.",
        "To change the stage, edit mlctl.toml and export again. Do not edit this file: the name of the release depends",
        "on its content.",
    ]
    if settings.deploy.environment:
        lines.append("This file contains the values of the function's environment as plain text.")
    return "\n".join(lines)


def _not_local(settings: Settings) -> MlctlError:
    stages = [name for name in settings.stage if name != LOCAL] or ["prod"]
    return MlctlError(
        "Stage 'local' runs in an emulator, which does not support templates.",
        code="export_local",
        exit_code=ExitCode.USAGE,
        hint=f"Export a stage on AWS, such as `mlctl export --stage {stages[0]}`.",
    )
