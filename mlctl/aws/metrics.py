"""What CloudWatch and the log know of two releases that share the traffic of the alias ``live``."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlctl.aws.names import Names
from mlctl.aws.session import Aws

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef
    from types_boto3_logs.type_defs import FilterLogEventsRequestTypeDef

# Lambda tells its metrics once a minute: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html
_PERIOD_SECONDS = 60
_METRICS = {"requests": ("Invocations", "Sum"), "errors": ("Errors", "Sum"), "p99": ("Duration", "p99")}
# The version that wrote a log stream stands in its name: 2026/11/24/[7]0123456789abcdef.
_STREAM_VERSION = re.compile(r"\[([^\]]+)\]")
_PAGES = 5


@dataclass(frozen=True)
class Side:
    """One release: its requests through the alias, how many failed, and their p99 in milliseconds, if any is known."""

    requests: int = 0
    errors: int = 0
    p99_ms: float | None = None

    @property
    def share(self) -> float:
        """The part of the requests that failed."""
        return self.errors / self.requests if self.requests else 0.0


@dataclass(frozen=True)
class Reading:
    """Both releases since the canary began."""

    live: Side = Side()
    canary: Side = Side()


def read(aws: Aws, names: Names, *, live: str, canary: str, since: int, now: float) -> Reading:
    """The metrics of two releases since ``since`` (epoch seconds); they lag one or two minutes behind.

    The dimension ExecutedVersion tells the two apart, and Resource keeps to the alias: what mlctl itself asks a release
    by its number is not among them (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html).
    A function that answers HTTP 500 has not failed for Lambda, so those are counted from the log.
    Raises what boto3 raises.
    """
    values: dict[str, dict[datetime, float]] = {}
    end = datetime.fromtimestamp(now + _PERIOD_SECONDS, UTC)
    for page in aws.cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=_queries(names, {"live": live, "canary": canary}),
        StartTime=datetime.fromtimestamp(since - since % _PERIOD_SECONDS, UTC),
        EndTime=end,
    ):
        for found in page["MetricDataResults"]:
            pairs = zip(found["Timestamps"], found["Values"], strict=True)
            values.setdefault(found["Id"], {}).update(pairs)
    failed = _answered_500(aws, names.log_group, since)
    return Reading(live=_side(values, "live", failed[live]), canary=_side(values, "canary", failed[canary]))


def _queries(names: Names, releases: dict[str, str]) -> "list[MetricDataQueryTypeDef]":
    return [
        {
            "Id": f"{side}_{key}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Lambda",
                    "MetricName": metric,
                    "Dimensions": [
                        {"Name": "FunctionName", "Value": names.function},
                        {"Name": "Resource", "Value": f"{names.function}:live"},
                        {"Name": "ExecutedVersion", "Value": release},
                    ],
                },
                "Period": _PERIOD_SECONDS,
                "Stat": statistic,
            },
        }
        for side, release in releases.items()
        for key, (metric, statistic) in _METRICS.items()
    ]


def _side(values: dict[str, dict[datetime, float]], side: str, failed: int) -> Side:
    requests = values.get(f"{side}_requests", {})
    errors = sum(values.get(f"{side}_errors", {}).values())
    # A p99 of p99s is none; the mean of the minutes', each with its requests, is near enough to compare two releases.
    slow = {minute: p99 for minute, p99 in values.get(f"{side}_p99", {}).items() if requests.get(minute)}
    weight = sum(requests[minute] for minute in slow)
    p99 = sum(p99 * requests[minute] for minute, p99 in slow.items()) / weight if weight else None
    return Side(requests=round(sum(requests.values())), errors=round(errors) + failed, p99_ms=p99)


def _answered_500(aws: Aws, group: str, since: int) -> Counter[str]:
    """How often each release answered with a server error, by the names of their log streams."""
    request: FilterLogEventsRequestTypeDef = {
        "logGroupName": group,
        "startTime": since * 1000,
        "filterPattern": "{ $.status >= 500 }",
    }
    found: Counter[str] = Counter()
    for _ in range(_PAGES):
        page = aws.logs.filter_log_events(**request)
        for event in page["events"]:
            version = _STREAM_VERSION.search(event["logStreamName"])
            # Emulators do not filter by fields.
            if version and re.search(r'"status": ?5\d\d', event["message"]):
                found[version[1]] += 1
        if not page.get("nextToken"):
            break
        request["nextToken"] = page["nextToken"]
    return found
