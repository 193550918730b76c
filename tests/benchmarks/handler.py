"""The handler on Iris, portable against scikit-learn, and ``mlctl --help`` against its own imports.

    .venv/bin/python -m tests.benchmarks.handler [--runs 9]

Both sides of each pair run in turn (A B A B …), each cold start in a fresh process, so that what the
machine does meanwhile falls on both. The scikit-learn side is the same handler around the same
pipeline from model.joblib, one ``predict_proba`` a row with one thread.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from mlctl import settings, settings_deploy
from mlctl.core import train
from mlctl.model.registry import Registry
from mlctl.packaging import build

T = TypeVar("T")

# Runs in a fresh process, in the unpacked package. Prints seconds of: the first answer, a warm one.
_SCRIPT = """
import sys, time
if sys.argv[2] == "lambda":
    import awslambdaric.bootstrap  # Lambda's runtime client imports this before any handler
started = time.perf_counter()
sys.path.insert(0, ".")
if sys.argv[1] == "sklearn":
    import handler.service
    def load(path, n_features, generated):
        import joblib
        pipeline = joblib.load("model.joblib")
        pipeline.set_params(model__n_jobs=1)
        import warnings
        warnings.simplefilter("ignore")  # it was fitted with names
        class Model:
            kind = "classifier"
            def predict(self, row):
                probabilities = pipeline.predict_proba([row])[0].tolist()
                return probabilities.index(max(probabilities)), probabilities
        return Model()
    handler.service.load = load
from handler.app import lambda_handler
event = {
    "rawPath": "/predict", "headers": {"content-type": "application/json"},
    "requestContext": {"http": {"method": "POST"}, "stage": "$default"},
    "body": '{"features": [5.1, 3.5, 1.4, 0.2]}',
}
class Context:
    aws_request_id = "11111111-2222-3333-4444-555555555555"
out, sys.stdout = sys.stdout, open("/dev/null", "w")
answer = lambda_handler(event, Context)
first = time.perf_counter() - started
assert answer["statusCode"] == 200, answer
for _ in range(100):
    lambda_handler(event, Context)
rounds = 200 if sys.argv[1] == "sklearn" else 5000
started = time.perf_counter()
for _ in range(rounds):
    lambda_handler(event, Context)
warm = (time.perf_counter() - started) / rounds
print(first, warm, file=out)
"""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9, help="runs of each side (default 9)")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        code = unpack(folder)
        bare = handler_times(code, runs, "bare")
        hosted = handler_times(code, runs, "lambda")
    sides = ("scikit-learn", "portable")
    firsts = "import + load + first prediction"
    show(f"{firsts}, a bare interpreter", "ms", 1e3, sides, [(one[0], other[0]) for one, other in bare])
    show(f"{firsts}, Lambda's runtime client loaded", "ms", 1e3, sides, [(one[0], other[0]) for one, other in hosted])
    show("a warm request, whole handler", "µs", 1e6, sides, [(one[1], other[1]) for one, other in bare])
    show("mlctl --help", "ms", 1e3, ("mlctl --help", "python -c 'import typer, rich'"), help_times(runs))


def unpack(folder: Path) -> Path:
    """The package of the default forest, unzipped, with model.joblib beside it.

    Its one scaler stands in the pipeline itself: a ColumnTransformer by name would have the
    scikit-learn side import pandas and make a DataFrame of each row.
    """
    plain = {"model": {"preprocess": ["sklearn.preprocessing.StandardScaler"]}}
    train.run(folder, settings.load(folder, flags=plain))
    version = Registry(folder, "iris").get()
    package = build.build(version, engine="portable", python=settings_deploy.default_python())
    code = folder / "code"
    zipfile.ZipFile(BytesIO(package.zip)).extractall(code)
    (code / "model.joblib").write_bytes(version.read("model.joblib"))
    return code


def handler_times(code: Path, runs: int, host: str) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Pairs (scikit-learn, portable) of seconds: to the first answer, and a warm one."""

    def measure(engine: str) -> tuple[float, float]:
        finished = subprocess.run(
            [sys.executable, "-c", _SCRIPT, engine, host], cwd=code, capture_output=True, text=True, check=True
        )
        first, warm = finished.stdout.split()
        return float(first), float(warm)

    return in_turn(runs, lambda: measure("sklearn"), lambda: measure("portable"))


def help_times(runs: int) -> list[tuple[float, float]]:
    """Pairs (``mlctl --help``, its imports alone) in seconds of a whole process."""
    mlctl = str(Path(sys.executable).with_name("mlctl"))
    return in_turn(
        runs * 3,
        lambda: wall_time([mlctl, "--help"]),
        lambda: wall_time([sys.executable, "-c", "import typer, rich"]),
    )


def in_turn(runs: int, one: Callable[[], T], other: Callable[[], T]) -> list[tuple[T, T]]:
    """``runs`` pairs after one that is not counted."""
    return [(one(), other()) for _ in range(runs + 1)][1:]


def wall_time(command: list[str]) -> float:
    """Seconds from the start of a process to its end."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def show(title: str, unit: str, scale: float, names: tuple[str, str], pairs: list[tuple[float, float]]) -> None:
    """Minimum, median and maximum of both sides, and of the ratio pair by pair."""
    print(f"\n{title} ({len(pairs)} runs of each)")
    print(f"  {'':34}{'min':>10}{'median':>10}{'max':>10}")
    for side, name in enumerate(names):
        row([pair[side] * scale for pair in pairs], f"{name}, {unit}")
    row([pair[0] / pair[1] for pair in pairs], "ratio, pair by pair")


def row(values: list[float], name: str) -> None:
    """One line of the table."""
    figures = (min(values), statistics.median(values), max(values))
    print(f"  {name:34}" + "".join(f"{figure:10.2f}" for figure in figures))


if __name__ == "__main__":
    main()
