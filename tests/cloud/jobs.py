"""The jobs of the fault matrix, and which faults of which calls."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.cloud.faults import KINDS, Fault, Kind
from tests.cloud.record import Call

PLAIN = "[deploy]\n"
_LARGER = "[deploy]\nmemory = 512\n"
_EVERYTHING = """
[deploy]
memory = 512
auth = "jwt"
jwt_issuer = "https://issuer.example.com"
jwt_audience = ["iris"]
tracing = true
reserved_concurrency = 5
provisioned_concurrency = 2
tags = { team = "data" }
log_retention = 30
environment = { GREETING = "hello" }

[deploy.cors]
allow_origins = ["https://example.com"]

[deploy.alarms]
errors = 5
throttles = 5
p99 = 800

[deploy.domain]
name = "api.example.com"
certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"

[deploy.vpc]
subnets = ["subnet-1"]
security_groups = ["sg-1"]
"""


@dataclass(frozen=True)
class Step:
    """A command on stage ``prod``, with the settings that it finds."""

    words: tuple[str, ...]
    toml: str = PLAIN


@dataclass(frozen=True)
class Job:
    """A command that faults strike, and what goes before it.

    ``serves``: the stage must answer all the while. ``once``: a second run finds nothing to do and says so, exit 6.
    ``then``: what is run after the struck command, if not the same one again.
    """

    name: str
    command: Step
    before: tuple[Step, ...] = ()
    serves: bool = False
    once: bool = False
    then: Step | None = None


def jobs(old: str, new: str) -> tuple[Job, ...]:
    """Those that are promised, and then the same with every setting there is. ``old`` and ``new``: model versions."""
    deploy, deploy_new = ("deploy", old), ("deploy", new)
    destroy = ("destroy", "--yes")
    first, full = Step(deploy), Step(deploy_new, _EVERYTHING)
    second = Step(deploy_new, _LARGER)
    few = [Step(deploy, f"[deploy]\nkeep_releases = 2\nmemory = {memory}\n") for memory in (300, 400, 600)]
    canary = Step((*deploy_new, "--canary", "10", "--bake", "40s"), _LARGER)
    return (
        Job("first deploy", first),
        Job("update", second, (first,), serves=True),
        Job("rollback", Step(("rollback",)), (first, second), serves=True, once=True),
        Job("destroy", Step(destroy), (first, second)),
        Job("first deploy, every setting", full),
        Job("update to every setting", full, (first,), serves=True),
        Job("update back to none", first, (full,), serves=True),
        Job("canary", canary, (first,), serves=True),
        Job("pruning", few[0], (first, second), serves=True),
        Job("dropping rights", few[2], (full, *few[:2]), serves=True),
        Job("destroy, every setting", Step(destroy, _EVERYTHING), (full,)),
        Job("first deploy, then destroy", full, then=Step(destroy, _EVERYTHING)),
        Job("update, then destroy", full, (first,), serves=True, then=Step(destroy)),
    )


PROMISED = 4
STORMS: tuple[Kind, ...] = ("kill-after", "reset-after-lasting")
_WORST: tuple[Kind, ...] = ("reset-after", "reset-after-lasting", "access-denied", "kill-after")


def chosen(calls: Sequence[Call], *, whole: bool) -> Iterator[Fault]:
    """All faults of all calls; or the worst ones of each change, and one of each other call, all kinds in turn."""
    for call in calls:
        turn: tuple[Kind, ...] = (KINDS[call.number * 2 % len(KINDS)],)
        yield from (Fault(kind, call.number) for kind in (KINDS if whole else _WORST if call.mutates else turn))
