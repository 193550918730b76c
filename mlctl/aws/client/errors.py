"""AWS's refusals in words a user can act on. What each becomes stands in ``refusals.py``."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, WaiterError
from botocore.parsers import ResponseParserError

from mlctl.aws.client.error_catalog import AGAIN, FORBIDDEN, LAYERS, REFUSALS, SDK, UNTOLD, ErrorText
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
# Of AWS's words: enough for the cause, without an encoded message of a thousand characters.
_WORDS_LIMIT = 300

_NOT_AUTHORIZED = re.compile(
    r"not authorized to perform:? (?P<action>[\w-]+:\w+)(?: on resource: (?P<resource>[^\s\"]+))?"
)
# https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html: Lambda asks others in the caller's name.
_BY_ANOTHER = re.compile(
    r"denied by (?P<service>S3|EC2), please make sure your request credentials have permission to (?P<action>\w+)"
    r"(?: for (?P<resource>[^\s\"]+))?"
)
_NO_SERVICE_ROLE = "not have permissions to create a Service Linked Role"
# What boto3 makes of a refused upload, should it have lost the refusal itself.
_TOLD = re.compile(
    r"An error occurred \((?P<code>\w+)\) when calling the (?P<operation>\w+) operation[^:]*: (?P<message>.*)"
)


def code_of(error: ClientError) -> str:
    """The error code of a refusal, such as ``ResourceNotFoundException``."""
    return error.response.get("Error", {}).get("Code", "")


def raise_unless_absent(error: ClientError) -> None:
    """Let an error pass that says only that a thing is not there."""
    if code_of(error) not in _ABSENT:
        raise error


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn what boto3 and botocore raise into MlctlError (exit 5): what was refused, why, and the next step."""
    try:
        yield
    except ClientError as error:
        raise refusal(error) from error
    except WaiterError as error:
        raise _waited(error) from error
    except Boto3Error as error:
        raise _transferred(error) from error
    except BotoCoreError as error:
        raise _sdk(error) from error
    except ResponseParserError as error:
        raise _foreign(first_line(error)) from error


def refusal(error: ClientError) -> MlctlError:
    """The MlctlError of a refusal by a service."""
    told: Mapping[str, Any] = error.response.get("Error", {})
    code, operation = str(told.get("Code", "")), error.operation_name
    message = str(told.get("Message") or code)
    denied = _denied(code, message, operation)
    if denied is not None:
        return denied
    # Lambda tells in a field of its own which limit a caller ran into.
    said = f"{message} {error.response.get('Reason', '')}"
    for each in REFUSALS:
        groups = each.match(code, said, operation)
        if groups is not None:
            return _told(each.words, message, operation=operation, code=code, **groups)
    raise AssertionError("the last refusal of the table matches all")


class Forbidden(MlctlError):
    """A refusal for want of a permission: ``action`` is the one that is lacking, or several where AWS does not tell."""

    def __init__(self, message: str, *, code: str, hint: str, action: str) -> None:
        super().__init__(message, code=code, exit_code=ExitCode.AWS, hint=hint)
        self.action = action


def _denied(code: str, message: str, operation: str) -> Forbidden | None:
    """A permission that is lacking, named: by AWS's words, or else by what the operation needs."""
    found, by_another = _NOT_AUTHORIZED.search(message), _BY_ANOTHER.search(message)
    if found:
        action, resource = found["action"], found["resource"]
    elif by_another:
        action, resource = f"{by_another['service'].lower()}:{by_another['action']}", by_another["resource"]
    elif _NO_SERVICE_ROLE in message:
        action, resource = "iam:CreateServiceLinkedRole", None
    elif code in FORBIDDEN and "Cross-account" not in message:
        action, resource = " or ".join(dict.fromkeys(actions_of(operation))), None
    else:
        return None
    what = action or "the permission"
    on = f" on {resource.rstrip('.,')}" if resource else ""
    layer = next((name for name in LAYERS if name in message.lower()), None)
    who, next_step = LAYERS[layer] if layer else ("", UNTOLD)
    if "explicit deny" in message.lower():
        text = f"AWS refused {operation}: {what}{on} is denied explicitly" + (f", by {who}." if who else ".")
        next_step = "To allow it elsewhere does not help: that statement has to change. " + next_step
    else:
        text = f"AWS refused {operation}: you lack {what}{on}" + (f"; {who} would have to allow it." if who else ".")
    if action == "iam:PassRole":
        next_step = f"That is the right to give a role to Lambda. {next_step}"
    return Forbidden(
        text,
        code="aws_pass_role" if action == "iam:PassRole" else "aws_access_denied",
        hint=f"{next_step.rstrip('.')}.",
        action=action,
    )


def _waited(error: WaiterError) -> MlctlError:
    """A state that did not come: with the reason that AWS gives for the one that did."""
    response: Any = error.last_response if isinstance(error.last_response, dict) else {}
    if "Error" in response:
        # It was refused, not late.
        return refusal(ClientError(response, str(error.kwargs.get("name", ""))))
    found = response.get("Configuration", response)
    failed = "Failed" in (found.get("State"), found.get("LastUpdateStatus"))
    reasons = [found.get(key) for key in ("StateReason", "LastUpdateStatusReason") if found.get(key)]
    reason = " ".join(map(str, reasons)) or f"its state is {found.get('State') or 'not told'}"
    waiting = _in_short(f"{error.kwargs.get('name')}: {reason}")
    if failed:
        return MlctlError(
            f"AWS could not make the function ready ({waiting})",
            code="aws_not_ready",
            exit_code=ExitCode.AWS,
            hint="Correct the cause, then run the same command again.",
        )
    return MlctlError(
        f"AWS took too long to make the function ready ({waiting})",
        code="aws_wait_timeout",
        exit_code=ExitCode.AWS,
        hint=AGAIN,
    )


def _transferred(error: Boto3Error) -> MlctlError:
    """An upload that failed: boto3 wraps what did it."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ClientError):
        return refusal(cause)
    if isinstance(cause, BotoCoreError):
        return _sdk(cause)
    told = _TOLD.search(str(error))
    if told:
        document: Any = {"Error": {"Code": told["code"], "Message": told["message"]}}
        return refusal(ClientError(document, told["operation"]))
    return _sdk(error)


def _sdk(error: BotoCoreError | Boto3Error) -> MlctlError:
    """What the SDK itself raises, by the nearest of its kinds that is known."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    words = next(SDK[kind] for kind in kinds if kind in SDK)
    return _told(words, str(error))


def _foreign(why: str) -> MlctlError:
    """What only botocore's parsers notice: they raise errors that are none of botocore's own."""
    return _sdk(ForeignAnswerError(operation="A call", why=why))


def _told(words: ErrorText, message: str, **groups: str) -> MlctlError:
    filled = {"message": _in_short(message), **groups}
    return MlctlError(
        words.text.format(**filled).strip(),
        code=words.code,
        exit_code=ExitCode.AWS,
        hint=words.hint.format(**filled),
    )


def _in_short(message: str) -> str:
    """AWS's words on one line."""
    line = " ".join(message.split())
    return line if len(line) <= _WORDS_LIMIT else f"{line[:_WORDS_LIMIT]}…"
