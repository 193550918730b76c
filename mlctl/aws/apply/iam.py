"""The function's role."""

from typing import Any

from botocore.exceptions import ClientError

from mlctl.aws.apply.context import DeployContext
from mlctl.aws.client.errors import code_of, raise_unless_absent
from mlctl.aws.live import resources
from mlctl.aws.stack.ownership import check_ownership
from mlctl.aws.stack.plan import Step, dropped_policies
from mlctl.aws.stack.state import RoleConfig


def role(run: DeployContext, step: Step) -> str:
    """Make the role, or give it the rights that it lacks."""
    wanted, name = _wanted(run), run.desired.names.role
    missing = set(wanted.policies)
    if step.action == "create":
        _create(run, wanted)
    elif run.actual.role:
        missing -= set(run.actual.role.config.policies)
    for policy in sorted(missing):
        run.aws.iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=wanted.policies[policy])
    return "may write to its own log group" + (", and what the settings ask for" if len(wanted.policies) > 1 else "")


def role_policy(run: DeployContext, _: Step) -> str:
    """Put right what differs: documents, rights that are no longer wanted, the trust, the boundary."""
    wanted, name, iam = _wanted(run), run.desired.names.role, run.aws.iam
    now = run.actual.role.config if run.actual.role else wanted
    for policy, document in wanted.policies.items():
        if now.policies.get(policy, document) != document:
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)
    for policy in dropped_policies(run.desired, run.actual):
        try:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        except ClientError as error:
            # Gone already, by a call whose answer was lost.
            raise_unless_absent(error)
    if now.trust != wanted.trust:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=wanted.trust)
    if now.boundary != wanted.boundary:
        if wanted.boundary:
            iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=wanted.boundary)
        else:
            iam.delete_role_permissions_boundary(RoleName=name)
    return "as the settings say"


def _wanted(run: DeployContext) -> RoleConfig:
    if run.desired.role is None:
        raise AssertionError("a plan has no step for a role that is not ours")
    return run.desired.role


def _create(run: DeployContext, wanted: RoleConfig) -> None:
    boundary: dict[str, Any] = {"PermissionsBoundary": wanted.boundary} if wanted.boundary else {}
    try:
        run.aws.iam.create_role(
            RoleName=run.desired.names.role,
            AssumeRolePolicyDocument=wanted.trust,
            Tags=[{"Key": key, "Value": value} for key, value in run.desired.all_tags.items()],
            **boundary,
        )
    except ClientError as error:
        if code_of(error) != "EntityAlreadyExists":
            raise
        # Made a moment ago, by a call whose answer was lost or by a deploy beside this one; or somebody else's.
        check_ownership(resources.actual(run.aws, run.desired.names), run.desired.names)
