"""Reads the user's AWS profile, region and credentials, and explains errors in them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import botocore.session
from botocore.exceptions import BotoCoreError, ProfileNotFound

from mlctl.aws.client import response_checks
from mlctl.aws.client.errors import translate_errors
from mlctl.errors import ExitCode, MlctlError, first_line


def open_session(region: str | None, profile: str | None) -> boto3.Session:
    """A session with the usual chain of credentials; its ``region_name`` is None where no region is set.

    Raises MlctlError (exit 5) for a profile that does not exist, and for a configuration that cannot be used.
    """
    try:
        with configured():
            # AWS_REGION is what the other SDKs read; botocore knows AWS_DEFAULT_REGION only.
            base = botocore.session.get_session()
            response_checks.guard(base)
            session = boto3.Session(
                botocore_session=base, region_name=region or os.environ.get("AWS_REGION"), profile_name=profile
            )
            # Read now: AWS_PROFILE is looked up only when something of the configuration is asked for.
            _ = session.region_name
            return session
    except ProfileNotFound as error:
        named = "[deploy] profile" if profile else "AWS_PROFILE"
        raise MlctlError(
            f"AWS cannot be reached: {error}.",
            code="aws_profile",
            exit_code=ExitCode.AWS,
            hint=f"Check {named} against ~/.aws/config.",
        ) from error
    except BotoCoreError:
        with translate_errors():
            raise


@contextmanager
def configured() -> Iterator[None]:
    """Turn what the SDK lets through while it reads the configuration into MlctlError (exit 5).

    For the making of sessions and clients alone, where a ValueError is a variable or a line of ``~/.aws/config`` that
    holds no number or URL, or a ``credential_process`` that does not answer with JSON; and an OSError is a file or
    program that cannot be opened. What botocore raises itself passes.
    """
    try:
        yield
    except BotoCoreError:
        # Some of them are a ValueError too.
        raise
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise MlctlError(
            f"The AWS configuration cannot be used: {first_line(error, type(error).__name__)}",
            code="aws_configuration",
            exit_code=ExitCode.AWS,
            hint="Check the AWS_* variables, ~/.aws/config and ~/.aws/credentials. `mlctl --debug` shows the trace.",
        ) from error
