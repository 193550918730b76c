"""Applies the steps of a plan in order."""

from collections.abc import Callable

from mlctl.aws.apply import alias, api, extras, function, iam, release
from mlctl.aws.apply.context import DeployContext
from mlctl.aws.stack.plan import Plan, Step
from mlctl.progress import Event

_STEPS: dict[str, Callable[[DeployContext, Step], str]] = {
    "canary": alias.take_back,
    "role": iam.role,
    "role policy": iam.role_policy,
    "log group": extras.log_group,
    "bucket": extras.bucket,
    "function": function.function,
    "release": release.release,
    "golden examples": release.verify,
    "provisioned concurrency": extras.provisioned_concurrency,
    "alias": alias.move,
    "reserved concurrency": extras.reserved_concurrency,
    "api": api.api,
    "permission": api.permission,
    "domain": api.domain,
    "alarm": extras.alarm,
    "tags": extras.tags,
}


def carry_out(run: DeployContext, plan: Plan) -> None:
    """Apply each step that changes something. Raises what boto3 or ``run.verify`` raises."""
    for step in plan.steps:
        if step.action != "unchanged":
            run.report(Event("start", step.resource, f"{step.action} {step.resource} {step.name}"))
            done = _STEPS[step.resource](run, step)
            run.report(Event("finish", step.resource, done))
