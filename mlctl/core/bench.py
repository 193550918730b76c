"""``mlctl bench``: one version on the portable engine and on scikit-learn, side by side."""

import platform
import statistics
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

from mlctl.bench import dependency_size, prices, runner, sklearn_baseline
from mlctl.bench.dependency_size import Weight
from mlctl.bench.prices import Cost, Price, Traffic
from mlctl.bench.runner import Candidate, Measurement, Probe
from mlctl.data.values import Label
from mlctl.disk import errors_named
from mlctl.errors import MlctlError
from mlctl.packaging import build
from mlctl.packaging.build import Package
from mlctl.progress import Event, Report, silent
from mlctl.registry import answers, manifest
from mlctl.registry.answers import Answer, Parity
from mlctl.registry.sources import changed_code
from mlctl.registry.store import LATEST, ModelVersion, Registry
from mlctl.scratch import scratch_folder
from mlctl.settings import Settings

# Of warm requests, for each side and all its runs together.
WARM_SECONDS = 2.0
DEFAULT_TRAFFIC = Traffic(requests=1_000_000, cold_share=0.01)
# The libraries whose versions decide how fast and how large the scikit-learn side is.
_TOLD = ("scikit-learn", "numpy", "scipy", "pandas")


@dataclass(frozen=True)
class EngineFigures:
    """One engine, measured.

    ``weight``: of the package (None: not to be told); ``cold``: seconds to the first answer, a run each; ``warm``:
    seconds of each request; ``peak``: bytes of the whole process at most, ``bare`` those before the handler.
    """

    weight: Weight | None
    cold: tuple[float, ...]
    warm: tuple[float, ...]
    peak: int
    bare: int
    cost: Cost

    def cold_median(self) -> float:
        """The median cold start in seconds."""
        return statistics.median(self.cold)

    def percentile(self, part: float) -> float:
        """Seconds that ``part`` (0 to 1) of the warm requests do not exceed."""
        return runner.percentile(self.warm, part)

    @property
    def growth(self) -> int:
        """Bytes at most over those of the same interpreter without the handler."""
        return self.peak - self.bare


@dataclass(frozen=True)
class Bench:
    """Both sides of one version; ``portable`` is None, with the ``reason``, where it does not compile.

    ``difference``: the first row on which the sides disagree beyond the version's ``parity``, in words; empty
    where they agree. ``timeout``: seconds of the function. ``python``: of the measured processes; ``libraries``: "name
    version" on the scikit-learn side.
    """

    version: str
    estimator: str
    parity: Parity | None
    reason: str
    rows: int
    difference: str
    portable: EngineFigures | None
    sklearn: EngineFigures
    traffic: Traffic
    price: Price
    timeout: int
    architecture: prices.Architecture
    python: str
    platform: str
    libraries: tuple[str, ...]

    @property
    def agree(self) -> bool | None:
        """Whether both sides gave the same answers; None where there is one side alone."""
        return None if self.portable is None else not self.difference

    def told_libraries(self) -> str:
        """The libraries that matter most, with their versions."""
        by_name = {each.rsplit(" ", 1)[0]: each for each in self.libraries}
        return ", ".join(by_name[name] for name in _TOLD if name in by_name)


def run(
    project_folder: Path,
    settings: Settings,
    *,
    version: str = LATEST,
    runs: int = 5,
    traffic: Traffic = DEFAULT_TRAFFIC,
    memory: int | None = None,
    price_request: float | None = None,
    price_gb_second: float | None = None,
    report: Report = silent,
) -> Bench:
    """Measure ``version`` on both engines, ``runs`` cold starts a side in turn.

    ``memory`` (MB; by default that of the settings) is what each side has at least: more where its peak needs more. The
    prices default to those of ``mlctl.bench.prices`` for the settings' architecture. Raises MlctlError: exit 4 when the
    version is corrupt, was made with other library versions or does not answer, and as ``packaging.build.build`` does;
    exit 6 when there is no such version.
    """
    found = Registry(project_folder, settings.project, report).get(version)
    report(Event("start", "packages", "Making the packages"))
    # Refuses what must not be opened, before a process of its own opens it.
    parts = sklearn_baseline.modules(found.load_pipeline(), found.manifest.data["takes"])
    needed = dependency_size.needed(parts)
    for name in changed_code(found.origin.files, project_folder):
        report(Event("warning", "packages", f"{name} has changed since model version {found.id[:12]} was made."))
    examples = answers.from_document(found.read_json("heldout.json"))
    rows = [each.features for each in examples]
    python = ".".join(platform.python_version_tuple()[:2])
    package = None
    if found.manifest.portable["compiled"]:
        package = build.build_package(found, engine="portable", python=settings.deploy.python, report=report)
    with scratch_folder() as folder:
        sides = []
        if package is not None:
            if settings.deploy.python != python:
                words = f"The package is for Python {settings.deploy.python}; both sides are measured in {python}."
                report(Event("warning", "packages", words))
            sides.append(_portable(found, package, python, folder / "portable", rows))
        files, without = sklearn_baseline.files(found, python), dependency_size.others(needed)
        sides.append(sklearn_baseline.candidate(found, files, folder / "sklearn", examples, project_folder, without))
        report(Event("finish", "packages", f"{len(rows)} held-out rows to ask"))
        sides, probes = _probed(sides, report)
        measured = _in_turn(sides, runs, report)
    if not sides[-1].without:
        needed = dependency_size.needed(probes[-1].modules)
    weights: list[Weight | None] = [] if package is None else [Weight(package.unzipped_bytes, len(package.zip))]
    weights += [_weigh(needed, files, report)]
    listed = prices.PRICES[settings.deploy.architecture]
    price = Price(
        request=listed.request if price_request is None else price_request,
        gb_second=listed.gb_second if price_gb_second is None else price_gb_second,
    )
    least = settings.deploy.memory if memory is None else memory
    made = [_side(weight, each, least, traffic, price) for weight, each in zip(weights, measured, strict=True)]
    labels = found.read_json("schema.json")["target"].get("labels", [])
    parity: Parity | None = found.manifest.portable.get("parity")
    return Bench(
        version=found.id,
        estimator=found.manifest.estimator,
        parity=parity,
        reason=str(found.manifest.portable.get("reason", "")),
        rows=len(rows),
        difference=_difference(probes[0], probes[-1], labels, parity) if parity else "",
        portable=None if package is None else made[0],
        sklearn=made[-1],
        traffic=traffic,
        price=price,
        timeout=settings.deploy.timeout,
        architecture=settings.deploy.architecture,
        python=python,
        platform=manifest.platform_tag(),
        libraries=tuple(f"{each.name} {each.version}" for each in needed),
    )


def _portable(found: ModelVersion, package: Package, python: str, folder: Path, rows: Sequence[Any]) -> Candidate:
    # Bytecode counts, so the package for the interpreter that runs it.
    same = package if package.python == python else build.build_package(found, engine="portable", python=python)
    with errors_named(folder), zipfile.ZipFile(BytesIO(same.zip)) as archive:
        archive.extractall(folder)
    return Candidate("portable", folder, rows)


def _probed(sides: Sequence[Candidate], report: Report) -> tuple[list[Candidate], list[Probe]]:
    """The sides as they run, and what each answers. Raises MlctlError (exit 4) where one does not."""
    report(Event("start", "answers", "Asking for every row once"))
    asked = [_probe(side) for side in sides]
    report(Event("finish", "answers", f"{len(sides[0].rows)} a side"))
    return [side for side, _ in asked], [probe for _, probe in asked]


def _probe(side: Candidate) -> tuple[Candidate, Probe]:
    try:
        return side, side.probe()
    except MlctlError:
        if not side.without:
            raise
    # Code of the project may import what its pipeline does not name: then nothing is kept from it.
    free = replace(side, without=())
    return free, free.probe()


def _in_turn(sides: Sequence[Candidate], runs: int, report: Report) -> list[list[Measurement]]:
    """``runs`` of each side, one after the other: what the machine does meanwhile falls on both."""
    total = runs * len(sides)
    text = "Starting and asking both, in turn" if len(sides) > 1 else "Starting and asking"
    report(Event("start", "runs", text, total=total))
    found: list[list[Measurement]] = [[] for _ in sides]
    for number in range(runs):
        for at, side in enumerate(sides):
            # Each run begins elsewhere, so that slow requests too reach many rows.
            first = number * len(side.rows) // runs
            found[at].append(side.measure(first=first, seconds=WARM_SECONDS / runs))
            report(Event("advance", "runs", done=number * len(sides) + at + 1, total=total))
    requests = " and ".join(f"{sum(len(run.warm) for run in each):,}" for each in found)
    starts = "1 start" if runs == 1 else f"{runs} starts"
    told = f"{starts} a side" if len(sides) > 1 else starts
    report(Event("finish", "runs", f"{told}, {requests} requests"))
    return found


def _weigh(needed: Sequence[Any], files: dict[str, bytes], report: Report) -> Weight | None:
    report(Event("start", "libraries", "Zipping the libraries of scikit-learn", total=len(needed)))

    def advance(done: int) -> None:
        report(Event("advance", "libraries", done=done, total=len(needed)))

    weight = dependency_size.weigh(needed, advance)
    if weight is None:
        report(Event("finish", "libraries", "unknown: a library here does not tell its files", ok=False))
        return None
    own = dependency_size.weigh_content(files)
    report(Event("finish", "libraries", f"{len(needed)} of them"))
    return Weight(weight.unzipped + own.unzipped, weight.zipped + own.zipped)


def _side(
    weight: Weight | None, runs: Sequence[Measurement], least: int, traffic: Traffic, price: Price
) -> EngineFigures:
    cold = tuple(run.cold for run in runs)
    warm = tuple(each for run in runs for each in run.warm)
    most = max(runs, key=lambda run: run.peak)
    memory = max(least, prices.memory_for(most.peak))
    cost = prices.month(statistics.median(cold), warm, memory, traffic, price)
    return EngineFigures(weight=weight, cold=cold, warm=warm, peak=most.peak, bare=most.bare, cost=cost)


def _difference(portable: Probe, sklearn: Probe, labels: Sequence[Label], parity: Parity) -> str:
    for number, (one, other) in enumerate(zip(portable.answers, sklearn.answers, strict=True)):
        expected = _answer(other["body"], labels)
        if not answers.agrees(one["body"], expected, labels, parity):
            told = answers.describe(_answer(one["body"], labels), labels)
            return f"row {number}: scikit-learn says {answers.describe(expected, labels)}, the portable engine {told}"
    return ""


def _answer(body: dict[str, Any], labels: Sequence[Label]) -> Answer:
    """An answer of the API as the registry keeps it."""
    if "class_name" not in body:
        number = body["prediction"]
        return Answer(values=number) if isinstance(number, dict) else Answer(value=number)
    index = labels.index(body["prediction"])
    if "scores" in body:
        return Answer(index=index, scores=tuple(body["scores"]))
    return Answer(index=index, probabilities=tuple(body["probabilities"]))
