"""``mlctl deploy``: package a version, plan, verify it on the golden examples, and only then let traffic in."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlctl.aws import invoke, read
from mlctl.aws.apply import Deployment
from mlctl.aws.errors import explained
from mlctl.aws.names import HANDLER, ReleaseText
from mlctl.aws.ownership import check_ownership
from mlctl.aws.plan import Desired, FunctionConfig, Plan, Step, Throttling, plan
from mlctl.aws.read import canonical
from mlctl.data.values import Value
from mlctl.errors import ExitCode, MlctlError
from mlctl.model import answers, gates
from mlctl.model.answers import Example
from mlctl.model.registry import LATEST, ModelVersion, Registry
from mlctl.packaging import build
from mlctl.packaging.build import Package
from mlctl.progress import Report, silent
from mlctl.settings import Settings
from mlctl.stages import Stage, open_stage


@dataclass(frozen=True)
class Deployed:
    """A stage after a deploy. ``changed`` is false when nothing had to be done."""

    stage: str
    url: str
    release: str
    version: str
    changed: bool
    steps: tuple[Step, ...]
    example: tuple[Value, ...]


def run(
    project_folder: Path,
    settings: Settings,
    stage_name: str,
    *,
    version: str = LATEST,
    on_plan: Callable[[Plan], None] = lambda plan: None,
    report: Report = silent,
) -> Deployed:
    """Bring ``version`` live on a stage. ``settings`` must have been resolved for that stage.

    ``on_plan`` is shown the plan before anything is changed. Raises MlctlError: exit 4 when a gate
    is missed or the release answers wrongly (``live`` is then untouched), exit 5 when AWS refuses,
    exit 6 when there is no such version.
    """
    found = Registry(project_folder, settings.project).get(version)
    missed = gates.missed(found.id, gates.check(found.read_json("metrics.json"), settings.gates))
    if missed:
        raise missed
    package = build.build(found, engine=settings.deploy.engine, python=settings.deploy.python)
    stage = open_stage(project_folder, settings, stage_name, report)
    # Two deploys from one project take turns; the second then finds its work done.
    with explained(), stage.lock():
        actual = read.actual(stage.aws, stage.names)
        check_ownership(actual, stage.names)
        desired = _desired(stage, package)
        planned = plan(desired, actual)
        on_plan(planned)
        golden = answers.from_document(found.read_json("golden.json"))

        def verify(release: str) -> None:
            _verify(stage, release, found, package, golden)

        deployment = Deployment(stage.aws, desired, actual, package.zip, verify)
        deployment.run(planned, report)
    stage.settled()
    return Deployed(
        stage=stage_name,
        url=stage.api_url(deployment.api_id, deployment.api_endpoint),
        release=deployment.release,
        version=found.id,
        changed=planned.changed,
        steps=planned.steps,
        example=golden[0].features,
    )


def _predict_event(features: tuple[Value, ...]) -> dict[str, object]:
    """The API Gateway event of a ``POST /predict`` for one row."""
    return {
        "version": "2.0",
        "rawPath": "/predict",
        "headers": {"content-type": "application/json", "x-mlctl-check": "golden example"},
        "requestContext": {"http": {"method": "POST", "path": "/predict"}, "stage": "$default"},
        "body": json.dumps({"features": features}),
        "isBase64Encoded": False,
    }


def _desired(stage: Stage, package: Package) -> Desired:
    names = stage.names
    account, partition, caller = read.identity(stage.aws)
    deploy, region = stage.settings.deploy, stage.aws.region
    group = f"arn:{partition}:logs:{region}:{account}:log-group:{names.log_group}:*"
    writing = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": group}
    assuming = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return Desired(
        names=names,
        account=account,
        partition=partition,
        region=region,
        config=FunctionConfig(
            runtime=f"python{package.python}",
            architecture=deploy.architecture,
            handler=HANDLER,
            memory=deploy.memory,
            timeout=deploy.timeout,
            role=f"arn:{partition}:iam::{account}:role/{names.role}",
            log_group=names.log_group,
        ),
        release=ReleaseText(model=package.version, package=package.digest, by=caller),
        code_sha256=base64.b64encode(hashlib.sha256(package.zip).digest()).decode(),
        retention_days=deploy.log_retention,
        throttling=Throttling(rate=deploy.throttle.rate, burst=deploy.throttle.burst),
        policy=canonical({"Version": "2012-10-17", "Statement": [writing]}),
        trust=canonical({"Version": "2012-10-17", "Statement": [assuming]}),
    )


def _verify(stage: Stage, release: str, version: ModelVersion, package: Package, golden: list[Example]) -> None:
    """Invoke the release by its number on every golden example; raise MlctlError (exit 4) at the first wrong answer."""
    labels = version.read_json("schema.json")["target"].get("labels", [])
    for number, example in enumerate(golden, start=1):
        invocation = invoke.invoke(stage.aws, stage.names, release, _predict_event(example.features))
        try:
            body = json.loads(invocation.payload["body"])
        except (KeyError, TypeError, ValueError):
            body = None
        if invocation.error or not answers.agrees(body, example.answer, labels, package.parity):
            answered = json.dumps(invocation.payload)[:300]
            log = f"\n{invocation.log_tail.strip()}" if invocation.log_tail.strip() else ""
            raise MlctlError(
                f"Release {release} answers golden example {number} of {len(golden)} wrongly: "
                f"expected {answers.told(example.answer, labels)}, got {answered}.{log}",
                code="verification_failed",
                exit_code=ExitCode.VERIFICATION,
                hint="It gets no traffic; what was live before still is.",
            )
