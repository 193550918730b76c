"""Calls that get no answer: how long a command waits for them, all its clients together.

botocore's timeouts hold for one attempt of one call, so an endpoint that accepts connections and never answers would
hold up a command for timeout x attempts x calls. Here the first call that waits too long decides for those after it.
"""

import http.client
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ConnectTimeoutError, ReadTimeoutError

if TYPE_CHECKING:
    from mlctl.errors import MlctlError

Client = TypeVar("Client")

# What was true this long ago still is.
_FRESH_SECONDS = 1.0
# For so long after a call without an answer, the next ones fail at once; a canary or a tail tries again later.
_SILENT_SECONDS = 5.0
_HEALTH = "/_ministack/health"
_TIMEOUTS = (ConnectTimeoutError, ReadTimeoutError)


class Silence:
    """What the clients of one command know of calls without an answer.

    ``emulator``: the URL of an emulator, which is asked whether it answers at all before a call to it. ``unanswered``
    makes the error of one that does not; calls to AWS raise botocore's.
    """

    # How long the attempts of one call to AWS may go without an answer.
    seconds = 60.0
    # How long the emulator may take to say that it is there: under load it answers late.
    probe_seconds = 10.0

    def __init__(self, emulator: str | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.unanswered: Callable[[], MlctlError] | None = None
        self._emulator = emulator
        self._clock = clock
        self._answered_at: float | None = None
        # By service: when a call was given up, and its error.
        self._given_up: dict[str, tuple[float, BotoCoreError]] = {}

    def watch(self, client: Client) -> Client:
        """The client, which keeps to the limits from now on."""
        meta: Any = client.meta  # type: ignore[attr-defined]  # every client of botocore has it
        service = meta.service_model.service_id.hyphenize()
        for event, handler in (
            (f"before-call.{service}", self._before_call),
            (f"needs-retry.{service}", self._needs_retry),
            (f"after-call.{service}", self._after_call),
        ):
            meta.events.register_first(event, handler, unique_id=f"mlctl-silence-{event}")
        return client

    def _before_call(self, model: Any, context: dict[str, Any], **_: Any) -> None:
        now = self._clock()
        for service, (given_up, error) in self._given_up.items():
            # As long as nothing has answered at all, it may be the network.
            concerned = self._answered_at is None or service == _name(model) or self._emulator is not None
            if now - given_up < _SILENT_SECONDS and concerned:
                raise self._error(error)
        if self._emulator and (self._answered_at is None or now - self._answered_at > _FRESH_SECONDS):
            self._probe(self._emulator, _name(model))
        context["mlctl_began"] = self._clock()

    def _probe(self, url: str, service: str) -> None:
        """Raise where nothing answers within the time; any other fault is the call's own affair."""
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            return
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=self.probe_seconds)
        try:
            connection.request("GET", _HEALTH)
            connection.getresponse()
        except TimeoutError:
            error = ReadTimeoutError(endpoint_url=url, error=f"no answer within {self.probe_seconds:g} seconds")
            self._given_up[service] = (self._clock(), error)
            raise self._error(error) from None
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()

    def _needs_retry(
        self, operation: Any, request_dict: dict[str, Any], caught_exception: Exception | None = None, **_: Any
    ) -> bool | None:
        """False ends the attempts; None leaves it to botocore."""
        if not isinstance(caught_exception, _TIMEOUTS):
            return None
        now = self._clock()
        began = request_dict["context"].get("mlctl_began", now)
        if self._emulator is None and now - began < self.seconds:
            return None
        self._given_up[_name(operation)] = (now, caught_exception)
        if self._emulator:
            raise self._error(caught_exception)
        return False

    def _after_call(self, model: Any, **_: Any) -> None:
        self._answered_at = self._clock()
        self._given_up.pop(_name(model), None)

    def _error(self, error: BotoCoreError) -> Exception:
        return self.unanswered() if self.unanswered else error


def _name(operation: Any) -> str:
    return str(operation.service_model.service_id.hyphenize())
