"""A canary is watched: golden requests of mlctl's own, and what real traffic makes of it."""

import time
from collections.abc import Callable

from botocore.exceptions import ClientError

from mlctl.aws import metrics
from mlctl.aws.errors import code_of
from mlctl.aws.metrics import Reading, Side
from mlctl.aws.names import CanaryText, Names
from mlctl.aws.session import Aws
from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event, Report
from mlctl.settings_deploy import CanaryLimits

_ASK_SECONDS = 2.0
_READ_SECONDS = 15.0


def verdict(reading: Reading, limits: CanaryLimits) -> str | None:
    """Why a canary must be taken back, with figures; None while all is well.

    Errors count against ``limits.requests`` requests at least, so that the first failure of a bad release need not
    wait for them; and only where the canary fails more often than the live release: what makes both fail is not its
    fault. The p99 is compared once both have had that many requests.
    """
    canary, live = reading.canary, reading.live
    allowed = limits.errors * max(canary.requests, limits.requests)
    if canary.errors > allowed and canary.share > live.share:
        return (
            f"{canary.errors} of its {canary.requests} requests failed ({canary.share:.1%}; "
            f"allowed {limits.errors:.1%}; live {live.share:.1%})"
        )
    enough = min(canary.requests, live.requests) >= limits.requests
    if enough and canary.p99_ms and live.p99_ms and canary.p99_ms > limits.latency * live.p99_ms:
        return (
            f"its p99 is {canary.p99_ms:.0f} ms, that of the live release {live.p99_ms:.0f} ms "
            f"(allowed: {limits.latency:g} times as much)"
        )
    return None


def bake(
    aws: Aws,
    names: Names,
    *,
    live: str,
    canary: CanaryText,
    limits: CanaryLimits,
    ask: Callable[[], None],
    report: Report,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Watch a canary until its time is over; return when it has done well.

    ``ask`` sends one golden request to the new release and raises when its answer is wrong: an idle stage proves
    something too. Metrics lag behind, so a bake of less than two minutes rests on golden requests and the log mostly;
    they are read once more at the end, and also of a canary whose time was over before it was resumed. Raises
    MlctlError (exit 4) when a limit is passed, and what ``ask`` raises.
    """
    end = canary.since + canary.bake
    told = f"Canary of release {canary.release} at {canary.percent} %"
    report(Event("start", "canary", told, total=canary.bake, unit="s"))
    watch = _Watch(aws, names, live, canary, limits, report)
    asked, due = 0, clock() + _READ_SECONDS
    while clock() < end:
        ask()
        asked += 1
        if clock() >= due:
            watch.read(clock())
            due = clock() + _READ_SECONDS
        text = watch.told(asked)
        report(Event("advance", "canary", text, done=min(int(clock()) - canary.since, canary.bake), total=canary.bake))
        sleep(max(min(_ASK_SECONDS, end - clock()), 0.0))
    ask()
    watch.read(clock())
    report(Event("finish", "canary", watch.told(asked + 1)))


class _Watch:
    """The last reading, and whether the metrics may be read at all."""

    def __init__(
        self, aws: Aws, names: Names, live: str, canary: CanaryText, limits: CanaryLimits, report: Report
    ) -> None:
        self._aws = aws
        self._names = names
        self._live = live
        self._canary = canary
        self._limits = limits
        self._report = report
        self._reading: Reading | None = None
        self._is_allowed = True

    def read(self, now: float) -> None:
        """Read the metrics and judge them. Raises MlctlError (exit 4) when a limit is passed."""
        if not self._is_allowed:
            return
        try:
            self._reading = metrics.read(
                self._aws,
                self._names,
                live=self._live,
                canary=self._canary.release,
                since=self._canary.since,
                now=now,
            )
        except ClientError as error:
            if not code_of(error).startswith("AccessDenied"):
                return  # throttled, say: the next reading will tell
            self._is_allowed = False
            text = f"AWS does not let this caller use {error.operation_name}: only golden requests judge the canary."
            self._report(Event("warning", "canary", text))
            return
        why = verdict(self._reading, self._limits)
        if why is not None:
            raise MlctlError(
                f"The canary, release {self._canary.release}, does worse than what is live: {why}.",
                code="canary_failed",
                exit_code=ExitCode.VERIFICATION,
            )

    def told(self, asked: int) -> str:
        """The figures in words."""
        golden = f"{asked} golden"
        if self._reading is None:
            known = "metrics arrive within two minutes" if self._is_allowed else "no metrics"
            return f"{golden} right; {known}"
        return f"{_side(self._reading.canary, ' requests')}; live {_side(self._reading.live)}; {golden} right"


def _side(side: Side, unit: str = "") -> str:
    slow = f", p99 {side.p99_ms:.0f} ms" if side.p99_ms is not None else ""
    return f"{side.requests:,}{unit}, {side.errors} failed{slow}"
