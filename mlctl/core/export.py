"""``mlctl export``: what a deploy would make, as a template for another tool. No AWS is asked."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlctl.aws.stack import template as templates
from mlctl.aws.stack.desired import desired
from mlctl.aws.stack.names import Names
from mlctl.core.shared import release_package as shipments
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
    """A resource of a template: its type, and its name on AWS, or where AWS gives it one, that in the template."""

    type: str
    name: str


@dataclass(frozen=True)
class Exported:
    """A template (``path``), the package beside it, and a command that deploys them."""

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
    """Write an AWS SAM template of what `mlctl deploy` would make of ``version``, and its package, into a folder.

    The folder is ``output``, or ``.mlctl/export/<stage>``; files of an earlier export are replaced. Raises
    MlctlError: exit 2 for the stage `local`, exit 4 when a gate is missed, exit 6 when there is no such version, and
    as building the package does.
    """
    if stage_name == LOCAL:
        raise _not_local(settings)
    check_name(settings.project, stage_name)
    found = Registry(project_folder, settings.project, report).get(version)
    folder = output or project_folder / FOLDER / stage_name
    path, package = folder / TEMPLATE_FILE, folder / PACKAGE_FILE
    for each in (path, package):
        check_output(project_folder, each, store.FOLDER)
    missed = gates.missed(found.id, gates.check(found.read_json("metrics.json"), settings.gates))
    if missed:
        raise missed
    report(Event("start", "package", f"Packaging model version {found.id[:12]}"))
    shipment = shipments.built(found, settings, report)
    shipments.check_size(shipment)
    report(Event("finish", "package", f"{len(shipment.zip) / 1000:.0f} kB, answers as scikit-learn does"))
    names = Names(settings.project, stage_name)
    document = templates.template(desired(names, templates.ANYWHERE, settings.deploy, shipment.code), PACKAGE_FILE)
    comment = _comment(names, settings, found.id)
    # A template of an earlier export is for another package: where the next line fails, there is none.
    with errors_named(path):
        path.unlink(missing_ok=True)
    write_atomic(package, shipment.zip)
    write_atomic(path, templates.to_yaml(document, comment).encode())
    return Exported(
        stage=stage_name,
        version=found.id,
        path=path,
        package=package,
        resources=tuple(Resource(each["Type"], _name(key, each)) for key, each in document["Resources"].items()),
        command=_command(names, settings, str(path)),
    )


def _name(key: str, resource: Mapping[str, Any]) -> str:
    properties = resource["Properties"]
    return next((properties[name] for name in _NAMED if isinstance(properties.get(name), str)), key)


def _command(names: Names, settings: Settings, path: str) -> str:
    """What deploys it: through a bucket of SAM's own; a role with a name needs the capability."""
    words = ["sam", "deploy", "--template-file", path, "--stack-name", names.function]
    words += ["--capabilities", "CAPABILITY_NAMED_IAM", "--resolve-s3"]
    for option, value in (("--region", settings.deploy.region), ("--profile", settings.deploy.profile)):
        if value:
            words += [option, value]
    return shlex.join(words)


def _comment(names: Names, settings: Settings, version: str) -> str:
    stage = names.stage
    lines = [
        f"Project {names.project}, stage {stage}, model version {version[:12]}: the resources that",
        f"`mlctl deploy --stage {stage}` makes, for AWS SAM. In this folder:",
        "",
        f"  {_command(names, settings, TEMPLATE_FILE)}",
        "",
        "What mlctl does and this template does not:",
        "- A new release gets all the traffic at once: it is not asked the model's golden examples before.",
        "- There is no canary that is watched and taken back.",
        "- Old releases are not pruned, and `mlctl rollback` has no verified release to go back to.",
        "",
        f"A stage is looked after by one tool: run `mlctl destroy --stage {stage}` before the first `sam deploy`,",
        "and no `mlctl deploy` after it. `mlctl invoke` and `logs` work with either.",
        "Change mlctl.toml and export again, rather than this file: the release is named after its content.",
    ]
    if settings.deploy.environment:
        lines.append("The values of the function's environment stand below as plain text.")
    return "\n".join(lines)


def _not_local(settings: Settings) -> MlctlError:
    stages = [name for name in settings.stage if name != LOCAL] or ["prod"]
    return MlctlError(
        "Stage 'local' runs in an emulator, which takes no template.",
        code="export_local",
        exit_code=ExitCode.USAGE,
        hint=f"Name a stage on AWS, such as `mlctl export --stage {stages[0]}`.",
    )
