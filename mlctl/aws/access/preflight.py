"""Read-only checks before a deploy; each function returns one ``Check``."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from botocore.exceptions import ClientError

from mlctl.aws.client.errors import Forbidden, code_of, raise_unless_absent, translate_errors
from mlctl.aws.client.session import Aws
from mlctl.aws.live import api_resources, package_bucket, resources
from mlctl.aws.live.logs import LogReader
from mlctl.aws.stack.desired import Code, desired
from mlctl.aws.stack.names import Identity, Names
from mlctl.aws.stack.ownership import check_ownership
from mlctl.errors import ExitCode, MlctlError
from mlctl.settings.deploy import DeploySettings

State = Literal["ok", "warning", "failed", "skipped"]

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html: so many stay with functions that
# reserve none; a young account has fewer in all, and keeps those.
_UNRESERVED = 100
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
_ALARM_ACTIONS = ("sns", "lambda", "ssm", "ssm-incidents", "autoscaling", "automate", "aiops")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. A failed one has the ``code`` and the exit code that the deploy would end with."""

    name: str
    state: State
    detail: str
    hint: str = ""
    code: str = ""
    exit_code: ExitCode = ExitCode.OK

    @classmethod
    def of(cls, name: str, error: MlctlError) -> "Check":
        """The failed check that ``error`` ended."""
        return cls(name, "failed", error.message, error.hint, error.code, error.exit_code)


def reads(aws: Aws, names: Names, place: Identity, deploy: DeploySettings) -> Check:
    """Whether every read that a deploy makes is allowed: each is made."""
    asked: dict[str, Callable[[], object]] = {
        "role": lambda: _role_and_policies(aws, names),
        "log group": lambda: LogReader(aws, names.log_group, 0).exists(),
        "function": lambda: resources.function(aws, names),
        "releases": lambda: resources.releases(aws, names),
        "alias": lambda: (resources.alias(aws, names), resources.allowed_source(aws, names)),
        "API": lambda: [api_resources.api(aws, *address) for address in api_resources.addresses(aws, names)],
        "domain names": lambda: api_resources.domains(aws, names, deploy.domain.name if deploy.domain else None),
        "alarms": lambda: resources.alarms(aws, names),
        "bucket": lambda: package_bucket.exists(aws, names.bucket(place.account, place.region)),
    }
    refused: list[MlctlError] = []
    for ask in asked.values():
        try:
            with translate_errors():
                ask()
        except MlctlError as error:
            if not isinstance(error, Forbidden):
                raise
            refused.append(error)
    if not refused:
        return Check("reads", "ok", f"{', '.join(asked)}: all may be read")
    lacking = dict.fromkeys(error.action for error in refused if isinstance(error, Forbidden))
    first = Check.of("reads", refused[0])
    return first if len(refused) == 1 else replace(first, detail=f"You lack {', '.join(lacking)}.")


def _role_and_policies(aws: Aws, names: Names) -> None:
    try:
        aws.iam.get_role(RoleName=names.role)
        list(aws.iam.get_paginator("list_role_policies").paginate(RoleName=names.role))
        list(aws.iam.get_paginator("list_attached_role_policies").paginate(RoleName=names.role))
    except ClientError as error:
        raise_unless_absent(error)


def owners(aws: Aws, names: Names, place: Identity, deploy: DeploySettings) -> Check:
    """Whether the names that a deploy takes are free, or ours already."""
    bucket = names.bucket(place.account, place.region)
    with translate_errors():
        actual = resources.actual(aws, names, bucket=bucket, domain=deploy.domain.name if deploy.domain else None)
        # Names do not depend on what is deployed.
        nothing = Code(python=deploy.python, model="", package="", sha256="", size=0)
        check_ownership(actual, names, desired(names, place, deploy, nothing))
        foreign = None if actual.bucket_exists else _foreign(aws, bucket)
    if foreign:
        return Check("names", "warning", foreign, "Only a package over 50 MB needs it.")
    there = {
        "role": actual.role,
        "log group": actual.log_group,
        "function": actual.function,
        "API": actual.api,
        "bucket": actual.bucket_exists,
    }
    ours = [what for what, state in there.items() if state]
    return Check("names", "ok", f"ours already: {', '.join(ours)}" if ours else f"{names.function} is free")


def _foreign(aws: Aws, bucket: str) -> str | None:
    """Why a bucket that is not ours is not free either."""
    try:
        aws.s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if code_of(error) == "403":
            return f"The bucket {bucket} belongs to another account, or you lack s3:ListBucket on it."
        raise_unless_absent(error)
    return None


def limits(aws: Aws, names: Names, deploy: DeploySettings, package_bytes: int) -> Check:
    """Whether the account has the concurrency and the storage that a deploy would take."""
    with translate_errors():
        found = aws.lambda_.get_account_settings()
        function = resources.function(aws, names)
    limit, usage = found["AccountLimit"], found["AccountUsage"]
    every, unreserved = limit.get("ConcurrentExecutions", 0), limit.get("UnreservedConcurrentExecutions", 0)
    mine = (function.reserved if function else None) or 0
    free = max(unreserved + mine - min(_UNRESERVED, every), 0)
    wanted = deploy.reserved_concurrency or 2 * (deploy.provisioned_concurrency or 0)
    if wanted > free:
        key = "reserved_concurrency" if deploy.reserved_concurrency else "provisioned_concurrency"
        return Check(
            "account limits",
            "failed",
            f"{key} is {wanted}, but at most {free} of the account's {every} concurrent executions can be set apart.",
            f"Lower [deploy] {key}, or ask AWS for a higher quota of concurrent executions.",
            "aws_concurrency",
            ExitCode.AWS,
        )
    left = limit.get("TotalCodeSize", 0) - usage.get("TotalCodeSize", 0)
    if package_bytes > left:
        return Check(
            "account limits",
            "failed",
            f"The package is {package_bytes / 1e6:.1f} MB; of the account's storage for packages {left / 1e6:.1f} MB "
            "are left.",
            "Lower [deploy] keep_releases and deploy, or delete functions that nobody uses.",
            "aws_code_storage",
            ExitCode.AWS,
        )
    return Check(
        "account limits", "ok", f"{free} concurrent executions can be set apart, {left / 1e9:.1f} GB left for packages"
    )


def certificate(aws: Aws, deploy: DeploySettings) -> Check | None:
    """Whether the certificate of the domain is there, issued, and covers the name; None where there is no domain."""
    wanted = deploy.domain
    if wanted is None:
        return None
    if wanted.certificate.split(":")[3] != aws.region:
        return _certificate(
            f"The certificate is in {wanted.certificate.split(':')[3]}, the stage in {aws.region}.",
            "API Gateway takes one of the stage's own region: request it in ACM there.",
        )
    with translate_errors():
        found = aws.acm.describe_certificate(CertificateArn=wanted.certificate)["Certificate"]
    status = found.get("Status", "UNKNOWN")
    if status != "ISSUED":
        return _certificate(
            f"The certificate of {wanted.name} is not issued: {status}.",
            "Finish its validation in ACM (a DNS record), or request another.",
        )
    covered = [found.get("DomainName", ""), *found.get("SubjectAlternativeNames", [])]
    if not any(_covers(each, wanted.name) for each in covered):
        return _certificate(
            f"The certificate is for {', '.join(dict.fromkeys(covered))}, not for {wanted.name}.",
            "Request one that names it, and put its ARN into [deploy] domain.",
        )
    return Check("certificate", "ok", f"issued for {wanted.name}")


def _certificate(detail: str, hint: str) -> Check:
    return Check("certificate", "failed", detail, hint, "aws_certificate", ExitCode.AWS)


def _covers(pattern: str, name: str) -> bool:
    """Whether a name of a certificate covers a domain name: ``*`` stands for one label."""
    pattern, name = pattern.lower(), name.lower()
    if pattern == name:
        return True
    head, _, rest = name.partition(".")
    return pattern == f"*.{rest}" and head != "*" and bool(rest)


def role(aws: Aws, deploy: DeploySettings, place: Identity) -> Check | None:
    """Whether the role of the settings is there and trusts Lambda; None where mlctl makes one."""
    if deploy.role is None:
        return None
    name = deploy.role.rpartition("/")[2]
    if deploy.role.split(":")[4] != place.account:
        return _role(
            f"The role {deploy.role} belongs to account {deploy.role.split(':')[4]}, the stage to {place.account}.",
            "Lambda takes a role of its own account only: name another in [deploy] role, or none.",
        )
    with translate_errors():
        try:
            found = aws.iam.get_role(RoleName=name)["Role"]
        except ClientError as error:
            raise_unless_absent(error)
            return _role(f"There is no role '{name}'.", "Correct [deploy] role, or leave it out: mlctl makes one.")
    if found["Arn"] != deploy.role:
        return _role(f"The role's ARN is {found['Arn']}, not {deploy.role}.", "Correct [deploy] role: paths count.")
    if not _trusts_lambda(found["AssumeRolePolicyDocument"]):
        return _role(
            f"The role '{name}' does not trust Lambda.",
            "Its trust policy must allow lambda.amazonaws.com to call sts:AssumeRole.",
        )
    return Check("role", "ok", f"{name} is there and trusts Lambda")


def _role(detail: str, hint: str) -> Check:
    return Check("role", "failed", detail, hint, "aws_role", ExitCode.AWS)


def _trusts_lambda(trust: Any) -> bool:
    for statement in _many(trust["Statement"]):
        principal = statement.get("Principal", {})
        services = _many(principal.get("Service", [])) if isinstance(principal, dict) else []
        allows = {"sts:AssumeRole", "sts:*", "*"} & set(_many(statement.get("Action", [])))
        if statement.get("Effect") == "Allow" and "lambda.amazonaws.com" in services and allows:
            return True
    return False


def _many(value: Any) -> list[Any]:
    """A value of a policy document, where one thing may stand for a list of one."""
    return value if isinstance(value, list) else [value]


def alarm_actions(deploy: DeploySettings, region: str) -> Check | None:
    """Whether CloudWatch can take the actions of the alarms: the right services, in its region. Asks nobody."""
    actions = deploy.alarms.actions if deploy.alarms else ()
    if not actions:
        return None
    problems = list(_wrong_actions(actions, region))
    if not problems:
        return Check("alarm actions", "ok", f"{len(actions)} well-formed")
    return Check(
        "alarm actions",
        "failed",
        f"{'; '.join(problems)}.",
        f"Correct [deploy] alarms.actions: the ARN of an SNS topic in {region}, say.",
        "settings_invalid",
        ExitCode.USAGE,
    )


def _wrong_actions(actions: Iterable[str], region: str) -> Iterator[str]:
    for arn in actions:
        service, where = arn.split(":")[2:4]
        if service not in _ALARM_ACTIONS:
            yield f"{arn} is no action of an alarm"
        elif where not in ("", region):
            yield f"{arn} is in {where}, the alarm in {region}"
