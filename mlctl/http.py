"""One HTTP request to a deployed API."""

import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mlctl.errors import ExitCode, MlctlError

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

    Raises MlctlError (exit 5) when nothing answers at ``url``.
    """
    # A server on this machine is not behind the user's proxy.
    local = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    opener = urllib.request.build_opener(_Stay, *([urllib.request.ProxyHandler({})] if local else []))
    sent = {**({"content-type": "application/json"} if body is not None else {}), **(headers or {})}
    started = time.perf_counter()
    try:
        # The URL is that of an API which AWS or the emulator named, never a file's.
        prepared = urllib.request.Request(url, data=body, headers=sent, method=method)  # noqa: S310  # see above
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
