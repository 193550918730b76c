"""What Lambda costs: its prices at one date, and the arithmetic of a month.

Left out, because both engines would pay it alike: API Gateway, logs, traffic out, the free tier, and what Lambda itself
does at a cold start (fetching the zip, starting Python).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

Architecture = Literal["arm64", "x86_64"]

# On demand, without the free tier; the region and the month in which these were its prices.
SOURCE = "https://aws.amazon.com/lambda/pricing/"
REGION = "us-east-1"
AS_OF = "2026-05"

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
LEAST_MEMORY = 128
MOST_MEMORY = 10_240
MEMORY_OF_ONE_CPU = 1769
# Lambda takes any whole number of MB; people take round ones, and some room.
_MEMORY_STEP = 64
_MB = 1024 * 1024


@dataclass(frozen=True)
class Price:
    """US dollars: of one request, and of one GB of memory (1024 MB) held for one second."""

    request: float
    gb_second: float


# The first tier: up to 7.5 (arm64) and 6 (x86_64) thousand million GB-seconds a month.
PRICES: dict[Architecture, Price] = {
    "arm64": Price(request=0.20 / 1_000_000, gb_second=0.0000133334),
    "x86_64": Price(request=0.20 / 1_000_000, gb_second=0.0000166667),
}


@dataclass(frozen=True)
class Traffic:
    """Requests in a month, and the share (0 to 1) of them that meet a cold start."""

    requests: int
    cold_share: float


@dataclass(frozen=True)
class Cost:
    """A month in US dollars.

    ``cold_ms`` and ``warm_ms`` are what Lambda would bill for one request that meets a cold start, and on average
    for one that does not; ``gb_seconds`` is the whole month's.
    """

    memory: int
    cpu: float
    cold_ms: int
    warm_ms: float
    gb_seconds: float
    requests: float
    duration: float

    @property
    def total(self) -> float:
        """Requests and duration together."""
        return self.requests + self.duration


def cpu_share(memory: int) -> float:
    """The part of one CPU that a function with ``memory`` MB has; 1 where it has more.

    Lambda gives CPU in proportion to memory, one vCPU at MEMORY_OF_ONE_CPU. What is measured here is one thread's
    work, so more than one CPU would not make it faster.
    """
    return min(1.0, memory / MEMORY_OF_ONE_CPU)


def memory_for(peak: int) -> int:
    """The memory in MB for a process that held ``peak`` bytes: the next multiple of 64 MB, at least LEAST_MEMORY."""
    return max(LEAST_MEMORY, ceil(peak / _MB / _MEMORY_STEP) * _MEMORY_STEP)


def billed_ms(seconds: float) -> int:
    """Milliseconds that are billed for an invocation: rounded up to a whole one."""
    # 0.003 seconds times 1000 must not become 4 for its last bit.
    return max(1, ceil(round(seconds * 1000, 6)))


def month(cold: float, warm: Sequence[float], memory: int, traffic: Traffic, price: Price) -> Cost:
    """The cost of a month with ``memory`` MB.

    ``cold``: seconds from the import of the handler to the first answer; ``warm``: seconds of each of many requests
    (at least one); both on one whole CPU, and here stretched to the function's share of one. The start of a zip
    function is billed like its requests since August 2025:
    https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/
    """
    cpu = cpu_share(memory)
    cold_ms = billed_ms(cold / cpu)
    warm_ms = sum(billed_ms(each / cpu) for each in warm) / len(warm)
    average = traffic.cold_share * cold_ms + (1 - traffic.cold_share) * warm_ms
    gb_seconds = traffic.requests * average / 1000 * memory / 1024
    return Cost(
        memory=memory,
        cpu=cpu,
        cold_ms=cold_ms,
        warm_ms=warm_ms,
        gb_seconds=gb_seconds,
        requests=traffic.requests * price.request,
        duration=gb_seconds * price.gb_second,
    )
