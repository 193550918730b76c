"""Estimates the monthly cost of Lambda with its prices at one date.

Costs that are the same for both engines are left out: API Gateway, logs, outbound traffic, the free tier, and Lambda's
own work at a cold start (downloading the zip, starting Python).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

Architecture = Literal["arm64", "x86_64"]

# On-demand prices without the free tier, in this region and month.
SOURCE = "https://aws.amazon.com/lambda/pricing/"
REGION = "us-east-1"
AS_OF = "2026-05"

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
LEAST_MEMORY = 128
MOST_MEMORY = 10_240
MEMORY_OF_ONE_CPU = 1769
# Lambda accepts any whole number of MB. Multiples of 64 are round and leave some room.
_MEMORY_STEP = 64
_MB = 1024 * 1024


@dataclass(frozen=True)
class Price:
    """US dollars for one request, and for one GB (1024 MB) of memory for one second."""

    request: float
    gb_second: float


# The first tier: up to 7.5 (arm64) and 6 (x86_64) billion GB-seconds a month.
PRICES: dict[Architecture, Price] = {
    "arm64": Price(request=0.20 / 1_000_000, gb_second=0.0000133334),
    "x86_64": Price(request=0.20 / 1_000_000, gb_second=0.0000166667),
}


@dataclass(frozen=True)
class Traffic:
    """Requests in a month, and the share of them (0 to 1) with a cold start."""

    requests: int
    cold_share: float


@dataclass(frozen=True)
class Cost:
    """The cost of a month in US dollars.

    ``cold_ms`` is the billed time of a request with a cold start, ``warm_ms`` the average of the others; ``gb_seconds``
    is the total of the month.
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
    """The share of one CPU for a function with ``memory`` MB, at most 1.

    Lambda allocates CPU in proportion to memory, one vCPU at MEMORY_OF_ONE_CPU. The measurements use one thread, so
    more than one CPU would not make them faster.
    """
    return min(1.0, memory / MEMORY_OF_ONE_CPU)


def memory_for(peak: int) -> int:
    """The memory in MB for a peak of ``peak`` bytes: the next multiple of 64 MB, at least LEAST_MEMORY."""
    return max(LEAST_MEMORY, ceil(peak / _MB / _MEMORY_STEP) * _MEMORY_STEP)


def billed_ms(seconds: float) -> int:
    """The billed milliseconds of an invocation, rounded up."""
    # Rounding first, because 0.003 seconds times 1000 is a little more than 3.
    return max(1, ceil(round(seconds * 1000, 6)))


def month(cold: float, warm: Sequence[float], memory: int, traffic: Traffic, price: Price) -> Cost:
    """The cost of a month with ``memory`` MB.

    ``cold``: seconds from the import of the handler to the first answer. ``warm``: seconds of each request, at least
    one. Both are measured on one whole CPU, and scaled to the function's share of it. Since August 2025, Lambda bills
    the start of a zip function like its requests:
    https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/
    """
    cpu = cpu_share(memory)
    cold_ms = billed_ms(cold / cpu)
    warm_ms = sum(billed_ms(seconds / cpu) for seconds in warm) / len(warm)
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
