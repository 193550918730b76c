"""Metrics of two releases that share the traffic of the alias ``live``."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnected

from mlctl.aws.client.error_catalog import FORBIDDEN
from mlctl.aws.client.errors import code_of, raise_unless_absent
from mlctl.aws.client.session import Aws
from mlctl.aws.live.log_pages import PAGE_SIZE, Given, LogScan
from mlctl.aws.live.logs import LATE_MS
from mlctl.aws.stack.names import ALIAS, Names

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

# Lambda tells its metrics once a minute: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html
_MINUTE = 60
# CloudWatch keeps minutes for fifteen days:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
_KEPT_SECONDS = 14 * 86_400
_METRICS = {"requests": ("Invocations", "Sum"), "errors": ("Errors", "Sum"), "p99": ("Duration", "p99")}
# The version that wrote a log stream stands in its name, 2026/11/24/[7]0123456789abcdef, in a log group of one's own
# after the function: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html
_STREAM_VERSION = re.compile(r"^[^\[]*\[(\d+)\]")
_PAGES = 10


@dataclass(frozen=True)
class ReleaseMetrics:
    """One release: its requests through the alias, how many failed, and their p99 in milliseconds, if any is known."""

    requests: int = 0
    errors: int = 0
    p99_ms: float | None = None

    @property
    def share(self) -> float:
        """The part of the requests that failed."""
        return self.errors / self.requests if self.requests else 0.0


@dataclass(frozen=True)
class CanaryMetrics:
    """Both releases since the canary began. Not ``complete``: the log was not read to its end."""

    live: ReleaseMetrics = ReleaseMetrics()
    canary: ReleaseMetrics = ReleaseMetrics()
    complete: bool = True


class ServerErrors:
    """How often each release answered with status 500 or above, by the log: each line once, however often it is read.

    A read makes at most _PAGES calls and goes on where the one before it stopped, so that neither a busy log nor a long
    canary is read from its beginning each time. Lines that ``[deploy] log_level`` keeps out of the log are not counted.
    """

    def __init__(self, aws: Aws, group: str, since: int, *, page_size: int = PAGE_SIZE) -> None:
        self.complete = True
        self.refused = False
        self._aws = aws
        self._group = group
        self._page_size = page_size
        self._from_ms = since * 1000
        self._began_ms = 0
        self._scan: LogScan | None = None
        self._counted = Given()
        self._found: Counter[str] = Counter()

    def count(self, now: float) -> Counter[str]:
        """The number for each release, by its number, as far as it is known at ``now`` (epoch seconds).

        Without the right to read the log (``refused``), or while it does not answer, that is what was known before.
        Raises what boto3 raises for any other reason.
        """
        self.complete = False
        try:
            for _ in range(0 if self.refused else _PAGES):
                if self._page(now):
                    self.complete = True
                    break
        except ClientError as error:
            if code_of(error) in FORBIDDEN:
                self.refused = True
            elif not passes(error):
                raise_unless_absent(error)
                self.complete = True
        except BotoCoreError as error:
            if not passes(error):
                raise
        return self._found

    def _page(self, now: float) -> bool:
        """Count one page; whether it was the last of a pass through the log."""
        if self._scan is None:
            self._began_ms = int(now * 1000)
            self._counted.begin_pass()
            self._scan = LogScan(
                self._aws,
                self._group,
                start=self._from_ms,
                pattern="{ $.status >= 500 }",
                page_size=self._page_size,
            )
        for event in self._scan.page():
            self._count(event)
        if not self._scan.finished:
            return False
        self._scan = None
        # What happened before the pass began may still come late; what is older than that has come.
        self._from_ms = max(self._from_ms, self._began_ms - LATE_MS)
        self._counted.forget_before(self._from_ms)
        return True

    def _count(self, event: Any) -> None:
        version = _STREAM_VERSION.match(event["logStreamName"])
        if version and _is_server_error(event["message"]) and self._counted.is_new(event):
            self._found[version[1]] += 1


def read(
    aws: Aws, names: Names, *, live: str, canary: str, since: int, now: float, log: ServerErrors | None = None
) -> CanaryMetrics:
    """The metrics of two releases since ``since`` (epoch seconds); they lag one or two minutes behind.

    The dimension ExecutedVersion tells the two apart, and Resource keeps to the alias: what mlctl itself asks a release
    by its number is not among them (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html).
    A function that answers HTTP 500 has not failed for Lambda, so those are counted from the log: by ``log`` when there
    is more than one reading. The log is quicker than the metrics, so there are at least as many requests as failed.
    Raises what boto3 raises.
    """
    began = max(since, int(now) - _KEPT_SECONDS)
    start = began - began % _MINUTE
    window = max(ceil((now - start) / _MINUTE), 1) * _MINUTE
    values: dict[str, list[float]] = {}
    for page in aws.cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=_queries(names, {"live": live, "canary": canary}, window),
        StartTime=datetime.fromtimestamp(start, UTC),
        EndTime=datetime.fromtimestamp(start + window, UTC),
    ):
        for found in page["MetricDataResults"]:
            values.setdefault(found["Id"], []).extend(found["Values"])
    log = log or ServerErrors(aws, names.log_group, since)
    failed = log.count(now)
    return CanaryMetrics(
        live=_side(values, "live", failed[live]),
        canary=_side(values, "canary", failed[canary]),
        complete=log.complete or log.refused,
    )


def passes(error: ClientError | BotoCoreError) -> bool:
    """Whether a call failed for a reason that passes by itself: too many calls, a fault of AWS's, the network."""
    if not isinstance(error, ClientError):
        return isinstance(error, (HTTPClientError, NotConnected))
    code = code_of(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or "Throttl" in code or code in ("RequestLimitExceeded", "TooManyRequestsException")


def _queries(names: Names, releases: dict[str, str], window: int) -> "list[MetricDataQueryTypeDef]":
    """Sums by the minute; one p99 of all of ``window`` seconds: those of its minutes could not be put together."""
    return [
        {
            "Id": f"{side}_{key}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Lambda",
                    "MetricName": metric,
                    "Dimensions": [
                        {"Name": "FunctionName", "Value": names.function},
                        {"Name": "Resource", "Value": f"{names.function}:{ALIAS}"},
                        {"Name": "ExecutedVersion", "Value": release},
                    ],
                },
                "Period": _MINUTE if statistic == "Sum" else window,
                "Stat": statistic,
            },
        }
        for side, release in releases.items()
        for key, (metric, statistic) in _METRICS.items()
    ]


def _side(values: dict[str, list[float]], side: str, failed: int) -> ReleaseMetrics:
    errors = round(sum(values.get(f"{side}_errors", []))) + failed
    requests = round(sum(values.get(f"{side}_requests", [])))
    return ReleaseMetrics(max(requests, errors), errors, max(values.get(f"{side}_p99", []), default=None))


def _is_server_error(message: str) -> bool:
    """Whether a line tells of a status of 500 or above: emulators do not filter by fields."""
    try:
        status = json.loads(message)["status"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return isinstance(status, int) and status >= 500
