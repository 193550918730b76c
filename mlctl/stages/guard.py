"""Access control for the emulator's port: deployed APIs are open, all else needs the secret.

This file runs in the emulator's process (``guarded_emulator.py``), whose Python environment has no mlctl, so it uses
the standard library only. The same server parses a request for the guard and for the emulator, so they cannot disagree
about where it begins or ends.

The secret travels as the access key id of Signature Version 4 (``Authorization: … Credential=<secret>/…``, or
``X-Amz-Credential`` in a presigned URL), because every AWS SDK and the AWS CLI send that without a plug-in: to point
one at the emulator, export AWS_ACCESS_KEY_ID. The signature itself is not checked. The header ``x-mlctl-secret`` works
too, for clients that do not sign.
"""

import hmac
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Headers = list[tuple[bytes, bytes]]
Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SECRET_HEADER = b"x-mlctl-secret"
# Marks the answers of a guard, so that mlctl knows an emulator of another project.
MARK = b"x-mlctl-guard"
# What the emulator sees in place of the secret: neither its log, its state nor a function ever holds it.
ANYBODY = b"test"

_DEPLOYED = re.compile(r"/_aws/execute-api/[a-z0-9]+/")
_VIRTUAL_HOST = re.compile(r"([a-z0-9]+)\.execute-api\.localhost")
_PORT = re.compile(r"(?::[0-9]{1,5})?")
# Signature Version 4, and Version 2, with which boto3 still signs the URLs of S3 by default.
_CREDENTIAL = re.compile(rb"Credential=([^/,\s]+)/|^AWS ([^:\s]+):")
_IN_QUERY = re.compile(rb"(?:^|&)(?:X-Amz-Credential|AWSAccessKeyId)=([A-Za-z0-9]+)(?=/|%2[Ff]|&|$)")
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html: the payload of a request.
_BODY_LIMIT = 10 * 1024 * 1024
# More than any length that is looked at: int() refuses thousands of digits.
_LENGTH_DIGITS = 18
_HOW = (
    "This is an emulator of mlctl: it needs the credentials that `mlctl local status --json` shows "
    "(export them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)."
)


@dataclass(frozen=True)
class Verdict:
    """``refused`` says why a request may not pass, None lets it pass.

    ``path`` and ``host`` are what the emulator gets. ``open``: the request goes to a deployed API, which answers
    everybody.
    """

    refused: str | None
    path: str
    host: str = ""
    open: bool = False


def judge(secret: str, path: str, query: bytes, headers: Iterable[tuple[bytes, bytes]]) -> Verdict:
    """Whether a request may pass: ``path`` is decoded, ``query`` is not, names of ``headers`` are in lower case."""
    fields = list(headers)
    hosts = [value for name, value in fields if name == b"host"]
    host, port = _loopback(hosts[0]) if len(hosts) == 1 else (None, "")
    if host is None:
        # A page whose own name resolves to 127.0.0.1 (DNS rebinding) is of the same origin for a browser.
        return Verdict("The Host header must name this machine: localhost or 127.0.0.1.", path)
    virtual = _VIRTUAL_HOST.fullmatch(host)
    if virtual:
        # The emulator serves its own paths under these names too: the request may mean the API alone.
        path = f"/_aws/execute-api/{virtual[1]}{path}"
    if virtual or (host.endswith(".localhost") and _is_deployed(path)):
        # Other names with a meaning for the emulator (buckets, distributions) must not win over the path.
        host = "localhost"
    if _is_deployed(path):
        return Verdict(None, path, host + port, open=True)
    if any(name == b"origin" for name, _ in fields):
        return Verdict("Web pages may not use the AWS APIs of the emulator.", path)
    if not _knows(secret, query, fields):
        return Verdict(_HOW, path)
    if not path.startswith("/"):
        return Verdict("The request target must be a path.", path)
    return Verdict(None, path, host + port)


def _is_deployed(path: str) -> bool:
    # "@connections" manages the clients of a WebSocket API.
    return bool(_DEPLOYED.match(path)) and not {".", "..", "@connections"}.intersection(re.split(r"[/\\]", path))


def _loopback(value: bytes) -> tuple[str | None, str]:
    """The host of a Host header, in lower case, and its ``:port``; None where it is not of this machine."""
    text = value.decode("latin-1").lower()
    if text.startswith("["):
        host, bracket, port = text.partition("]")
        host += bracket
    else:
        host, colon, port = text.partition(":")
        port = colon + port
    if not _PORT.fullmatch(port):
        return None, ""
    if host in ("localhost", "[::1]") or re.fullmatch(r"([a-z0-9_-]+\.)+localhost", host):
        return host, port
    try:
        return (host, port) if ipaddress.IPv4Address(host).is_loopback else (None, "")
    except ValueError:
        return None, ""


def _knows(secret: str, query: bytes, headers: Headers) -> bool:
    return any(hmac.compare_digest(offered, secret.encode()) for offered in _offered(query, headers))


def _offered(query: bytes, headers: Headers) -> Iterator[bytes]:
    for name, value in headers:
        if name == SECRET_HEADER:
            yield value
        elif name == b"authorization":
            yield from (match[1] or match[2] for match in _CREDENTIAL.finditer(value))
    # As it stands: what is decoded first could not be replaced in what the emulator gets.
    yield from _IN_QUERY.findall(query)


def cors_headers(configuration: dict[str, Any], origin: str) -> dict[str, str]:
    """What an HTTP API adds to its answers for browsers; nothing without an origin, or for one that is not allowed.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
    """
    allowed = [pattern.lower() for pattern in (configuration or {}).get("allowOrigins") or []]
    if not origin or not any(_matches(pattern, origin.lower()) for pattern in allowed):
        return {}
    everybody = "*" in allowed
    headers = {"Access-Control-Allow-Origin": "*" if everybody else origin}
    if not everybody:
        headers["Vary"] = "Origin"
    if configuration.get("allowCredentials") and not everybody:
        headers["Access-Control-Allow-Credentials"] = "true"
    if configuration.get("exposeHeaders"):
        headers["Access-Control-Expose-Headers"] = ",".join(configuration["exposeHeaders"])
    return headers


def _matches(pattern: str, origin: str) -> bool:
    if pattern in ("https://*", "http://*"):
        return origin.startswith(pattern[:-1])
    return pattern in ("*", origin)


class Guard:
    """The emulator's ASGI application, behind ``judge``."""

    def __init__(self, app: App, secret: str) -> None:
        self._app = app
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection: https://asgi.readthedocs.io/en/latest/specs/main.html."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            # Nothing that mlctl deploys has one. Closed before it is accepted, it is answered with 403.
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name.lower(), value) for name, value in scope["headers"]]
        verdict = judge(self._secret, scope["path"], scope["query_string"], headers)
        if verdict.refused is not None:
            await _refuse(verdict.refused, send)
            return
        passed = self._passed(scope, headers, verdict)
        if verdict.open:
            await _limited(self._app, passed, receive, send)
        else:
            await self._app(passed, receive, _without_cors(send))

    def _passed(self, scope: Scope, headers: Headers, verdict: Verdict) -> Scope:
        secret = self._secret.encode()
        added = verdict.path.removesuffix(scope["path"]).encode()
        return {
            **scope,
            "path": verdict.path,
            "raw_path": added + scope["raw_path"],
            "query_string": scope["query_string"].replace(secret, ANYBODY),
            "headers": [
                (name, verdict.host.encode() if name == b"host" else value.replace(secret, ANYBODY))
                for name, value in headers
                if name != SECRET_HEADER
            ],
        }


async def _limited(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Keep a body that an HTTP API does not take out of the emulator's memory: anybody may send one."""
    taken, is_begun, is_too_large = 0, False, _length(scope["headers"]) > _BODY_LIMIT

    async def counted() -> Message:
        nonlocal taken, is_too_large
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > _BODY_LIMIT:
            is_too_large = True
            return {"type": "http.disconnect"}
        return message

    async def sent(message: Message) -> None:
        nonlocal is_begun
        is_begun = True
        await send(message)

    if not is_too_large:
        await app(scope, counted, sent)
    if is_too_large and not is_begun:
        await _answer(413, [], {"message": "Request Entity Too Large"}, send)


def _length(headers: Headers) -> int:
    lengths = [value for name, value in headers if name == b"content-length" and value.isdigit()]
    # The server refuses requests with several lengths, and a length that is not a number.
    return int(lengths[0][:_LENGTH_DIGITS]) if lengths else 0


async def _refuse(why: str, send: Send) -> None:
    marks = [(b"x-amzn-errortype", b"AccessDeniedException"), (MARK, b"refused")]
    await _answer(403, marks, {"__type": "AccessDeniedException", "message": why}, send)


async def _answer(status: int, marks: Headers, document: dict[str, str], send: Send) -> None:
    body = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *marks]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _without_cors(send: Send) -> Send:
    """The emulator invites every origin, in each of its answers."""

    async def filtered(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message["headers"] if not pair[0].lower().startswith(b"access-control-")]
            message = {**message, "headers": kept}
        await send(message)

    return filtered
