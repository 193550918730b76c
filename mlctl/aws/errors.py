"""AWS's refusals in words a user can act on."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError

from mlctl.errors import ExitCode, MlctlError


def code_of(error: ClientError) -> str:
    """The error code of a refusal, such as ``ResourceNotFoundException``."""
    return error.response.get("Error", {}).get("Code", "")


@contextmanager
def explained() -> Iterator[None]:
    """Turn what boto3 raises into MlctlError (exit 5) with the call, AWS's words and the next step."""
    try:
        yield
    except ClientError as error:
        refusal = error.response.get("Error", {})
        raise MlctlError(
            f"AWS refused {error.operation_name}: {refusal.get('Message') or code_of(error)}",
            code="aws_refused",
            exit_code=ExitCode.AWS,
            hint=f"The refusal is {code_of(error)}. Correct the cause and run the same command again.",
        ) from error
    except NoCredentialsError as error:
        raise MlctlError(
            "There are no AWS credentials.",
            code="aws_no_credentials",
            exit_code=ExitCode.AWS,
            hint="Log in (`aws sso login`), or set AWS_PROFILE or [deploy] profile.",
        ) from error
    except EndpointConnectionError as error:
        raise MlctlError(
            f"AWS does not answer: {error}",
            code="aws_unreachable",
            exit_code=ExitCode.AWS,
            hint="Check the network and the region. On stage local: `mlctl local start`.",
        ) from error
    except BotoCoreError as error:
        raise MlctlError(
            f"The call to AWS failed: {error}",
            code="aws_failed",
            exit_code=ExitCode.AWS,
            hint="Run the same command again.",
        ) from error
