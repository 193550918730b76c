"""Measures a model version on the portable engine and on scikit-learn, for ``mlctl bench``."""

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

# Duration of the warm requests of one engine in all its runs.
WARM_SECONDS = 2.0
DEFAULT_TRAFFIC = Traffic(requests=1_000_000, cold_share=0.01)
# The libraries that determine the speed and size of the scikit-learn engine.
_MAIN_LIBRARIES = ("scikit-learn", "numpy", "scipy", "pandas")


@dataclass(frozen=True)
class EngineFigures:
    """The measurements of one engine.

    ``weight``: size of the package, None if unknown. ``cold``: seconds to the first answer in each run. ``warm``:
    seconds of each request. ``peak``: peak memory of the process in bytes; ``bare``: its memory before the handler.
    """

    weight: Weight | None
    cold: tuple[float, ...]
    warm: tuple[float, ...]
    peak: int
    bare: int
    cost: Cost

    def cold_median(self) -> float:
        """Return the median cold start in seconds."""
        return statistics.median(self.cold)

    def percentile(self, share: float) -> float:
        """Return the seconds that ``share`` (0 to 1) of the warm requests do not exceed."""
        return runner.percentile(self.warm, share)

    @property
    def growth(self) -> int:
        """Peak memory in bytes, minus the memory of the same interpreter without the handler."""
        return self.peak - self.bare


@dataclass(frozen=True)
class Bench:
    """The measurements of both engines. ``portable`` is None, and ``reason`` set, if the version does not compile.

    ``difference``: text about the first row on which the engines disagree beyond the version's ``parity``, empty if
    they agree. ``timeout``: timeout of the function in seconds. ``python``: version of the measured processes.
    ``libraries``: "name version" of each library of the scikit-learn engine.
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
        """Whether both engines gave the same answers; None with only one engine."""
        return None if self.portable is None else not self.difference

    def main_libraries(self) -> str:
        """Return the most important libraries with their versions."""
        by_name = {library.rsplit(" ", 1)[0]: library for library in self.libraries}
        return ", ".join(by_name[name] for name in _MAIN_LIBRARIES if name in by_name)


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
    """Measure ``version`` on both engines, with ``runs`` cold starts for each; the engines take turns.

    ``memory``: minimum memory of the function in MB, by default that of the settings. An engine with a higher peak gets
    more. The prices default to those of ``mlctl.bench.prices`` for the architecture in the settings.

    Raises MlctlError: exit 4 if the version is corrupt, was made with other library versions or does not answer, and
    for the reasons of ``packaging.build.build_package``; exit 6 if there is no such version.
    """
    model = Registry(project_folder, settings.project, report).get(version)
    report(Event("start", "packages", "Making the packages"))
    # Raises if the pickle is not trusted, before another process opens it.
    modules = sklearn_baseline.modules(model.load_pipeline(), model.manifest.data["takes"])
    libraries = dependency_size.needed(modules)
    for name in changed_code(model.origin.files, project_folder):
        report(Event("warning", "packages", f"{name} has changed since model version {model.id[:12]} was made."))
    examples = answers.from_document(model.read_json("heldout.json"))
    rows = [example.features for example in examples]
    python = ".".join(platform.python_version_tuple()[:2])
    package = None
    if model.manifest.portable["compiled"]:
        package = build.build_package(model, engine="portable", python=settings.deploy.python, report=report)
    with scratch_folder() as folder:
        candidates = []
        if package is not None:
            if settings.deploy.python != python:
                text = f"The package is for Python {settings.deploy.python}; both engines are measured in {python}."
                report(Event("warning", "packages", text))
            candidates.append(_portable(model, package, python, folder / "portable", rows))
        files, without = sklearn_baseline.files(model, python), dependency_size.others(libraries)
        candidates.append(
            sklearn_baseline.candidate(model, files, folder / "sklearn", examples, project_folder, without)
        )
        report(Event("finish", "packages", f"{len(rows)} held-out rows"))
        candidates, probes = _probe_all(candidates, report)
        measurements = _measure_in_turn(candidates, runs, report)
    if not candidates[-1].without:
        libraries = dependency_size.needed(probes[-1].modules)
    weights: list[Weight | None] = [] if package is None else [Weight(package.unzipped_bytes, len(package.zip))]
    weights += [_weigh(libraries, files, report)]
    default_price = prices.PRICES[settings.deploy.architecture]
    price = Price(
        request=default_price.request if price_request is None else price_request,
        gb_second=default_price.gb_second if price_gb_second is None else price_gb_second,
    )
    min_memory = settings.deploy.memory if memory is None else memory
    engines = [
        _figures(weight, engine_runs, min_memory, traffic, price)
        for weight, engine_runs in zip(weights, measurements, strict=True)
    ]
    labels = model.read_json("schema.json")["target"].get("labels", [])
    parity: Parity | None = model.manifest.portable.get("parity")
    return Bench(
        version=model.id,
        estimator=model.manifest.estimator,
        parity=parity,
        reason=str(model.manifest.portable.get("reason", "")),
        rows=len(rows),
        difference=_difference(probes[0], probes[-1], labels, parity) if parity else "",
        portable=None if package is None else engines[0],
        sklearn=engines[-1],
        traffic=traffic,
        price=price,
        timeout=settings.deploy.timeout,
        architecture=settings.deploy.architecture,
        python=python,
        platform=manifest.platform_tag(),
        libraries=tuple(f"{library.name} {library.version}" for library in libraries),
    )


def _portable(model: ModelVersion, package: Package, python: str, folder: Path, rows: Sequence[Any]) -> Candidate:
    # Bytecode affects the start, so measure a package with bytecode for the interpreter that runs it.
    if package.python != python:
        package = build.build_package(model, engine="portable", python=python)
    with errors_named(folder), zipfile.ZipFile(BytesIO(package.zip)) as archive:
        archive.extractall(folder)
    return Candidate("portable", folder, rows)


def _probe_all(candidates: Sequence[Candidate], report: Report) -> tuple[list[Candidate], list[Probe]]:
    """Return each candidate as it can run, and its answers. Raises MlctlError (exit 4) if one does not answer."""
    report(Event("start", "answers", "Predicting every row once"))
    pairs = [_probe(candidate) for candidate in candidates]
    report(Event("finish", "answers", f"{len(candidates[0].rows)} rows per engine"))
    return [candidate for candidate, _ in pairs], [probe for _, probe in pairs]


def _probe(candidate: Candidate) -> tuple[Candidate, Probe]:
    try:
        return candidate, candidate.probe()
    except MlctlError:
        if not candidate.without:
            raise
    # Code of the project may import libraries that its pipeline does not name: try again with all libraries.
    unrestricted = replace(candidate, without=())
    return unrestricted, unrestricted.probe()


def _measure_in_turn(candidates: Sequence[Candidate], runs: int, report: Report) -> list[list[Measurement]]:
    """Measure each candidate ``runs`` times. The candidates take turns, so that other load affects both."""
    total = runs * len(candidates)
    text = "Measuring both engines in turn" if len(candidates) > 1 else "Measuring"
    report(Event("start", "runs", text, total=total))
    measurements: list[list[Measurement]] = [[] for _ in candidates]
    for run in range(runs):
        for index, candidate in enumerate(candidates):
            # Each run starts at another row, so that slow engines also predict many different rows.
            first = run * len(candidate.rows) // runs
            measurements[index].append(candidate.measure(first=first, seconds=WARM_SECONDS / runs))
            report(Event("advance", "runs", done=run * len(candidates) + index + 1, total=total))
    requests = " and ".join(f"{sum(len(run.warm) for run in engine_runs):,}" for engine_runs in measurements)
    starts = "1 start" if runs == 1 else f"{runs} starts"
    if len(candidates) > 1:
        starts += " per engine"
    report(Event("finish", "runs", f"{starts}, {requests} requests"))
    return measurements


def _weigh(libraries: Sequence[Any], files: dict[str, bytes], report: Report) -> Weight | None:
    report(Event("start", "libraries", "Zipping the libraries of scikit-learn", total=len(libraries)))

    def advance(done: int) -> None:
        report(Event("advance", "libraries", done=done, total=len(libraries)))

    weight = dependency_size.weigh(libraries, advance)
    if weight is None:
        report(Event("finish", "libraries", "unknown: an installed library does not list its files", ok=False))
        return None
    model_weight = dependency_size.weigh_content(files)
    report(Event("finish", "libraries", f"{len(libraries)} libraries"))
    return Weight(weight.unzipped + model_weight.unzipped, weight.zipped + model_weight.zipped)


def _figures(
    weight: Weight | None, runs: Sequence[Measurement], min_memory: int, traffic: Traffic, price: Price
) -> EngineFigures:
    cold = tuple(run.cold for run in runs)
    warm = tuple(seconds for run in runs for seconds in run.warm)
    largest = max(runs, key=lambda run: run.peak)
    memory = max(min_memory, prices.memory_for(largest.peak))
    cost = prices.month(statistics.median(cold), warm, memory, traffic, price)
    return EngineFigures(weight=weight, cold=cold, warm=warm, peak=largest.peak, bare=largest.bare, cost=cost)


def _difference(portable: Probe, sklearn: Probe, labels: Sequence[Label], parity: Parity) -> str:
    pairs = zip(portable.answers, sklearn.answers, strict=True)
    for number, (portable_answer, sklearn_answer) in enumerate(pairs):
        expected = _answer(sklearn_answer["body"], labels)
        if not answers.agrees(portable_answer["body"], expected, labels, parity):
            actual = answers.describe(_answer(portable_answer["body"], labels), labels)
            return f"row {number}: scikit-learn says {answers.describe(expected, labels)}, the portable engine {actual}"
    return ""


def _answer(body: dict[str, Any], labels: Sequence[Label]) -> Answer:
    """Convert an answer of the API to the form of the registry."""
    if "class_name" not in body:
        number = body["prediction"]
        return Answer(values=number) if isinstance(number, dict) else Answer(value=number)
    index = labels.index(body["prediction"])
    if "scores" in body:
        return Answer(index=index, scores=tuple(body["scores"]))
    return Answer(index=index, probabilities=tuple(body["probabilities"]))
