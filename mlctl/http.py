"""One HTTP request to a deployed API."""

import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlctl.errors import ExitCode, MlctlError
from mlctl.hosts import is_loopback_url, keeps_secrets

# What lets whoever reads it act as the caller.
_SECRET_HEADERS = {"authorization", "x-amz-security-token", "x-api-key"}
_TIMEOUT_SECONDS = 35  # an HTTP API answers within 30


@dataclass(frozen=True)
class Response:
    """``headers`` with names in lower case; ``elapsed_ms`` is what the caller waited."""

    status: int
    headers: dict[str, str]
    body: bytes
    elapsed_ms: float


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: urllib would show a token or a signature to whatever host it is sent to."""

    def redirect_request(self, *_: Any) -> None:
        """None: the redirect itself is the answer."""


def request(method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """Send one request and return the response, whatever its status; ``headers`` go with it.

    Raises MlctlError: exit 2 when a token or signature would go unencrypted to another machine, exit 5 when nothing
    answers at ``url``.
    """
    _check(url, headers or {})
    # A server on this machine is not behind the user's proxy.
    opener = urllib.request.build_opener(_Stay, *([urllib.request.ProxyHandler({})] if is_loopback_url(url) else []))
    sent = {**({"content-type": "application/json"} if body is not None else {}), **(headers or {})}
    started = time.perf_counter()
    try:
        prepared = urllib.request.Request(url, data=body, headers=sent, method=method)  # noqa: S310  # see _check
        with opener.open(prepared, timeout=_TIMEOUT_SECONDS) as answer:
            status, received, content = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        status, received, content = error.code, error.headers, error.read()
        error.close()
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise MlctlError(
            f"The API at {url} does not answer: {reason}.",
            code="api_unreachable",
            exit_code=ExitCode.AWS,
            hint="`mlctl status` tells whether it is deployed.",
        ) from None
    return Response(
        status=status,
        headers={name.lower(): value for name, value in received.items()},
        body=content,
        elapsed_ms=(time.perf_counter() - started) * 1000,
    )


def _check(url: str, headers: Mapping[str, str]) -> None:
    """Of an API that AWS or an emulator named: urllib would also read a file, or send a token for all to read."""
    if not url.lower().startswith(("http://", "https://")):
        raise MlctlError(
            f"{url} is not the URL of an API.",
            code="api_unreachable",
            exit_code=ExitCode.AWS,
            hint="`mlctl status` tells whether it is deployed.",
        )
    if _SECRET_HEADERS & {name.lower() for name in headers} and not keeps_secrets(url):
        raise MlctlError(
            f"Your token or signature is not sent to {url}: it would travel unencrypted to another machine.",
            code="insecure_url",
            exit_code=ExitCode.USAGE,
            hint="Use an endpoint with https, or one on this machine.",
        )
