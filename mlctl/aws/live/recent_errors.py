"""Reads recent errors of a stage from its log group."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from mlctl.aws.client.errors import raise_unless_absent
from mlctl.aws.client.session import Aws
from mlctl.aws.live.log_pages import PAGE_SIZE, LogScan

SPAN_MS = 3_600_000
SHOWN = 3
# The newest lines are asked for first: a page may hold none at all, and the budget must not be spent on old ones.
_SPANS_MS = ((0, 600_000), (600_000, SPAN_MS))
_PAGES = 5
# An emulator does not filter, so its pages are of all that happened; they cost neither money nor much time.
_CUT_PAGES = 100

# The statuses of an invocation that the handler could not answer, and so not log: Lambda ended it.
# https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report
_ENDED = ("timeout", "error", "failure")
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
_PATTERN = " || ".join(
    ['($.level = "ERROR")', "($.status >= 500)", *(f'($.record.status = "{status}")' for status in _ENDED)]
)


@dataclass(frozen=True)
class Failure:
    """One request that failed. ``timestamp`` in milliseconds since 1970, UTC."""

    timestamp: int
    request_id: str
    message: str


@dataclass(frozen=True)
class Failures:
    """Those of the last hour: how many, and the newest few. Not ``complete``: there may be more than were counted."""

    count: int
    recent: tuple[Failure, ...]
    complete: bool


def failures(aws: Aws, group: str, now_ms: int, *, page_size: int = PAGE_SIZE) -> Failures:
    """The failures that a log group holds of the hour before ``now_ms``; none where there is no such group.

    At most ten calls of AWS. Raises botocore's ClientError where AWS refuses them.
    """
    found: list[Failure] = []
    complete = True
    for newest, oldest in _SPANS_MS:
        scan = LogScan(
            aws,
            group,
            start=max(now_ms - oldest, 0),
            end=now_ms - newest - (1 if newest else 0),
            pattern=f"{{ {_PATTERN} }}",
            page_size=page_size,
        )
        pages = cut_pages = 0
        while not scan.finished and pages < _PAGES and cut_pages < _CUT_PAGES:
            try:
                page = scan.page()
            except ClientError as error:
                raise_unless_absent(error)
                return Failures(0, (), complete=True)
            found += [failure for event in page for failure in _failure(event)]
            cut_pages, pages = cut_pages + scan.cut, pages + (not scan.cut)
        complete = complete and scan.finished
    newest_first = sorted(found, key=lambda failure: failure.timestamp, reverse=True)
    return Failures(count=len(found), recent=tuple(newest_first[:SHOWN]), complete=complete)


def _failure(event: Any) -> Iterator[Failure]:
    """The event as a failure, if it is one: emulators do not filter by fields."""
    try:
        line = json.loads(event["message"])
    except (ValueError, RecursionError):
        return
    if not isinstance(line, dict):
        return
    record, status = line.get("record"), line.get("status")
    if line.get("level") == "ERROR" or (isinstance(status, int) and status >= 500):
        yield Failure(event["timestamp"], str(line.get("request_id", "")), str(line.get("message", "")))
    elif line.get("type") == "platform.report" and isinstance(record, dict) and record.get("status") in _ENDED:
        why = f": {record['errorType']}" if "errorType" in record else ""
        text = f"Lambda ended the request ({record['status']}{why})"
        yield Failure(event["timestamp"], str(record.get("requestId", "")), text)
