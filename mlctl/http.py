"""HTTP client for a deployed API: no redirects, a deadline, and no secrets over unencrypted connections."""

import contextlib
import http.client
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlctl.errors import ExitCode, MlctlError
from mlctl.hosts import is_loopback_url, keeps_secrets

# Whoever reads one of these headers can act as the caller.
_SECRET_HEADERS = {"authorization", "x-amz-security-token", "x-api-key"}
_TIMEOUT_SECONDS = 35  # an HTTP API answers within 30
# The time limit of a whole exchange, from the first byte sent to the last one received.
WHOLE_SECONDS = 120.0
# API Gateway passes on 10 MB at most, and Lambda answers with 6:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
BODY_BYTES = 16_000_000
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True)
class Response:
    """A response; the names in ``headers`` are in lower case, ``elapsed_ms`` is the time that the caller waited."""

    status: int
    headers: dict[str, str]
    body: bytes
    elapsed_ms: float


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, because urllib would send the token or signature to the other host."""

    def http_error_302(self, *_: Any) -> None:
        """Return None, so that the redirect itself is the response."""

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302  # type: ignore[assignment]  # as it


class _Deadline(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Closes connections when the whole exchange takes too long; a timeout of urllib limits only a single read."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = False
        self._sockets: list[socket.socket] = []

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Open a plain connection."""
        return self.do_open(self._recording(http.client.HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Open a connection with TLS."""
        return self.do_open(self._recording(http.client.HTTPSConnection), request)

    @contextlib.contextmanager
    def running(self, seconds: float) -> Iterator[None]:
        """Limit the duration of the block to ``seconds``."""
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _recording(self, kind: type[http.client.HTTPConnection]) -> Any:
        sockets = self._sockets

        class Recording(kind):  # type: ignore[valid-type,misc]  # one of two classes
            def connect(self) -> None:
                super().connect()
                sockets.append(self.sock)

        return Recording

    def _cut(self) -> None:
        self.passed = True
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                # The method of the base class: the one of a TLS socket would remove the TLS layer from a running read.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


def request(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    limit: int = BODY_BYTES,
    seconds: float = WHOLE_SECONDS,
) -> Response:
    """Send one request with ``headers``, and return the response whatever its status.

    ``limit``: the maximum size of the body in bytes. ``seconds``: the time limit of the whole exchange.

    Raises MlctlError: exit 2 if a token or signature would be sent unencrypted to another machine; exit 5 with
    ``api_unreachable`` if there is no complete response in time, or ``api_error`` if the response is not HTTP, is
    incomplete or exceeds ``limit``.
    """
    _check(url, headers or {})
    # Requests to this machine do not use the proxy of the user.
    deadline = _Deadline()
    direct = [urllib.request.ProxyHandler({})] if is_loopback_url(url) else []
    opener = urllib.request.build_opener(_Stay, deadline, *direct)
    sent = {**({"content-type": "application/json"} if body is not None else {}), **(headers or {})}
    started = time.perf_counter()
    # _check has refused URLs of files.
    prepared = urllib.request.Request(url, data=body, headers=sent, method=method)  # noqa: S310  # see above
    try:
        with deadline.running(seconds):
            try:
                with opener.open(prepared, timeout=_TIMEOUT_SECONDS) as answer:
                    status, received, content = answer.status, answer.headers, _body(answer, limit)
            except urllib.error.HTTPError as error:
                with error:
                    status, received, content = error.code, error.headers, _body(error, limit)
        if deadline.passed:
            raise TimeoutError  # a truncated body can look complete
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failed(url, error, late=seconds if deadline.passed else None) from None
    return Response(
        status=status,
        headers={name.lower(): value for name, value in received.items()},
        body=content,
        elapsed_ms=(time.perf_counter() - started) * 1000,
    )


def _check(url: str, headers: Mapping[str, str]) -> None:
    """Refuse URLs that are not HTTP (urllib also opens files), and secrets over unencrypted connections."""
    if not url.lower().startswith(("http://", "https://")):
        raise MlctlError(
            f"{url} is not the URL of an API.",
            code="api_unreachable",
            exit_code=ExitCode.AWS,
            hint="`mlctl status` shows whether it is deployed.",
        )
    if _SECRET_HEADERS & {name.lower() for name in headers} and not keeps_secrets(url):
        raise MlctlError(
            f"mlctl does not send your token or signature to {url}: the connection would be unencrypted.",
            code="insecure_url",
            exit_code=ExitCode.USAGE,
            hint="Use an endpoint with https, or one on this machine.",
        )


def _body(answer: Any, limit: int) -> bytes:
    """Read a whole body. Raises ValueError if it is too large, HTTPException if it is incomplete."""
    content = bytes(answer.read(limit + 1))
    if len(content) > limit:
        raise ValueError(f"its answer is larger than {limit:,} bytes")
    missing = getattr(answer, "length", None)
    if missing:
        raise http.client.IncompleteRead(content, missing)
    return content


def _failed(url: str, error: Exception, *, late: float | None) -> MlctlError:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if late is not None or isinstance(cause, OSError | str):
        why = f"no complete answer within {late:g} seconds" if late is not None else cause
        return MlctlError(
            f"The API at {url} does not answer: {why}.",
            code="api_unreachable",
            exit_code=ExitCode.AWS,
            hint="`mlctl status` shows whether it is deployed.",
        )
    said = " ".join(f"{'' if isinstance(cause, ValueError) else f'{type(cause).__name__}: '}{cause}".split())
    return MlctlError(
        f"The server at {url} is not the API: {said[:_SHOWN_CHARACTERS]}.",
        code="api_error",
        exit_code=ExitCode.AWS,
        hint="Another program or a proxy may answer in its place; `mlctl status` shows the stage.",
    )
