"""Reads log events from CloudWatch Logs, each exactly once."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from mlctl.aws.client.errors import code_of
from mlctl.aws.client.response_checks import foreign
from mlctl.aws.client.session import Aws
from mlctl.aws.live.log_pages import PAGE_SIZE, Given, LogScan

# CloudWatch shows an event some seconds after it happened, and not in the order of their times.
LATE_MS = 60_000
# The years 1970 to 9999, which is what AWS stores and what can be shown.
_LAST_MS = 253_402_300_799_999
# By so much two clocks of one machine may differ without anybody having set one.
_DRIFT_MS = 50
_SLACK_MS = 1_000
_END_OF_TIME = 2**63 - 1
# So many events, of some hundred bytes each, are known for longer than they have to be.
_REMEMBERED = 50_000


@dataclass(frozen=True)
class LogEvent:
    """One line. ``timestamp`` in milliseconds since 1970, UTC."""

    timestamp: int
    stream: str
    message: str


class LogReader:
    """Reads a log group again and again, and gives each event once.

    Every read asks for the last LATE_MS again, because events arrive late; what was given of those is remembered, and
    no more than that.

    ``clock`` (seconds since 1970) is the clock that stamps the events, where it is one of this machine: when somebody
    sets it back, new events are older than those before them. ``timer`` is one that nobody sets.
    """

    def __init__(
        self,
        aws: Aws,
        group: str,
        since: int,
        *,
        page_size: int = PAGE_SIZE,
        clock: Callable[[], float] | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._aws = aws
        self._group = group
        self._since = since
        self._page_size = page_size
        self._given = Given()
        self._is_first = True
        self._clock = clock
        self._timer = timer
        self._read_at = timer()

    def reconnect(self, aws: Aws) -> None:
        """Go on with the same log group, at a service that was started again."""
        self._aws = aws

    def read(self) -> Iterator[LogEvent]:
        """The events that have not been given yet, in the order of their times; none while there is no group.

        They are given page by page, so a log of any size needs the memory of a page and of LATE_MS. CloudWatch sorts
        events over all pages; the stable sort keeps lines of one millisecond in the order in which they were written.
        """
        before = self._since
        self._follow_clock()
        scan = LogScan(self._aws, self._group, start=self._since, page_size=self._page_size)
        self._given.begin_pass()
        newest = self._since
        while not scan.finished:
            try:
                page = scan.page()
            except ClientError as error:
                if code_of(error) == "ResourceNotFoundException":
                    return
                raise
            if not all(0 <= event["timestamp"] <= _LAST_MS for event in page):
                raise foreign("FilterLogEvents", "the time of an event is not between 1970 and 9999")
            now = self._now_ms()
            for event in sorted(page, key=lambda event: event["timestamp"]):
                moment = event["timestamp"]
                newest = max(newest, min(moment, now) - LATE_MS)
                # Between now and where the last pass began lies what was given before the clock was set back.
                if self._given.is_new(event) and not now < moment < before:
                    yield LogEvent(timestamp=moment, stream=event["logStreamName"], message=event["message"])
            if self._is_first:
                # Nothing of before has been given: within a pass no event comes twice.
                self._forget_before(newest)
        self._is_first = False
        self._since = newest
        self._forget_before(newest)

    def _forget_before(self, moment: int) -> None:
        # A clock that is set back makes the passes ask for earlier events again.
        if self._clock is None or len(self._given) > _REMEMBERED:
            self._given.forget_before(moment)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000) if self._clock else _END_OF_TIME

    def _follow_clock(self) -> None:
        """Ask for events from an earlier time on, where the clock was set back since the last pass."""
        begun, self._read_at = self._read_at, self._timer()
        earliest = self._now_ms() - int((self._read_at - begun) * 1000)
        if not self._is_first and earliest < self._since - _DRIFT_MS:
            self._since = earliest - _SLACK_MS

    def exists(self) -> bool:
        """Whether the log group is there."""
        pages = self._aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=self._group)
        return any(group["logGroupName"] == self._group for page in pages for group in page["logGroups"])
