"""Steps for the unpublished code and configuration of the function, which get no traffic."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from mlctl.aws.apply import package_bucket
from mlctl.aws.apply.context import DeployContext
from mlctl.aws.client.errors import code_of
from mlctl.aws.client.retry import patiently, wait
from mlctl.aws.live import resources
from mlctl.aws.stack.ownership import check_ownership, overtaken
from mlctl.aws.stack.plan import Step
from mlctl.aws.stack.state import FunctionState
from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event

_SETTLE_ATTEMPTS = 300


def function(run: DeployContext, step: Step) -> str:
    """Create the function, or update its configuration and code."""
    if step.action == "create":
        _create(run)
        return f"{_size(len(run.code))} uploaded"
    return _update(run)


def settled(run: DeployContext) -> FunctionState:
    """The function once no update of it is in progress, even one that failed; that state stays until the next one.

    Raises MlctlError (exit 5) when the function is gone, or an update does not end.
    """
    for _ in range(_SETTLE_ATTEMPTS):
        found = resources.function(run.aws, run.desired.names)
        if found is None:
            raise overtaken(run.desired.names, "the function is gone")
        if not found.is_busy:
            return found
        run.sleep(run.aws.pace)
    raise _not_ready(run, "it is still being updated after five minutes")


def _working(run: DeployContext) -> FunctionState:
    """The same after a change of our own, which must not have failed."""
    found = settled(run)
    if found.failure is not None:
        raise _not_ready(run, found.failure)
    return found


def _not_ready(run: DeployContext, why: str) -> MlctlError:
    return MlctlError(
        f"Lambda could not make the function {run.function} ready: {why}",
        code="aws_not_ready",
        exit_code=ExitCode.AWS,
        hint="What was live before still is. Correct the cause, then run the same command again.",
    )


def at_revision(found: FunctionState) -> dict[str, Any]:
    """The condition that nobody has changed the function since it was read."""
    return {"RevisionId": found.revision} if found.revision else {}


def is_desired(run: DeployContext, found: FunctionState) -> bool:
    """Whether the function has the configuration and the code of the release."""
    return (found.config, found.code_sha256) == (run.desired.config, run.desired.code_sha256)


def _create(run: DeployContext) -> None:
    client, config, code = run.aws.lambda_, run.desired.config, _code(run)
    try:
        patiently(
            run.aws,
            lambda: client.create_function(
                **_settings(run), Code=code, Architectures=[config.architecture], Tags=run.desired.all_tags
            ),
            run.sleep,
        )
    except ClientError as error:
        if code_of(error) != "ResourceConflictException":
            raise
        # The name is the lock: our own call took effect and its answer was lost, or another deploy was first.
        found = settled(run)
        check_ownership(resources.actual(run.aws, run.desired.names), run.desired.names)
        if not is_desired(run, found):
            raise overtaken(run.desired.names, "it made the function first") from None
    wait(run.aws, "function_active_v2", FunctionName=run.function)


def _update(run: DeployContext) -> str:
    client, desired = run.aws.lambda_, run.desired
    found, done = settled(run), "configured"
    planned_on = run.actual.function
    if planned_on is None or (found.config, found.code_sha256) != (planned_on.config, planned_on.code_sha256):
        raise overtaken(desired.names, "it is giving the function other code or settings")
    if found.config != desired.config or found.failure is not None:
        settings = {**_settings(run), **at_revision(found)}
        _unless_overtaken(run, lambda: client.update_function_configuration(**settings))
        found = _working(run)
        # The architecture goes with the code.
        if replace(found.config, architecture=desired.config.architecture) != desired.config:
            raise overtaken(desired.names, "it gave the function other settings")
    if found.code_sha256 != desired.code_sha256 or found.config.architecture != desired.config.architecture:
        target = {"FunctionName": run.function, "Architectures": [desired.config.architecture], **at_revision(found)}
        code = _code(run)
        _unless_overtaken(run, lambda: client.update_function_code(**target, **code))
        found, done = _working(run), f"{_size(len(run.code))} uploaded"
    if not is_desired(run, found):
        raise overtaken(desired.names, "it gave the function other code or settings")
    return done


def _unless_overtaken(run: DeployContext, call: Callable[[], object]) -> None:
    """Make a call that names a revision; whether a stale one was our own is seen from what is there."""
    try:
        patiently(run.aws, call, run.sleep)
    except ClientError as error:
        # What the call was to do is compared by the caller.
        if code_of(error) != "PreconditionFailedException":
            raise


def _settings(run: DeployContext) -> dict[str, Any]:
    config = run.desired.config
    logging = {"LogFormat": config.log_format, "LogGroup": config.log_group}
    if config.log_level:
        logging["ApplicationLogLevel"] = config.log_level
    return {
        "FunctionName": run.function,
        "Runtime": config.runtime,
        "Role": config.role,
        "Handler": config.handler,
        "MemorySize": config.memory,
        "Timeout": config.timeout,
        "EphemeralStorage": {"Size": config.ephemeral_storage},
        "Environment": {"Variables": dict(config.environment)},
        "TracingConfig": {"Mode": "Active" if config.tracing else "PassThrough"},
        "SnapStart": {"ApplyOn": "PublishedVersions" if config.snapstart else "None"},
        "VpcConfig": {"SubnetIds": list(config.subnets), "SecurityGroupIds": list(config.security_groups)},
        "LoggingConfig": logging,
    }


def _code(run: DeployContext) -> Any:
    """The package as the calls take it: in the call itself, or put into the bucket before."""
    if not run.desired.through_bucket:
        return {"ZipFile": run.code}
    sent, part = 0, "upload"

    def advance(count: int) -> None:
        nonlocal sent
        sent += count
        run.report(Event("advance", part, done=sent // 1_000_000, total=total, unit="MB"))

    total = len(run.code) // 1_000_000
    run.report(Event("start", part, f"Uploading to the bucket {run.desired.bucket}", total=total, unit="MB"))
    key = package_bucket.upload(run.aws, run.desired, run.code, advance)
    run.report(Event("finish", part, f"{_size(len(run.code))}, its SHA-256 checked by S3"))
    return {"S3Bucket": run.desired.bucket, "S3Key": key}


def _size(count: int) -> str:
    return f"{count / 1_000_000:.0f} MB" if count >= 10_000_000 else f"{count / 1000:.0f} kB"
