"""Log events from CloudWatch Logs, each exactly once."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from mlctl.aws.errors import code_of
from mlctl.aws.session import Aws

if TYPE_CHECKING:
    from collections.abc import Hashable

# CloudWatch shows an event some seconds after it happened, and not in the order of their times.
LATE_MS = 60_000


@dataclass(frozen=True)
class LogEvent:
    """One line. ``timestamp`` in milliseconds since 1970, UTC."""

    timestamp: int
    stream: str
    message: str


class LogReader:
    """Reads a log group again and again, and gives each event once.

    Every read asks for the last LATE_MS again, because events arrive late. What was given already
    is known by its ``eventId``, or, where the service gives none, by stream, time, text and how
    many the same came before it: two equal lines of one millisecond are two events.
    """

    def __init__(self, aws: Aws, group: str, since: int) -> None:
        self._aws = aws
        self._group = group
        self._since = since
        self._given: dict[Hashable, int] = {}

    def read(self) -> Iterator[LogEvent]:
        """The events that have not been given yet, in the order of their times; none while there is no group.

        The stable sort keeps lines of one millisecond in the order in which they were written.
        """
        try:
            found = sorted(self._fetch(), key=lambda event: event["timestamp"])
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return
            raise
        seen: Counter[Hashable] = Counter()
        newest = self._since
        for event in found:
            plain = (event["logStreamName"], event["timestamp"], event["message"])
            seen[plain] += 1
            key: Hashable = event.get("eventId") or (*plain, seen[plain])
            newest = max(newest, event["timestamp"] - LATE_MS)
            if key not in self._given:
                self._given[key] = event["timestamp"]
                yield LogEvent(timestamp=event["timestamp"], stream=event["logStreamName"], message=event["message"])
        self._since = newest
        self._given = {key: at for key, at in self._given.items() if at >= self._since}

    def exists(self) -> bool:
        """Whether the log group is there."""
        pages = self._aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=self._group)
        return any(group["logGroupName"] == self._group for page in pages for group in page["logGroups"])

    def _fetch(self) -> Iterator[Any]:
        pages = self._aws.logs.get_paginator("filter_log_events").paginate(
            logGroupName=self._group, startTime=max(self._since, 0)
        )
        for page in pages:
            yield from page["events"]
