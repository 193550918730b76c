"""Watches a canary with golden requests and the metrics of real traffic."""

import time
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from mlctl.aws.client.error_catalog import FORBIDDEN
from mlctl.aws.client.errors import code_of
from mlctl.aws.client.session import Aws
from mlctl.aws.live import metrics
from mlctl.aws.live.metrics import CanaryMetrics, ReleaseMetrics
from mlctl.aws.stack.names import CanaryText, Names
from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event, Report
from mlctl.settings.deploy import CanaryLimits

_ASK_SECONDS = 2.0
_READ_SECONDS = 15.0
# Portable models answer in a few milliseconds, where one slow machine makes a multiple; nobody notices this much more.
_UNNOTICED_MS = 25.0


def verdict(reading: CanaryMetrics, limits: CanaryLimits) -> str | None:
    """Why a canary must be taken back, with figures; None while all is well.

    Errors count against ``limits.requests`` requests at least, so that the first failure of a bad release need not
    wait for them; and only where the canary fails more often than the live release: what makes both fail is not its
    fault. For that, as for the p99, the live release must have had that many requests: one that failed of one proves
    nothing. A p99 that is less than _UNNOTICED_MS longer is left to chance.
    """
    canary, live = reading.canary, reading.live
    share = canary.errors / max(canary.requests, limits.requests)
    if share > max(limits.errors, live.share if live.requests >= limits.requests else 0.0):
        return (
            f"{canary.errors} of its {canary.requests} requests failed ({canary.share:.1%}; "
            f"allowed {limits.errors:.1%}; live {live.share:.1%})"
        )
    enough = min(canary.requests, live.requests) >= limits.requests
    if (
        enough
        and canary.p99_ms
        and live.p99_ms
        and canary.p99_ms > live.p99_ms + max((limits.latency - 1) * live.p99_ms, _UNNOTICED_MS)
    ):
        return (
            f"its p99 is {canary.p99_ms:.0f} ms, that of the live release {live.p99_ms:.0f} ms "
            f"(allowed: {limits.latency:g} times as much, and {_UNNOTICED_MS:g} ms)"
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
    timer: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Watch a canary until its time is over; return when it has done well.

    ``ask`` sends one golden request to the new release and raises when its answer is wrong: an idle stage proves
    something too. Metrics lag behind, so a bake of less than two minutes rests on golden requests and the log mostly;
    they are read once more at the end, and also of a canary whose time was over before it was resumed. Metrics that do
    not come for a while are done without, which is said when they lack at the end. ``clock`` tells how much of the time
    was over before now; ``timer`` measures the rest, so a clock that is set meanwhile neither ends the bake early nor
    prolongs it. Raises MlctlError (exit 4) when a limit is passed, and what ``ask`` raises.
    """
    since_epoch, begun = max(clock(), canary.since), timer()
    rest = max(canary.since + canary.bake - since_epoch, 0)
    told = f"Canary of release {canary.release} at {canary.percent} %"

    def now() -> float:
        return since_epoch + timer() - begun

    def left() -> float:
        return rest - (timer() - begun)

    def done() -> int:
        return max(min(int(now()) - canary.since, canary.bake), 0)

    report(Event("start", "canary", told, done=done(), total=canary.bake, unit="s"))
    watch = _Watch(aws, names, live, canary, limits, report)
    asked, due = 0, timer() + _READ_SECONDS
    try:
        while left() > 0:
            ask()
            asked += 1
            # Each reading is told, not each request: what reads the progress may be a program.
            is_due = timer() >= due
            if is_due:
                watch.read(now())
                due = timer() + _READ_SECONDS
            text = watch.told(asked) if is_due or asked == 1 else ""
            report(Event("advance", "canary", text, done=done(), total=canary.bake))
            sleep(max(min(_ASK_SECONDS, left()), 0.0))
        ask()
        asked += 1
        watch.read(now())
    except BaseException:
        report(Event("finish", "canary", watch.told(asked), ok=False))
        raise
    watch.warn_of_gaps()
    report(Event("finish", "canary", watch.told(asked)))


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
        self._log = metrics.ServerErrors(aws, names.log_group, canary.since)
        self._reading: CanaryMetrics | None = None
        self._is_allowed = True
        self._is_log_missed = False
        self._is_late = False

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
                log=self._log,
            )
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and code_of(error) in FORBIDDEN:
                self._is_allowed = False
                self._warn(
                    f"AWS does not let this caller use {error.operation_name}: only golden requests judge the canary."
                )
            elif not metrics.passes(error):
                raise
            self._is_late = self._is_allowed
            return
        self._is_late = False
        if self._log.refused and not self._is_log_missed:
            self._is_log_missed = True
            self._warn("AWS does not let this caller use FilterLogEvents: answers of status 500 are not counted.")
        why = verdict(self._reading, self._limits)
        if why is not None:
            raise MlctlError(
                f"The canary, release {self._canary.release}, does worse than what is live: {why}.",
                code="canary_failed",
                exit_code=ExitCode.VERIFICATION,
            )

    def warn_of_gaps(self) -> None:
        """At the end of the time: say what the canary was not judged by, though it should have been."""
        if self._is_late:
            judge = "golden requests alone judged" if self._reading is None else "older figures had to judge"
            self._warn(f"CloudWatch did not answer at the end: {judge} the canary.")
        if self._reading is not None and not self._reading.complete:
            self._warn("The log was not read to its end: there may be more answers of status 500.")

    def told(self, asked: int) -> str:
        """The figures in words."""
        golden = f"{asked} golden right"
        if self._reading is not None:
            late = "; CloudWatch does not answer" if self._is_late else ""
            return f"{_side(self._reading.canary, ' requests')}; live {_side(self._reading.live)}; {golden}{late}"
        if self._is_late:
            return f"{golden}; CloudWatch does not answer"
        return f"{golden}; {'metrics arrive within two minutes' if self._is_allowed else 'no metrics'}"

    def _warn(self, text: str) -> None:
        self._report(Event("warning", "canary", text))


def _side(side: ReleaseMetrics, unit: str = "") -> str:
    slow = f", p99 {side.p99_ms:.0f} ms" if side.p99_ms is not None else ""
    return f"{side.requests:,}{unit}, {side.errors} failed{slow}"
