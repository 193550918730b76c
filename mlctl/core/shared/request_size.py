"""How many rows fit in one request before Lambda ends it. Shared by verbs."""

from math import ceil

from mlctl.bench.prices import MEMORY_OF_ONE_CPU, cpu_share
from mlctl.progress import Event, Report
from mlctl.settings.deploy import DeploySettings

# The most that the handler takes in one request.
MAX_ROWS = 10_000
_LONGEST_SECONDS = 29  # of [deploy] timeout


def too_many(row_seconds: float, deploy: DeploySettings) -> str | None:
    """Why a request with MAX_ROWS rows would be ended by Lambda, and what to do; None where it fits.

    ``row_seconds``: what a row takes with one whole CPU. Lambda gives less of it below MEMORY_OF_ONE_CPU, and ends what
    takes longer than ``[deploy] timeout``.
    """
    whole = row_seconds * MAX_ROWS
    seconds = whole / cpu_share(deploy.memory)
    if seconds <= deploy.timeout:
        return None
    fit = int(deploy.timeout / seconds * MAX_ROWS)
    memory = next((memory for memory in _memories(deploy.memory) if whole / cpu_share(memory) <= deploy.timeout), None)
    ways = ["send fewer rows at once"]
    if memory is not None:
        ways.append(f"set [deploy] memory = {memory}")
    if deploy.timeout < seconds <= _LONGEST_SECONDS:
        ways.append(f"set [deploy] timeout = {ceil(seconds)}")
    return (
        f"A request of {MAX_ROWS:,} rows takes about {_about(seconds)} s at {deploy.memory} MB, more than the timeout "
        f"of {deploy.timeout} s: about {_rounded(fit):,} rows fit. Otherwise {', or '.join(ways)}."
    )


def warn(report: Report, row_seconds: float | None, deploy: DeploySettings) -> None:
    """Report ``too_many``, if it is so and the time is known."""
    text = too_many(row_seconds, deploy) if row_seconds is not None else None
    if text:
        report(Event("warning", "rows", text))


def _memories(least: int) -> range:
    """The next multiples of 64 MB, up to one whole CPU and a step beyond."""
    return range((least // 64 + 1) * 64, MEMORY_OF_ONE_CPU + 64, 64)


def _about(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"


def _rounded(rows: int) -> int:
    """Two digits are all that a measurement is good for; at least one row."""
    step: int = 10 ** max(len(str(rows)) - 2, 0)
    return max(rows // step * step, 1)
