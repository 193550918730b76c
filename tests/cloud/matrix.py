"""The fault matrix: every call of a command, every fault of it, and the same command again.

``python -m tests.cloud.matrix`` runs all of it and prints it; ``tests/integration/test_fault_matrix.py`` holds it to
what is promised.
"""

import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from mlctl import settings
from mlctl.aws.apply.context import DeployContext
from mlctl.cli.app import main
from mlctl.core import train
from mlctl.errors import ExitCode
from mlctl.packaging import build
from mlctl.progress import Report, silent
from mlctl.registry import answers
from mlctl.registry.store import ModelVersion, Registry
from tests.cloud.cloud import Cloud
from tests.cloud.execution import Spell
from tests.cloud.faults import KINDS, Fault, Killed, Kind
from tests.cloud.jobs import PLAIN, STORMS, Job, Step, chosen, jobs
from tests.cloud.record import Call

# How a command may end that a fault struck: well, killed, or with a sentence because AWS refused or does not answer.
_ENDS = (ExitCode.OK, None, ExitCode.AWS)
# What botocore must not repeat by itself, for that would make two.
_ONCE = ("CreateApi", "CreateIntegration", "CreateAuthorizer")
# More runs than this no command needs that is killed after each of its changes.
_STORM = 40


@dataclass(frozen=True)
class Cell:
    """One fault of one call: how the struck command ended, and what is wrong after the second run, if anything."""

    fault: Fault
    struck: bool
    end: int | None
    wrong: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """✗: a promise is broken; ✓: the command failed and the next run put it right; ·: it got over it by itself."""
        return "✗" if self.wrong else "·" if self.end == 0 else "✓"


@dataclass
class Table:
    """The cells of one job; ``calls`` are those of its undisturbed run."""

    job: Job
    calls: tuple[Call, ...]
    cells: list[Cell] = field(default_factory=list)

    @property
    def broken(self) -> list[str]:
        """What is wrong, a line a cell."""
        return [
            f"{self.job.name}, call {cell.fault.k} ({self.calls[cell.fault.k - 1]}), {cell.fault.kind}, "
            f"exit {cell.end}: {'; '.join(cell.wrong)}"
            for cell in self.cells
            if cell.wrong
        ]

    def lines(self) -> Iterator[str]:
        """The table as text: a row a call, a column a fault."""
        width = max(len(str(call)) for call in self.calls)
        yield f"{self.job.name}: {len(self.calls)} calls"
        yield " " * (width + 6) + "  ".join(KINDS)
        marks = {(cell.fault.k, cell.fault.kind): cell.mark for cell in self.cells}
        for call in self.calls:
            row = "  ".join(marks.get((call.number, kind), " ").center(len(kind)) for kind in KINDS)
            yield f"{call.number:4}  {call!s:{width}}{row}".rstrip()
        counted = {mark: sum(cell.mark == mark for cell in self.cells) for mark in "✓·✗"}
        yield f"      {counted['✓']} put right by the next run, {counted['·']} got over, {counted['✗']} broken"


class Matrix:
    """Runs jobs with faults on one cloud, with two model versions of one project and packages that are built once."""

    def __init__(self, cloud: Cloud, folder: Path, versions: Iterable[ModelVersion]) -> None:
        self._cloud = cloud
        self._folder = folder
        for version in versions:
            cloud.expect_golden(version.id, answers.from_document(version.read_json("golden.json")))

    def undisturbed(self, job: Job) -> tuple[Table, dict[str, Any]]:
        """The job's calls, and the state that it ends in."""
        self._prepare(job)
        self._cloud.begin()
        code, said = self.run(job.command)
        if code != 0 or self._cloud.violations:
            raise AssertionError(f"{job.name} fails undisturbed, exit {code}: {said} {self._cloud.violations}")
        table = Table(job, tuple(self._cloud.calls))
        if job.then:
            self.run(job.then)
        return table, self._cloud.snapshot()

    def cell(self, job: Job, fault: Fault, goal: dict[str, Any]) -> Cell:
        """Strike one call, run the command again, compare."""
        cloud, wrong = self._cloud, []
        self._prepare(job)
        unserved: list[str] = []
        if job.serves:
            cloud.on_call = lambda call: self._ask(str(call), unserved)
        try:
            cloud.begin(fault)
            end, said = self.run(job.command)
            struck = len(cloud.calls) >= fault.k
            if end not in _ENDS or (end == ExitCode.AWS and "Error:" not in said):
                wrong.append(f"it ends with {end}: {said}")
            call = cloud.calls[fault.k - 1].operation if struck else ""
            if end == 0 and not job.then:
                wrong += [f"it ends well, but {line}" for line in differences(goal, cloud.snapshot())]
            elif end != 0 and fault.passes and call not in _ONCE:
                wrong.append(f"it does not get over a fault that passes: {said}")
            cloud.begin()
            if job.then:
                cloud.on_call = _nothing
            again, said = self.run(job.then or job.command)
        finally:
            cloud.on_call = _nothing
        if again != 0 and not (job.once and again == ExitCode.NOT_FOUND):
            wrong.append(f"the second run ends with {again}: {said}")
        wrong += [f"the end differs: {line}" for line in differences(goal, cloud.snapshot())]
        wrong += cloud.violations + unserved
        return Cell(fault, struck, end, tuple(wrong))

    def storm(self, job: Job, kind: Kind, goal: dict[str, Any]) -> list[str]:
        """Strike the first change of the command, and of every next run, until one has nothing left to change."""
        self._prepare(job)
        for _ in range(_STORM):
            self._cloud.begin(Fault(kind, 1, mutating=True))
            end, said = self.run(job.command)
            if end == 0 or (job.once and end == ExitCode.NOT_FOUND):
                break
            if end not in _ENDS:
                return [f"it ends with {end}: {said}"]
        else:
            return [f"it does not end, but: {said}"]
        return [*differences(goal, self._cloud.snapshot()), *self._cloud.violations]

    def elsewhere(self, folder: Path) -> "Matrix":
        """The same account, from another copy of the project."""
        return Matrix(self._cloud, folder, ())

    def state(self) -> dict[str, Any]:
        """What is there."""
        return self._cloud.snapshot()

    def spoilt(self, job: Job, spell: Spell, number: str) -> tuple[int | None, dict[str, float], list[str]]:
        """Run the job while release ``number`` does not answer rightly: exit code, what is live, what went wrong."""
        self._prepare(job)
        unserved: list[str] = []
        if job.serves:
            self._cloud.on_call = lambda call: self._ask(str(call), unserved)
        self._cloud.execution.spells[number] = spell
        end, _ = self.run(job.command)
        self._cloud.on_call = _nothing
        self._cloud.mend_release(number)
        return end, self._cloud.live(), self._cloud.violations + unserved

    def race(self, job: Job, rival: "Matrix", rivals: Step, k: int) -> list[str]:
        """Another machine runs ``rivals`` from end to end right after call ``k`` of the job's command."""
        cloud, wrong = self._cloud, []
        self._prepare(job)
        then: list[tuple[int | None, dict[str, Any]]] = []

        def between(call: Call) -> None:
            if call.number == k and not then:
                cloud.on_call = _nothing
                code, _ = rival.run(rivals)
                then.append((code, _settled(cloud.snapshot())))

        cloud.begin()
        cloud.on_call = between
        end, said = self.run(job.command)
        cloud.on_call = _nothing
        (other, left), now = then[0], _settled(cloud.snapshot())
        if other != 0 or end not in (0, ExitCode.AWS):
            wrong.append(f"they end with {end} and {other}: {said}")
        if end == ExitCode.AWS:
            if "Another command changed stage 'prod' at the same time" not in said:
                wrong.append(f"the loser does not say why: {said}")
            wrong += [f"the loser changes something: {line}" for line in differences(left, now)]
        status, apis = cloud.request().status, len(cloud.gateway.apis)
        if (status, apis) != (200, 1):
            wrong.append(f"in the end a request gets {status}, of {apis} APIs")
        return wrong + cloud.violations

    def _prepare(self, job: Job) -> None:
        self._cloud.reset()
        for step in job.before:
            code, said = self.run(step)
            if code != 0:
                raise AssertionError(f"{job.name} cannot be prepared: {said}")

    def run(self, step: Step) -> tuple[int | None, str]:
        """The exit code, None of a command that was killed; and what it said on stderr."""
        (self._folder / "mlctl.toml").write_text(step.toml)
        said = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            try:
                code: int | None = main(["-C", str(self._folder), *step.words, "--stage", "prod"])
            except Killed:
                code = None
        return code, " ".join(said.getvalue().split())[-400:]

    def _ask(self, call: str, unserved: list[str]) -> None:
        served = self._cloud.request(authorized=True)
        if served.status != 200:
            unserved.append(f"a request after {call} gets {served.status}")


def _settled(state: dict[str, Any]) -> dict[str, Any]:
    """A state in which nothing is under way: that comes to its end whoever waits for it."""
    changed: dict[str, Any] = json.loads(json.dumps(state, default=str).replace('"settled": false', '"settled": true'))
    return changed


def _nothing(call: Call) -> None:
    """What is done after a call where nothing is to be done."""


def differences(wanted: Any, found: Any, where: str = "") -> Iterator[str]:
    """The places where two states differ, in words."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted({*wanted, *found}, key=str):
            yield from differences(wanted.get(key), found.get(key), f"{where}/{key}")
    elif wanted != found:
        yield f"{where} is {_short(found)}, not {_short(wanted)}"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} of {_short(value[0])}" if value else "none"
    text = json.dumps(value, default=str)
    return text if len(text) < 100 else f"{text[:97]}…"


@contextlib.contextmanager
def hurry() -> Iterator[None]:
    """Build each package once, and let the time that a canary takes pass by itself."""
    built: dict[Any, build.Package] = {}
    real: Callable[..., build.Package] = build.build_package
    now = 1_900_000_000.0

    def once(version: ModelVersion, *, engine: str, python: str, report: Report = silent) -> build.Package:
        key = (version.id, engine, python)
        if key not in built:
            built[key] = real(version, engine=engine, python=python, report=report)
        return built[key]

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    with (
        mock.patch("mlctl.packaging.build.build_package", side_effect=once),
        mock.patch("mlctl.core.deploy.DeployContext", partial(DeployContext, sleep=sleep, clock=lambda: now)),
    ):
        yield


def two_versions(folder: Path) -> tuple[ModelVersion, ModelVersion]:
    """Train a second model version into a project that may have one already."""
    (folder / "mlctl.toml").write_text(PLAIN)
    registry = Registry(folder, "iris")
    old = registry.get(train.run(folder, settings.load(folder)).version)
    (folder / "mlctl.toml").write_text("[model]\nparams = { n_estimators = 7 }\n")
    new = registry.get(train.run(folder, settings.load(folder)).version)
    return old, new


def run(folder: Path, wanted: Iterable[str] = ()) -> int:
    """The whole matrix, or the jobs of those names, printed as it comes; 1 when something is broken."""
    broken = []
    with hurry(), Cloud() as cloud:
        old, new = two_versions(folder)
        matrix = Matrix(cloud, folder, (old, new))
        for job in jobs(old.id, new.id):
            if wanted and job.name not in wanted:
                continue
            table, goal = matrix.undisturbed(job)
            table.cells += [matrix.cell(job, fault, goal) for fault in chosen(table.calls, whole=True)]
            for kind in () if job.then else STORMS:
                broken += [f"{job.name}, every change, {kind}: {line}" for line in matrix.storm(job, kind, goal)]
            broken += table.broken
            print("\n".join(table.lines()), *table.broken, sep="\n", flush=True)
    print(f"{len(broken)} cells are broken.")
    return 1 if broken else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(run(Path(temporary), sys.argv[1:]))
