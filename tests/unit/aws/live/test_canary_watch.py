"""When a canary is taken back, and how it is watched: with a clock and metrics of the test's own."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from mlctl.aws.live import canary_watch, metrics
from mlctl.aws.live.metrics import CanaryMetrics, ReleaseMetrics
from mlctl.aws.stack.names import CanaryText, Names
from mlctl.errors import ExitCode, MlctlError
from mlctl.settings.deploy import CanaryLimits

if TYPE_CHECKING:
    from mlctl.progress import Event

LIMITS = CanaryLimits(errors=0.1, latency=2, requests=20)
TEXT = CanaryText("8", percent=10, since=1000, bake=60)


@pytest.mark.parametrize(
    ("seen", "live", "why"),
    [
        (ReleaseMetrics(), ReleaseMetrics(), None),
        (ReleaseMetrics(100, 10), ReleaseMetrics(900, 0), None),
        (
            ReleaseMetrics(100, 11),
            ReleaseMetrics(900, 0),
            "11 of its 100 requests failed (11.0%; allowed 10.0%; live 0.0%)",
        ),
        # Before there are twenty requests, two failures are what twenty could excuse.
        (ReleaseMetrics(3, 2), ReleaseMetrics(), None),
        (ReleaseMetrics(3, 3), ReleaseMetrics(), "3 of its 3 requests failed (100.0%; allowed 10.0%; live 0.0%)"),
        # What makes both fail alike is not its fault.
        (ReleaseMetrics(100, 20), ReleaseMetrics(900, 180), None),
        (
            ReleaseMetrics(100, 21),
            ReleaseMetrics(900, 180),
            "21 of its 100 requests failed (21.0%; allowed 10.0%; live 20.0%)",
        ),
        # One request that failed of one tells nothing of the live release, nor do nineteen.
        (
            ReleaseMetrics(100, 90),
            ReleaseMetrics(1, 1),
            "90 of its 100 requests failed (90.0%; allowed 10.0%; live 100.0%)",
        ),
        (
            ReleaseMetrics(100, 90),
            ReleaseMetrics(19, 19),
            "90 of its 100 requests failed (90.0%; allowed 10.0%; live 100.0%)",
        ),
        (ReleaseMetrics(100, 90), ReleaseMetrics(20, 20), None),
        # What fails before CloudWatch knows of requests, here and there.
        (ReleaseMetrics(50, 50), ReleaseMetrics(), "50 of its 50 requests failed (100.0%; allowed 10.0%; live 0.0%)"),
        (ReleaseMetrics(10, 10), ReleaseMetrics(90, 90), None),
        (ReleaseMetrics(20, 0, 80.0), ReleaseMetrics(20, 0, 40.0), None),
        (
            ReleaseMetrics(20, 0, 80.1),
            ReleaseMetrics(20, 0, 40.0),
            "its p99 is 80 ms, that of the live release 40 ms (allowed: 2 times as much, and 25 ms)",
        ),
        # A few milliseconds are many times as much as one.
        (ReleaseMetrics(20, 0, 27.0), ReleaseMetrics(20, 0, 2.0), None),
        (
            ReleaseMetrics(20, 0, 27.5),
            ReleaseMetrics(20, 0, 2.0),
            "its p99 is 28 ms, that of the live release 2 ms (allowed: 2 times as much, and 25 ms)",
        ),
        (ReleaseMetrics(19, 0, 99.0), ReleaseMetrics(20, 0, 10.0), None),
        (ReleaseMetrics(20, 0, 99.0), ReleaseMetrics(19, 0, 10.0), None),
    ],
)
def test_the_verdict_at_its_edges(seen: ReleaseMetrics, live: ReleaseMetrics, why: str | None) -> None:
    assert canary_watch.verdict(CanaryMetrics(live=live, canary=seen), LIMITS) == why


def test_a_share_just_at_its_limit_is_allowed_whatever_binary_fractions_make_of_it() -> None:
    limits = CanaryLimits(errors=0.29)
    assert canary_watch.verdict(CanaryMetrics(canary=ReleaseMetrics(100, 29)), limits) is None
    assert canary_watch.verdict(CanaryMetrics(canary=ReleaseMetrics(100, 30)), limits) is not None


class Watched:
    """A bake with a clock that only sleeping moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, reading: Callable[[float], CanaryMetrics]) -> None:
        self.now = 1000.0
        # By how much somebody has set the wall clock meanwhile.
        self.set_by = 0.0
        self.asked: list[float] = []
        self.read: list[float] = []
        self.events: list[Event] = []
        self._reading = reading
        monkeypatch.setattr(metrics, "read", self._read)

    def _read(self, *_: Any, now: float, **__: Any) -> CanaryMetrics:
        self.read.append(now)
        return self._reading(now)

    def ask(self) -> None:
        self.asked.append(self.now)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def bake(self, ask: Callable[[], None] | None = None) -> None:
        aws: Any = None
        canary_watch.bake(
            aws,
            Names("iris", "prod"),
            live="7",
            canary=TEXT,
            limits=LIMITS,
            ask=ask or self.ask,
            report=self.events.append,
            clock=lambda: self.now + self.set_by,
            timer=lambda: self.now,
            sleep=self._sleep,
        )


@pytest.mark.parametrize("seconds", [86_400.0, -86_400.0])
def test_a_clock_that_is_set_meanwhile_changes_neither_the_time_nor_what_is_read(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    watched = Watched(monkeypatch, lambda now: CanaryMetrics())

    def ask() -> None:
        watched.ask()
        watched.set_by = seconds

    watched.bake(ask)
    assert (watched.asked[-1], len(watched.asked)) == (1060, 31)
    assert watched.read == [1016, 1032, 1048, 1060]


def test_a_bake_that_began_in_the_future_lasts_as_long_as_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, lambda now: CanaryMetrics())
    # The clock was set back between the beginning of the canary and the command that resumes it.
    watched.set_by = -500.0
    watched.bake()
    assert (watched.asked[-1], watched.read[-1]) == (1060, 1060)


def test_a_good_canary_is_asked_and_read_all_the_time_and_once_more_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    good = CanaryMetrics(live=ReleaseMetrics(9000, 1, 11.0), canary=ReleaseMetrics(1000, 0, 12.4))
    watched = Watched(monkeypatch, lambda now: good)
    watched.bake()
    assert (watched.asked[0], watched.asked[-1], len(watched.asked)) == (1000, 1060, 31)
    assert watched.read == [1016, 1032, 1048, 1060]
    assert watched.events[0].text == "Canary of release 8 at 10 %"
    assert watched.events[-1].text == (
        "1,000 requests, 0 failed, p99 12 ms; live 9,000, 1 failed, p99 11 ms; 31 golden right"
    )
    advanced = [event for event in watched.events if event.kind == "advance"]
    # What is known is told with each reading, not with each of the requests between.
    assert [event.text for event in advanced if event.text] == [
        "1 golden right; metrics arrive within two minutes",
        *(
            f"1,000 requests, 0 failed, p99 12 ms; live 9,000, 1 failed, p99 11 ms; {asked} golden right"
            for asked in (9, 17, 25)
        ),
    ]
    assert (advanced[-1].done, advanced[-1].total) == (58, 60)


def test_a_limit_that_is_passed_ends_it_at_that_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, lambda now: CanaryMetrics(canary=ReleaseMetrics(40, 10 if now > 1020 else 0)))
    with pytest.raises(MlctlError, match="The canary, release 8, does worse than what is live: 10 of its 40") as failed:
        watched.bake()
    assert (failed.value.exit_code, failed.value.code) == (ExitCode.VERIFICATION, "canary_failed")
    assert watched.now == 1032
    ended = watched.events[-1]
    assert (ended.kind, ended.ok, ended.text) == (
        "finish",
        False,
        "40 requests, 10 failed; live 0, 0 failed; 17 golden right",
    )


def test_a_wrong_golden_answer_ends_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, lambda now: CanaryMetrics())

    def ask() -> None:
        watched.ask()
        if len(watched.asked) == 3:
            raise MlctlError("wrong", code="verification_failed", exit_code=ExitCode.VERIFICATION)

    with pytest.raises(MlctlError, match="wrong"):
        watched.bake(ask)
    assert watched.now == 1004
    assert (watched.events[-1].kind, watched.events[-1].ok) == ("finish", False)


def test_one_whose_time_was_over_before_it_was_resumed_is_still_asked_and_read(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, lambda now: CanaryMetrics(canary=ReleaseMetrics(40, 10)))
    watched.now = 5000
    with pytest.raises(MlctlError, match="does worse"):
        watched.bake()
    assert (watched.asked, watched.read) == ([5000], [5000])
    assert (watched.events[0].done, watched.events[0].total) == (60, 60)


def test_one_that_is_resumed_goes_on_from_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, lambda now: CanaryMetrics())
    watched.now = 1040
    watched.bake()
    assert (watched.events[0].done, watched.now) == (40, 1060)


def test_ctrl_c_ends_it_with_what_was_known(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, lambda now: CanaryMetrics(canary=ReleaseMetrics(40, 0)))

    def ask() -> None:
        watched.ask()
        if watched.now > 1030:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watched.bake(ask)
    ended = watched.events[-1]
    assert (ended.kind, ended.ok, ended.text) == (
        "finish",
        False,
        "40 requests, 0 failed; live 0, 0 failed; 16 golden right",
    )


def refused(code: str) -> ClientError:
    error: Any = {"Error": {"Code": code, "Message": "no"}}
    return ClientError(error, "GetMetricData")


def test_metrics_that_may_not_be_read_are_said_once_and_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def reading(now: float) -> CanaryMetrics:
        raise refused("AccessDenied")

    watched = Watched(monkeypatch, reading)
    watched.bake()
    warnings = [event.text for event in watched.events if event.kind == "warning"]
    assert warnings == ["AWS does not let this caller use GetMetricData: only golden requests judge the canary."]
    assert watched.read == [1016]
    assert watched.events[-1].text == "31 golden right; no metrics"


def test_throttled_metrics_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def reading(now: float) -> CanaryMetrics:
        if now < 1040:
            raise refused("Throttling")
        return CanaryMetrics(canary=ReleaseMetrics(40, 40))

    watched = Watched(monkeypatch, reading)
    with pytest.raises(MlctlError, match="40 of its 40 requests failed"):
        watched.bake()
    assert watched.read == [1016, 1032, 1048]


@pytest.mark.parametrize("error", [refused("Throttling"), ReadTimeoutError(endpoint_url="https://monitoring.test")])
@pytest.mark.parametrize(
    ("until", "warning", "told"),
    [
        (
            1000,
            "CloudWatch did not answer at the end: golden requests alone judged the canary.",
            "31 golden right; CloudWatch does not answer",
        ),
        (
            1050,
            "CloudWatch did not answer at the end: older figures had to judge the canary.",
            "40 requests, 0 failed; live 0, 0 failed; 31 golden right; CloudWatch does not answer",
        ),
    ],
)
def test_metrics_that_lack_at_the_end_are_said(
    monkeypatch: pytest.MonkeyPatch, error: Exception, until: int, warning: str, told: str
) -> None:
    def reading(now: float) -> CanaryMetrics:
        if now > until:
            raise error
        return CanaryMetrics(canary=ReleaseMetrics(40, 0))

    watched = Watched(monkeypatch, reading)
    watched.bake()
    assert [event.text for event in watched.events if event.kind == "warning"] == [warning]
    assert watched.events[-1].text == told


def test_metrics_that_come_again_before_the_end_are_nothing_to_speak_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def reading(now: float) -> CanaryMetrics:
        if now < 1040:
            raise refused("Throttling")
        return CanaryMetrics(canary=ReleaseMetrics(40, 0))

    watched = Watched(monkeypatch, reading)
    watched.bake()
    assert [event for event in watched.events if event.kind == "warning"] == []
    assert watched.events[-1].text == "40 requests, 0 failed; live 0, 0 failed; 31 golden right"


def test_a_refusal_that_does_not_pass_by_itself_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def reading(now: float) -> CanaryMetrics:
        raise refused("ExpiredToken")

    watched = Watched(monkeypatch, reading)
    with pytest.raises(ClientError, match="ExpiredToken"):
        watched.bake()
    assert watched.now == 1016


def test_a_log_that_may_not_be_read_or_not_to_its_end_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, lambda now: CanaryMetrics(complete=False))
    monkeypatch.setattr(metrics.ServerErrors, "refused", True, raising=False)
    monkeypatch.setattr(metrics.ServerErrors, "__init__", lambda *_: None)
    watched.bake()
    assert [event.text for event in watched.events if event.kind == "warning"] == [
        "AWS does not let this caller use FilterLogEvents: answers of status 500 are not counted.",
        "The log was not read to its end: there may be more answers of status 500.",
    ]
