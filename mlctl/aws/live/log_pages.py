"""FilterLogEvents, a page at a time: every event of a time range once, on AWS and on the emulator.

AWS gives a token with each page but the last, and pages may be partly full or empty
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html). The emulator gives the
oldest PAGE_SIZE events and no token at all: a full page without a token is not the last one.
"""

from collections import Counter
from collections.abc import Hashable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from mlctl.aws.client.session import Aws

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import FilterLogEventsRequestTypeDef, GetLogEventsRequestTypeDef

# The most events that a page can hold, which is also what is asked for.
PAGE_SIZE = 10_000


class LogScan:
    """One pass through the events of a log group from ``start`` to ``end``, both included, in milliseconds since 1970.

    ``pattern`` is a filter pattern, which emulators do not apply. A page that fails can be asked for again.
    ``finished`` tells the end. ``cut``: the service ended the last page without a token, as only an emulator does.
    """

    def __init__(
        self,
        aws: Aws,
        group: str,
        *,
        start: int,
        end: int | None = None,
        pattern: str = "",
        page_size: int = PAGE_SIZE,
    ) -> None:
        self.finished = False
        self.cut = False
        self._aws = aws
        self._group = group
        self._start = max(start, 0)
        self._end = end
        self._pattern = pattern
        self._page_size = page_size
        self._token: str | None = None
        # The events of the millisecond _start that were given before a page was cut there.
        self._boundary: Counter[Hashable] = Counter()
        # The streams still to be read of a millisecond that fills more than a page.
        self._streams: list[str] | None = None

    def page(self) -> list[Any]:
        """The next events, oldest first; an empty page is not the end. Raises what boto3 raises."""
        if self._streams is not None:
            return self._page_of_stream(self._streams)
        answer = self._aws.logs.filter_log_events(**self._request())
        events: list[Any] = answer["events"]
        token = answer.get("nextToken")
        self.cut = token is None and len(events) >= self._page_size
        if self.cut:
            return self._go_on_after(events)
        fresh = self._without_boundary(events, self._boundary.copy())
        self._token, self.finished = token, token is None
        return fresh

    def _request(self) -> "FilterLogEventsRequestTypeDef":
        request: FilterLogEventsRequestTypeDef = {
            "logGroupName": self._group,
            "startTime": self._start,
            "limit": self._page_size,
        }
        if self._end is not None:
            request["endTime"] = self._end
        if self._pattern:
            request["filterPattern"] = self._pattern
        if self._token:
            request["nextToken"] = self._token
        return request

    def _go_on_after(self, events: list[Any]) -> list[Any]:
        """The new events of a page that was cut; the next one begins at its last millisecond, which may have more."""
        last = max(event["timestamp"] for event in events)
        if last == self._start:
            # A page of one millisecond: time does not divide it, its log streams do.
            self._streams = self._streams_at(last)
            return []
        fresh = self._without_boundary(events, self._boundary)
        self._start = last
        self._boundary = Counter(key_of(event) for event in events if event["timestamp"] == last)
        return fresh

    def _without_boundary(self, events: list[Any], known: Counter[Hashable]) -> list[Any]:
        """``events`` without those of ``known``, each left out once."""
        fresh = []
        for event in events:
            key = key_of(event) if event["timestamp"] == self._start and known else None
            if key is not None and known[key]:
                known[key] -= 1
            else:
                fresh.append(event)
        return fresh

    def _streams_at(self, moment: int) -> list[str]:
        pages = self._aws.logs.get_paginator("describe_log_streams").paginate(logGroupName=self._group)
        return [
            stream["logStreamName"]
            for page in pages
            for stream in page["logStreams"]
            if stream.get("firstEventTimestamp", moment) <= moment <= stream.get("lastEventTimestamp", moment)
        ]

    def _page_of_stream(self, streams: list[str]) -> list[Any]:
        if not streams:
            self._streams = None
            self._boundary.clear()
            self._start += 1
            self.finished = self._end is not None and self._start > self._end
            return []
        request: GetLogEventsRequestTypeDef = {
            "logGroupName": self._group,
            "logStreamName": streams[0],
            "startTime": self._start,
            "endTime": self._start + 1,  # excluded
            "startFromHead": True,
            "limit": self._page_size,
        }
        if self._token:
            request["nextToken"] = self._token
        answer = self._aws.logs.get_log_events(**request)
        token: str | None = answer["nextForwardToken"]
        events: list[Any] = answer["events"]
        for event in events:
            event["logStreamName"] = streams[0]
        if token == self._token:
            # The same token again tells the end of a stream.
            streams.pop(0)
            token = None
        self._token = token
        return self._without_boundary(events, self._boundary)


class Given:
    """Which events were given already, over several passes through overlapping time ranges.

    An event is known by stream, time and text, and by how many equal ones came before it in its pass: two equal lines
    of one millisecond are two events. (Event ids do not do: not every way of reading a log tells them.)
    """

    def __init__(self) -> None:
        self._given: Counter[tuple[int, Hashable]] = Counter()
        self._in_pass: Counter[tuple[int, Hashable]] = Counter()

    def __len__(self) -> int:
        return len(self._given)

    def begin_pass(self) -> None:
        """A pass begins: it may bring the same events again."""
        self._in_pass.clear()

    def is_new(self, event: Any) -> bool:
        """Whether an event of this pass was in none before; it is known from now on."""
        key = (event["timestamp"], key_of(event))
        self._in_pass[key] += 1
        if self._in_pass[key] <= self._given[key]:
            return False
        self._given[key] = self._in_pass[key]
        return True

    def forget_before(self, timestamp: int) -> None:
        """Forget the events of before ``timestamp``, which no later pass will ask for."""
        for counter in (self._given, self._in_pass):
            for key in [key for key in counter if key[0] < timestamp]:
                del counter[key]


def key_of(event: Any) -> Hashable:
    """What tells one event of a millisecond from another: its stream and its text, in 16 bytes."""
    text = f"{event['logStreamName']}\0{event['message']}"
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
