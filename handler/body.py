"""Parses the body of a request as a JSON object, or raises a RequestError that explains the problem."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Json = dict[str, Any]

MAX_BODY_BYTES = 4 * 1024 * 1024
# A synchronous Lambda response is at most 6 MB; headers and the JSON escaping of the body need room.
MAX_RESPONSE_CHARACTERS = 5_000_000
# The most repeated names that an error response lists.
MAX_NAMES = 20


class Repeated(dict[str, object]):
    """A JSON object with repeated names. ``names`` lists each repeated name once, in order."""

    names: list[str]


class RequestError(Exception):
    """A request that the handler refuses: status, code, message and details of the error response."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Iterable[Json] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = list(details)
        self.headers = headers or {}

    def as_dict(self) -> Json:
        """The ``error`` object of the response."""
        return {"code": self.code, "message": self.message, "details": self.details}


def read_body(event: Json) -> Json:
    """The JSON object in an event's body. Raises RequestError (400, 413 or 415) if there is none."""
    headers = event.get("headers")
    if not isinstance(headers, dict):
        headers = {}
    content_type = str(headers.get("content-type") or headers.get("Content-Type") or "application/json")
    media_type = content_type.split(";", 1)[0].strip().lower()
    if media_type != "application/json":
        message = f"The content type is {media_type[:100]}; send application/json."
        raise RequestError(415, "unsupported_media_type", message)
    body = event.get("body") or ""
    if not isinstance(body, str):
        raise RequestError(400, "malformed_request", "The event's body is not text.")
    if event.get("isBase64Encoded"):
        body = _from_base64(body)
    # Nearly every body is ASCII, whose bytes are its characters. Only other text is encoded.
    if len(body) > MAX_BODY_BYTES or (not body.isascii() and len(body.encode("utf-8", "replace")) > MAX_BODY_BYTES):
        raise RequestError(413, "body_too_large", f"The body is larger than {MAX_BODY_BYTES} bytes.")
    try:
        document: Any = _decode(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, "malformed_json", f"The body is not JSON: {_reason(error)[:200]}.") from None
    if not isinstance(document, dict):
        raise RequestError(400, "malformed_request", 'The body must be a JSON object such as {"features": [...]}.')
    if type(document) is Repeated:
        names = [name[:100] for name in document.names[:MAX_NAMES]]
        message = f'"{names[0]}" is given more than once in the body.'
        raise RequestError(422, "invalid_request", message, [{"field": name} for name in names])
    return document


def response_too_large() -> RequestError:
    """The error for a request whose response is too large for Lambda."""
    message = "The response would be too large. Send fewer instances in one request."
    return RequestError(413, "response_too_large", message)


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    # Any other ValueError comes from int() and mentions a limit of Python.
    return str(error) if isinstance(error, json.JSONDecodeError) else "a number in it has too many digits"


def _object(pairs: list[tuple[str, Any]]) -> Json:
    """Build an object for the JSON decoder: a Repeated if it repeats a name, which the reader of the object refuses."""
    unique = dict(pairs)
    if len(unique) == len(pairs):
        return unique
    repeated = Repeated(unique)
    seen: set[str] = set()
    names: Json = {}
    for name, _ in pairs:
        if name in seen:
            names[name] = None
        seen.add(name)
    repeated.names = list(names)
    return repeated


# One decoder for all requests: json.loads with a hook creates one at each call.
_decode = json.JSONDecoder(object_pairs_hook=_object).decode


def _from_base64(body: str) -> str:
    import base64

    try:
        return base64.b64decode(body, validate=True).decode("utf-8")
    except ValueError:
        raise RequestError(400, "malformed_json", "The body is not JSON: it is not UTF-8 text.") from None
