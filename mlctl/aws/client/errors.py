"""Maps errors of AWS and its SDK to ``MlctlError``; the texts are in ``error_catalog.py``."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, WaiterError
from botocore.parsers import ResponseParserError

from mlctl.aws.client.error_catalog import AGAIN, DEFAULT_DENIED_HINT, FORBIDDEN, LAYERS, REFUSALS, SDK, ErrorText
from mlctl.aws.client.response_checks import ForeignAnswerError
from mlctl.aws.operations import actions_of
from mlctl.errors import ExitCode, MlctlError, first_line

_ABSENT = {
    "ResourceNotFoundException",
    "ProvisionedConcurrencyConfigNotFoundException",
    "NoSuchEntity",
    "NotFoundException",
    "NoSuchBucket",
    "404",
}
# Characters of AWS's message: enough for the cause, without an encoded message of a thousand characters.
_MESSAGE_LIMIT = 300

_NOT_AUTHORIZED = re.compile(
    r"not authorized to perform:? (?P<action>[\w-]+:\w+)(?: on resource: (?P<resource>[^\s\"]+))?"
)
# Lambda calls other services with the caller's permissions:
# https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html
_DENIED_BY_SERVICE = re.compile(
    r"denied by (?P<service>S3|EC2), please make sure your request credentials have permission to (?P<action>\w+)"
    r"(?: for (?P<resource>[^\s\"]+))?"
)
_NO_SERVICE_ROLE = "not have permissions to create a Service Linked Role"
# The text of boto3's error for a failed upload, used when the original error is lost.
_UPLOAD_ERROR = re.compile(
    r"An error occurred \((?P<code>\w+)\) when calling the (?P<operation>\w+) operation[^:]*: (?P<message>.*)"
)


def code_of(error: ClientError) -> str:
    """The error code of a refusal, such as ``ResourceNotFoundException``."""
    return error.response.get("Error", {}).get("Code", "")


def raise_unless_absent(error: ClientError) -> None:
    """Ignore an error that says that a resource does not exist; raise any other."""
    if code_of(error) not in _ABSENT:
        raise error


@contextmanager
def translate_errors() -> Iterator[None]:
    """Map errors of boto3 and botocore to MlctlError (exit 5) with the operation, the cause and the next step."""
    try:
        yield
    except ClientError as error:
        raise refusal(error) from error
    except WaiterError as error:
        raise _waiter_error(error) from error
    except Boto3Error as error:
        raise _upload_error(error) from error
    except BotoCoreError as error:
        raise _sdk_error(error) from error
    except ResponseParserError as error:
        raise _parser_error(first_line(error)) from error


def refusal(error: ClientError) -> MlctlError:
    """The MlctlError for an error response of a service."""
    details: Mapping[str, Any] = error.response.get("Error", {})
    code, operation = str(details.get("Code", "")), error.operation_name
    message = str(details.get("Message") or code)
    denied = _access_denied(code, message, operation)
    if denied is not None:
        return denied
    # Lambda names the exceeded limit in a separate field.
    searched = f"{message} {error.response.get('Reason', '')}"
    for rule in REFUSALS:
        groups = rule.match(code, searched, operation)
        if groups is not None:
            return _error(rule.text, message, operation=operation, code=code, **groups)
    raise AssertionError("the last rule of the table matches every error")


class Forbidden(MlctlError):
    """A missing permission: ``action`` names it, or every candidate if AWS does not say which."""

    def __init__(self, message: str, *, code: str, hint: str, action: str) -> None:
        super().__init__(message, code=code, exit_code=ExitCode.AWS, hint=hint)
        self.action = action


def _access_denied(code: str, message: str, operation: str) -> Forbidden | None:
    """The error for a missing permission: the one that AWS names, or else the one that the operation needs."""
    not_authorized, by_service = _NOT_AUTHORIZED.search(message), _DENIED_BY_SERVICE.search(message)
    if not_authorized:
        action, resource = not_authorized["action"], not_authorized["resource"]
    elif by_service:
        action, resource = f"{by_service['service'].lower()}:{by_service['action']}", by_service["resource"]
    elif _NO_SERVICE_ROLE in message:
        action, resource = "iam:CreateServiceLinkedRole", None
    elif code in FORBIDDEN and "Cross-account" not in message:
        action, resource = " or ".join(dict.fromkeys(actions_of(operation))), None
    else:
        return None
    permission = action or "the permission"
    on = f" on {resource.rstrip('.,')}" if resource else ""
    layer = next((name for name in LAYERS if name in message.lower()), None)
    who, next_step = LAYERS[layer] if layer else ("", DEFAULT_DENIED_HINT)
    if "explicit deny" in message.lower():
        text = f"AWS refused {operation}: {permission}{on} is explicitly denied" + (f" by {who}." if who else ".")
        next_step = "Another policy cannot allow it: the deny statement must change. " + next_step
    else:
        text = f"AWS refused {operation}: you lack {permission}{on}" + (f"; {who} must allow it." if who else ".")
    if action == "iam:PassRole":
        next_step = f"It is the permission to pass a role to Lambda. {next_step}"
    return Forbidden(
        text,
        code="aws_pass_role" if action == "iam:PassRole" else "aws_access_denied",
        hint=f"{next_step.rstrip('.')}.",
        action=action,
    )


def _waiter_error(error: WaiterError) -> MlctlError:
    """The error when a resource does not reach a state, with the reason that AWS gives."""
    response: Any = error.last_response if isinstance(error.last_response, dict) else {}
    if "Error" in response:
        # The call failed; it did not time out.
        return refusal(ClientError(response, str(error.kwargs.get("name", ""))))
    found = response.get("Configuration", response)
    failed = "Failed" in (found.get("State"), found.get("LastUpdateStatus"))
    reasons = [found.get(key) for key in ("StateReason", "LastUpdateStatusReason") if found.get(key)]
    reason = " ".join(map(str, reasons)) or f"its state is {found.get('State') or 'unknown'}"
    waiting = _shorten(f"{error.kwargs.get('name')}: {reason}")
    if failed:
        return MlctlError(
            f"The function did not become ready ({waiting})",
            code="aws_not_ready",
            exit_code=ExitCode.AWS,
            hint="Correct the cause, then run the same command again.",
        )
    return MlctlError(
        f"The function was not ready in time ({waiting})",
        code="aws_wait_timeout",
        exit_code=ExitCode.AWS,
        hint=AGAIN,
    )


def _upload_error(error: Boto3Error) -> MlctlError:
    """The error of a failed upload, from the cause that boto3 wraps."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ClientError):
        return refusal(cause)
    if isinstance(cause, BotoCoreError):
        return _sdk_error(cause)
    matched = _UPLOAD_ERROR.search(str(error))
    if matched:
        document: Any = {"Error": {"Code": matched["code"], "Message": matched["message"]}}
        return refusal(ClientError(document, matched["operation"]))
    return _sdk_error(error)


def _sdk_error(error: BotoCoreError | Boto3Error) -> MlctlError:
    """The error for an exception of the SDK, by its nearest known class."""
    class_names = [kind.__name__ for kind in type(error).__mro__]
    text = next(SDK[name] for name in class_names if name in SDK)
    return _error(text, str(error))


def _parser_error(why: str) -> MlctlError:
    """The error for a response that botocore cannot parse; parsers do not raise ``BotoCoreError``."""
    return _sdk_error(ForeignAnswerError(operation="A call", why=why))


def _error(text: ErrorText, message: str, **groups: str) -> MlctlError:
    filled = {"message": _shorten(message), **groups}
    return MlctlError(
        text.text.format(**filled).strip(),
        code=text.code,
        exit_code=ExitCode.AWS,
        hint=text.hint.format(**filled),
    )


def _shorten(message: str) -> str:
    """AWS's message on one line, with a limited length."""
    line = " ".join(message.split())
    return line if len(line) <= _MESSAGE_LIMIT else f"{line[:_MESSAGE_LIMIT]}…"
