"""Estimates how many rows fit in one request before the function times out."""

from math import ceil

from mlctl.bench.prices import MEMORY_OF_ONE_CPU, cpu_share
from mlctl.progress import Event, Report
from mlctl.settings.deploy import DeploySettings

# The limit of the handler for one request.
MAX_ROWS = 10_000
_MAX_TIMEOUT = 29  # of [deploy] timeout, in seconds


def too_many(row_seconds: float, deploy: DeploySettings) -> str | None:
    """Return a warning if a request with MAX_ROWS rows exceeds ``[deploy] timeout``, with remedies; otherwise None.

    ``row_seconds``: seconds for one row with one whole CPU. Below MEMORY_OF_ONE_CPU, Lambda gives a share of a CPU.
    """
    cpu_seconds = row_seconds * MAX_ROWS
    seconds = cpu_seconds / cpu_share(deploy.memory)
    if seconds <= deploy.timeout:
        return None
    max_rows = int(deploy.timeout / seconds * MAX_ROWS)
    memory = next(
        (memory for memory in _larger_memories(deploy.memory) if cpu_seconds / cpu_share(memory) <= deploy.timeout),
        None,
    )
    remedies = ["send fewer rows per request"]
    if memory is not None:
        remedies.append(f"set [deploy] memory = {memory}")
    if deploy.timeout < seconds <= _MAX_TIMEOUT:
        remedies.append(f"set [deploy] timeout = {ceil(seconds)}")
    return (
        f"A request of {MAX_ROWS:,} rows takes about {_about(seconds)} s at {deploy.memory} MB, more than the timeout "
        f"of {deploy.timeout} s: about {_rounded(max_rows):,} rows fit. For more, {', or '.join(remedies)}."
    )


def warn(report: Report, row_seconds: float | None, deploy: DeploySettings) -> None:
    """Report the warning of ``too_many``, if the time for one row is known."""
    text = too_many(row_seconds, deploy) if row_seconds is not None else None
    if text:
        report(Event("warning", "rows", text))


def _larger_memories(memory: int) -> range:
    """Return the multiples of 64 MB above ``memory``, up to the first with one whole CPU."""
    return range((memory // 64 + 1) * 64, MEMORY_OF_ONE_CPU + 64, 64)


def _about(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"


def _rounded(rows: int) -> int:
    """Return the number of rows with two significant digits, because it is an estimate; at least 1."""
    step: int = 10 ** max(len(str(rows)) - 2, 0)
    return max(rows // step * step, 1)
