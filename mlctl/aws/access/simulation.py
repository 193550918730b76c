"""Simulates with IAM whether the caller has the permissions for a deploy."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlctl.aws.access.caller import Caller
from mlctl.aws.access.permissions import UNDOCUMENTED, Statement, statements
from mlctl.aws.access.preflight import Check
from mlctl.aws.client.errors import Forbidden, translate_errors
from mlctl.aws.client.response_checks import interpreting
from mlctl.aws.client.session import Aws
from mlctl.aws.stack.names import Names
from mlctl.errors import ExitCode, MlctlError
from mlctl.settings.deploy import DeploySettings

# What mlctl asks for itself: the other checks make these calls. Lambda's own ones, for the caller, are none of them.
_READS = ("Get", "GET", "List", "Describe", "Filter", "Simulate")
_LAMBDAS_OWN = ("s3:GetObject", "ec2:")


@dataclass(frozen=True)
class _Verdict:
    action: str
    resource: str
    allowed: bool
    why: str
    unknown: tuple[str, ...]


def permissions(aws: Aws, caller: Caller, names: Names, deploy: DeploySettings) -> Check:
    """Whether every action of the generated policy that changes something is allowed.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html: it knows the policies of
    the caller, boundary and organization included; it does not know policies of a session, nor of resources.
    """
    if caller.arn.endswith(":root"):
        return Check(
            "permissions",
            "warning",
            "The account's root user may do everything.",
            "Deploy as a role or a user; `mlctl doctor --policy` prints what it needs.",
        )
    try:
        with translate_errors():
            source = _principal(aws, caller)
            if source is None:
                return _unchecked(f"IAM cannot judge {caller.arn}.")
            verdicts = [
                verdict
                for statement in statements(names, caller.place, deploy)
                for verdict in _judged(aws, source, statement)
            ]
    except MlctlError as error:
        return _unchecked(error.message)
    return _summary(verdicts)


def _summary(verdicts: list[_Verdict]) -> Check:
    actions = dict.fromkeys(verdict.action for verdict in verdicts)
    lacking, partly, unsure = [], [], []
    for action in actions:
        about = [verdict for verdict in verdicts if verdict.action == action]
        refused = [verdict for verdict in about if not verdict.allowed]
        if any(verdict.unknown for verdict in refused):
            keys = sorted({key for verdict in refused for key in verdict.unknown})
            unsure.append(f"{action} (depends on {', '.join(keys)})")
        elif refused and len(refused) == len(about):
            lacking.append(f"{action}{refused[0].why}")
        elif refused:
            partly.append(f"{action} on {refused[0].resource}")
    if lacking:
        return Check(
            "permissions",
            "failed",
            f"{len(lacking)} of {len(actions)} actions are lacking: {', '.join(lacking)}.",
            "Ask an administrator of the account. `mlctl doctor --policy` prints the required policy.",
            "aws_access_denied",
            ExitCode.AWS,
        )
    if partly or unsure:
        return Check(
            "permissions",
            "warning",
            f"These may be refused: {', '.join((*partly, *unsure))}.",
            "`mlctl doctor --policy` prints all that is needed.",
        )
    return Check("permissions", "ok", f"all {len(actions)} actions that change something are allowed")


def _principal(aws: Aws, caller: Caller) -> str | None:
    """The user or role whose policies apply: a session of a role has none of its own."""
    with interpreting("GetCallerIdentity"):
        kind, _, name = caller.arn.split(":", 5)[5].partition("/")
    if kind == "user":
        return caller.arn
    if kind != "assumed-role":
        return None
    role = name.partition("/")[0]
    try:
        # The session's ARN leaves out the role's path.
        with translate_errors():
            return aws.iam.get_role(RoleName=role)["Role"]["Arn"]
    except Forbidden:
        return f"arn:{caller.place.partition}:iam::{caller.place.account}:role/{role}"


def _judged(aws: Aws, source: str, statement: Statement) -> Iterator[_Verdict]:
    actions = [action for action in statement.actions if not _is_asked(action)]
    if not actions:
        return
    request: dict[str, Any] = {"PolicySourceArn": source, "ActionNames": actions}
    if statement.resources != ("*",):
        # Any one of those that a pattern stands for.
        request["ResourceArns"] = [arn.replace("*", "x") for arn in statement.resources]
    if statement.condition:
        key, value = statement.condition
        entry = {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        request["ContextEntries"] = [entry]
    for page in aws.iam.get_paginator("simulate_principal_policy").paginate(**request):
        for result in page["EvaluationResults"]:
            yield from _verdicts(result)


def _verdicts(result: Any) -> Iterator[_Verdict]:
    organization = result.get("OrganizationsDecisionDetail", {})
    boundary = result.get("PermissionsBoundaryDecisionDetail", {})
    why = ""
    if not organization.get("AllowedByOrganizations", True):
        why = " (denied by the organization)"
    elif not boundary.get("AllowedByPermissionsBoundary", True):
        why = " (not allowed by your permissions boundary)"
    single = {"EvalResourceName": result.get("EvalResourceName", "*"), "EvalResourceDecision": result["EvalDecision"]}
    for each in result.get("ResourceSpecificResults") or [single]:
        decision = each["EvalResourceDecision"]
        yield _Verdict(
            action=result["EvalActionName"],
            resource=each["EvalResourceName"],
            allowed=decision == "allowed",
            why=why or (" (denied explicitly)" if decision == "explicitDeny" else ""),
            unknown=tuple(each.get("MissingContextValues") or result.get("MissingContextValues") or ()),
        )


def _is_asked(action: str) -> bool:
    if action in UNDOCUMENTED:
        return True
    return action.partition(":")[2].startswith(_READS) and not action.startswith(_LAMBDAS_OWN)


def _unchecked(why: str) -> Check:
    return Check(
        "permissions",
        "warning",
        f"Whether you may change things was not checked. {why}",
        "`mlctl doctor --policy` prints all that is needed, and what this check needs.",
    )
