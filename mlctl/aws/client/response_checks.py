"""Answers that are none of AWS's: what botocore's parsers, or the code that reads their results, would break on.

A proxy, a captive portal, another program or an incomplete emulator may answer with anything. The checks here are
the only place that knows: an answer that passes has the types of the service's model, and a field that is read
though it is not there raises ForeignAnswerError rather than a plain KeyError.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.parsers import ResponseParser, ResponseParserFactory
from botocore.session import Session

_JSON = ("json", "rest-json")
# Larger ones are not read twice.
_SMALL_BYTES = 65_536
_OPERATION = "mlctl_operation"
# What botocore's parsers raise on values of other types than the model's.
_BROKEN = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)
_LARGEST = 2**63
_WORDS = {"structure": "an object", "list": "a list", "map": "an object", "boolean": "true or false"}


class ForeignAnswerError(BotoCoreError):
    """Something else answers in the place of AWS."""

    fmt = "the answer to {operation} is not in the form that AWS uses ({why})"


class MissingFieldError(ForeignAnswerError, KeyError):
    """A field that AWS always sends, and that is not there."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would quote it


class CheckedResponse(dict[str, Any]):
    """An object of an answer; it says which operation's when a field is missing."""

    operation = ""

    def __missing__(self, name: str) -> Any:
        raise MissingFieldError(operation=self.operation, why=f"it has no {name}")


def guard(session: Session) -> None:
    """Make the clients of ``session`` check every answer against the model of its service."""
    session.register_component("response_parser_factory", _CheckedParsers())


def watch(client: Any) -> None:
    """Check the raw answers that ``client`` gets, and let the parsers know which operation they belong to."""
    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register(f"before-parse.{service}", _check, unique_id=f"mlctl-answers-{service}")


def foreign(operation: str, why: str) -> ForeignAnswerError:
    """The error of an answer of ``operation`` that cannot be AWS's."""
    return ForeignAnswerError(operation=operation, why=why)


@contextmanager
def interpreting(operation: str) -> Iterator[None]:
    """Text within an answer of ``operation`` is read: an ARN, a policy, a number. For such lines alone, without calls.

    Raises ForeignAnswerError where it has another form than AWS gives it.
    """
    try:
        yield
    except BotoCoreError:
        raise
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise foreign(operation, f"a text field has the wrong format: {type(error).__name__}") from error


def _check(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Raise ForeignAnswerError for a body that is no JSON object; what is no JSON at all is a message to botocore."""
    response_dict[_OPERATION] = operation_model.name
    is_stream = operation_model.has_streaming_output and response_dict["status_code"] < 300
    body = response_dict["body"]
    if is_stream or not body or operation_model.service_model.resolved_protocol not in _JSON:
        return
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise foreign(operation_model.name, "it is not text") from None
    if len(body) > _SMALL_BYTES and text.lstrip()[:1] == "{":
        return
    try:
        document = json.loads(text)
    except RecursionError:
        raise foreign(operation_model.name, "it is nested too deeply") from None
    except ValueError:
        return
    if not isinstance(document, dict):
        raise foreign(operation_model.name, "it is not a JSON object")


class _CheckedParsers(ResponseParserFactory):
    def create_parser(self, protocol_name: str) -> Any:
        """A parser whose results have the types of the model."""
        return _CheckedParser(super().create_parser(protocol_name))


class _CheckedParser:
    """A parser of botocore, and a check of what it read: most parsers take any JSON value for any type."""

    def __init__(self, parser: ResponseParser) -> None:
        self._parser = parser

    def parse(self, response: dict[str, Any], shape: Shape | None) -> Any:
        """The parsed answer. Raises ForeignAnswerError for one that does not fit ``shape``."""
        operation = str(response.get(_OPERATION, "A call"))
        try:
            # botocore's own code passes None where an operation has no output.
            parsed: Any = self._parser.parse(response, shape)  # type: ignore[arg-type]  # as it does
        except BotoCoreError:
            raise  # some of them are a ValueError too
        except _BROKEN as error:
            raise foreign(operation, f"a field has the wrong type: {type(error).__name__}") from error
        if not isinstance(parsed, dict):
            return parsed
        if response["status_code"] >= 300:
            _check_error(operation, parsed)
            return parsed
        checked = _checked(operation, shape, parsed, "it") if isinstance(shape, StructureShape) else {}
        return _answer(operation, {**parsed, **checked})


def _check_error(operation: str, parsed: Mapping[str, Any]) -> None:
    """An error of a service holds a code and a message, both of them text."""
    error = parsed.get("Error", {})
    if not isinstance(error, dict) or not all(isinstance(error.get(key), str | None) for key in ("Code", "Message")):
        raise foreign(operation, "its error code or message is not text")


def _answer(operation: str, fields: Mapping[str, Any]) -> CheckedResponse:
    made = CheckedResponse(fields)
    made.operation = operation
    return made


def _checked(operation: str, shape: Shape, value: Any, where: str) -> Any:
    """``value`` with an Answer for every object that the model describes."""
    kind = shape.type_name
    if getattr(shape, "is_document_type", False) or "jsonvalue" in shape.serialization:
        return value
    if isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            raise _of_another_type(operation, where, kind)
        members = shape.members
        return _answer(
            operation,
            {
                name: _checked(operation, members[name], field, name)
                if name in members and field is not None
                else field
                for name, field in value.items()
            },
        )
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            raise _of_another_type(operation, where, kind)
        return [_checked(operation, shape.member, item, where) for item in value]
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            raise _of_another_type(operation, where, kind)
        return {name: _checked(operation, shape.value, item, where) for name, item in value.items()}
    if not _fits(kind, value):
        raise _of_another_type(operation, where, kind)
    return value


def _fits(kind: str, value: Any) -> bool:
    if kind in ("integer", "long"):
        is_whole = type(value) is int or (type(value) is float and value.is_integer())
        return is_whole and -_LARGEST <= value < _LARGEST
    if kind in ("float", "double"):
        return type(value) in (int, float)
    if kind == "boolean":
        return isinstance(value, bool)
    # Of blobs and timestamps botocore's parsers make what they should be.
    return kind not in ("string", "character") or isinstance(value, str)


def _of_another_type(operation: str, where: str, kind: str) -> ForeignAnswerError:
    what = _WORDS.get(kind, "text" if kind in ("string", "character") else "a number")
    return foreign(operation, f"{where} is not {what}")
