"""What is asked of CloudWatch and the log about two releases, and what is made of the answers."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber
from moto import mock_aws

from mlctl.aws.client.session import Aws
from mlctl.aws.live import metrics
from mlctl.aws.live.metrics import CanaryMetrics, ReleaseMetrics, ServerErrors
from mlctl.aws.stack.names import Names

NAMES = Names("iris", "prod")
# Half a minute into a minute of the last hour: a log takes no events of another time.
MINUTE = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=30)
SINCE = int(MINUTE.timestamp()) + 30


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        connected = Aws(boto3.Session(region_name="eu-west-1"), None, pace=0.0)
        connected.logs.create_log_group(logGroupName=NAMES.log_group)
        yield connected


def query(side: str, key: str, metric: str, release: str, period: int, statistic: str) -> dict[str, Any]:
    dimensions = (("FunctionName", "iris-prod"), ("Resource", "iris-prod:live"), ("ExecutedVersion", release))
    return {
        "Id": f"{side}_{key}",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Lambda",
                "MetricName": metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions],
            },
            "Period": period,
            "Stat": statistic,
        },
    }


def read(aws: Aws, seconds: int, answer: dict[str, list[float]], **more: Any) -> CanaryMetrics:
    """A reading ``seconds`` after the canary began, for which CloudWatch must be asked exactly this."""
    minutes = (30 + seconds + 59) // 60
    asked = {
        "MetricDataQueries": [
            query(side, key, metric, release, period, statistic)
            for side, release in (("live", "7"), ("canary", "8"))
            for key, metric, period, statistic in (
                ("requests", "Invocations", 60, "Sum"),
                ("errors", "Errors", 60, "Sum"),
                ("p99", "Duration", minutes * 60, "p99"),
            )
        ],
        "StartTime": MINUTE,
        "EndTime": MINUTE + timedelta(minutes=minutes),
    }
    times = [MINUTE + timedelta(minutes=minute) for minute in range(9)]
    found = [{"Id": key, "Timestamps": times[: len(values)], "Values": values} for key, values in answer.items()]
    with Stubber(aws.cloudwatch) as stub:
        stub.add_response("get_metric_data", {"MetricDataResults": found}, asked)
        reading = metrics.read(aws, NAMES, live="7", canary="8", since=SINCE, now=SINCE + seconds, **more)
        stub.assert_no_pending_responses()
    return reading


def write(aws: Aws, stream: str, seconds: float, *messages: str) -> None:
    if not aws.logs.describe_log_streams(logGroupName=NAMES.log_group, logStreamNamePrefix=stream)["logStreams"]:
        aws.logs.create_log_stream(logGroupName=NAMES.log_group, logStreamName=stream)
    at = int((SINCE + seconds) * 1000)
    events: Any = [{"timestamp": at, "message": message} for message in messages]
    aws.logs.put_log_events(logGroupName=NAMES.log_group, logStreamName=stream, logEvents=events)


def line(status: int, **more: Any) -> str:
    return json.dumps({"level": "ERROR", "status": status, **more})


@pytest.mark.parametrize("seconds", [0, 29, 30, 31, 300])
def test_one_call_asks_for_both_releases_in_whole_minutes(aws: Aws, seconds: int) -> None:
    answer = {
        "live_requests": [500.0, 400.0],
        "live_errors": [1.0],
        "live_p99": [11.25],
        "canary_requests": [60.0, 40.0],
        "canary_p99": [12.5],
    }
    assert read(aws, seconds, answer) == CanaryMetrics(
        live=ReleaseMetrics(900, 1, 11.25), canary=ReleaseMetrics(100, 0, 12.5)
    )


def test_before_the_metrics_come_nothing_is_known(aws: Aws) -> None:
    assert read(aws, 5, {}) == CanaryMetrics()


def test_of_a_canary_of_weeks_ago_what_cloudwatch_still_has_by_the_minute(aws: Aws) -> None:
    now = SINCE + 30 * 86_400
    starts: list[datetime] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        starts.append(params["StartTime"])

    aws.cloudwatch.meta.events.register("provide-client-params.cloudwatch.GetMetricData", note)
    metrics.read(aws, NAMES, live="7", canary="8", since=SINCE, now=now)
    assert starts == [MINUTE + timedelta(days=16)]


def test_answers_of_status_500_are_errors_of_the_version_whose_log_stream_has_them(aws: Aws) -> None:
    write(aws, "2030/01/01/[8]0123abcd", 5, line(500), line(503), line(200), line(422), "START RequestId: 5 Version: 8")
    write(aws, "2030/01/01/iris-prod[7][4567]", 6, line(500))
    write(aws, "2030/01/01/[$LATEST]89ab", 6, line(500))
    write(aws, "2030/01/01/[9]cdef", 6, line(500))
    write(aws, "2030/01/01/[8]old", -5, line(500))
    # A trace or a message that speaks of a status has none itself.
    write(aws, "2030/01/01/[8]0123abcd", 7, line(400, message='{"status": 500}'), '"status": 500', "[500]")
    answer = {"live_requests": [900.0], "canary_requests": [100.0], "canary_errors": [1.0]}
    assert read(aws, 60, answer) == CanaryMetrics(live=ReleaseMetrics(900, 1), canary=ReleaseMetrics(100, 3))


def test_what_failed_was_a_request_though_the_metrics_do_not_know_of_it_yet(aws: Aws) -> None:
    write(aws, "2030/01/01/[8]a", 5, *(line(500, request_id=str(number)) for number in range(50)))
    assert read(aws, 20, {}).canary == ReleaseMetrics(50, 50)


def test_no_log_group_is_no_error(aws: Aws) -> None:
    aws.logs.delete_log_group(logGroupName=NAMES.log_group)
    assert read(aws, 20, {"canary_requests": [5.0]}) == CanaryMetrics(canary=ReleaseMetrics(5, 0))


class Log:
    """FilterLogEvents of a busy group: ``pages`` by their number, and the requests that were made."""

    def __init__(self, *pages: list[tuple[int, str]]) -> None:
        self.pages = list(pages)
        self.asked: list[tuple[int, str | None]] = []
        self.fails: Exception | None = None

    def filter_log_events(self, **request: Any) -> dict[str, Any]:
        token = request.get("nextToken")
        self.asked.append((request["startTime"] // 1000 - SINCE, token))
        if self.fails:
            raise self.fails
        assert request["filterPattern"] == "{ $.status >= 500 }"
        number = int(token or 0)
        events = [
            {"logStreamName": "2030/01/01/[8]a", "timestamp": (SINCE + at) * 1000, "eventId": key, "message": line(500)}
            for at, key in self.pages[number]
            if SINCE + at >= request["startTime"] // 1000
        ]
        return {"events": events, **({"nextToken": str(number + 1)} if number + 1 < len(self.pages) else {})}


def server_errors(log: Log) -> ServerErrors:
    aws: Any = type("Fake", (), {"logs": log})()
    return ServerErrors(aws, NAMES.log_group, SINCE)


def test_a_busy_log_is_read_on_where_the_last_reading_stopped() -> None:
    # AWS gives empty pages on the way to what matches.
    log = Log(*([[]] * 14), [(100, "a"), (101, "b")])
    found = server_errors(log)
    assert (found.count(SINCE + 120)["8"], found.complete, len(log.asked)) == (0, False, 10)
    assert (found.count(SINCE + 135)["8"], found.complete) == (2, True)
    assert log.asked == [(0, None), *((0, str(number)) for number in range(1, 15))]


def test_a_line_is_counted_once_and_what_comes_late_is_counted_too() -> None:
    log = Log([(10, "a"), (130, "b")])
    found = server_errors(log)
    assert found.count(SINCE + 140)["8"] == 2
    log.pages = [[(85, "late"), (10, "a"), (130, "b"), (150, "c")]]
    assert found.count(SINCE + 155)["8"] == 4
    assert found.count(SINCE + 170)["8"] == 4
    # Always the last minute once more, never the whole of a long canary.
    assert log.asked == [(0, None), (80, None), (95, None)]


def refused(code: str, status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "FilterLogEvents")


@pytest.mark.parametrize(
    "error",
    [
        refused("ThrottlingException"),
        refused("ServiceUnavailableException", 503),
        ReadTimeoutError(endpoint_url="https://logs.test"),
    ],
)
def test_a_log_that_does_not_answer_for_a_while_does_not_cost_the_metrics(aws: Aws, error: Exception) -> None:
    log = Log([(10, "a")])
    found = server_errors(log)
    log.fails = error
    answer = {"canary_requests": [100.0]}
    assert read(aws, 60, answer, log=found) == CanaryMetrics(canary=ReleaseMetrics(100, 0), complete=False)
    log.fails = None
    assert read(aws, 75, answer, log=found) == CanaryMetrics(canary=ReleaseMetrics(100, 1), complete=True)


def test_a_log_that_may_not_be_read_is_asked_for_once(aws: Aws) -> None:
    log = Log([(10, "a")])
    found = server_errors(log)
    log.fails = refused("AccessDeniedException")
    for seconds in (60, 75):
        assert read(aws, seconds, {"canary_requests": [100.0]}, log=found) == CanaryMetrics(
            canary=ReleaseMetrics(100, 0)
        )
    assert (found.refused, len(log.asked)) == (True, 1)


def test_any_other_refusal_of_the_log_is_raised() -> None:
    log = Log([])
    log.fails = refused("ExpiredTokenException")
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        server_errors(log).count(SINCE)
