"""Log events from CloudWatch Logs, each exactly once."""

from collections.abc import Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from mlctl.aws.answers import foreign
from mlctl.aws.errors import code_of
from mlctl.aws.log_pages import PAGE_SIZE, Given, LogScan
from mlctl.aws.session import Aws

# CloudWatch shows an event some seconds after it happened, and not in the order of their times.
LATE_MS = 60_000
# The years 1970 to 9999, which is what AWS stores and what can be shown.
_LAST_MS = 253_402_300_799_999


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
    """

    def __init__(self, aws: Aws, group: str, since: int, *, page_size: int = PAGE_SIZE) -> None:
        self._aws = aws
        self._group = group
        self._since = since
        self._page_size = page_size
        self._given = Given()
        self._is_first = True

    def read(self) -> Iterator[LogEvent]:
        """The events that have not been given yet, in the order of their times; none while there is no group.

        They are given page by page, so a log of any size needs the memory of a page and of LATE_MS. CloudWatch sorts
        events over all pages; the stable sort keeps lines of one millisecond in the order in which they were written.
        """
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
                raise foreign("FilterLogEvents", "an event is of no time between 1970 and 9999")
            for event in sorted(page, key=lambda event: event["timestamp"]):
                newest = max(newest, event["timestamp"] - LATE_MS)
                if self._given.is_new(event):
                    yield LogEvent(
                        timestamp=event["timestamp"], stream=event["logStreamName"], message=event["message"]
                    )
            if self._is_first:
                # Nothing of before has been given: within a pass no event comes twice.
                self._given.forget_before(newest)
        self._is_first = False
        self._since = newest
        self._given.forget_before(newest)

    def exists(self) -> bool:
        """Whether the log group is there."""
        pages = self._aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=self._group)
        return any(group["logGroupName"] == self._group for page in pages for group in page["logGroups"])
