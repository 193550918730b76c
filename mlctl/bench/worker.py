"""What runs in the process that is measured: an unpacked package, asked as Lambda asks it.

Run as a file in the package's folder, by ``measuring.py`` alone. Nothing imports it; of mlctl it reads one file.
It takes the job as JSON on standard input and gives what it measured as JSON on standard output.
"""

import io
import json
import os
import sys
import time
from array import array
from typing import Any

# What Lambda's runtime client, awslambdaric, has imported before any handler: no cold start pays for it.
LAMBDA_IMPORTS = ("contextlib", "decimal", "json", "logging", "traceback", "warnings")
# Requests before those that count, unless they take a quarter of the time: the first ones fill caches.
_WARM_UP = 20
_PINNED: dict[str, Any] = {"__name__": "pinned"}


class Context:
    """The part of Lambda's context that the handler reads."""

    aws_request_id = "11111111-2222-3333-4444-555555555555"


class HiddenModules:
    """Modules that are installed here and would not be in a zip: not to be found."""

    def __init__(self, names: list[str]) -> None:
        self._names = frozenset(names)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise ModuleNotFoundError for one of them; leave every other to the next finder."""
        if name in self._names:
            raise ModuleNotFoundError(f"{name} is kept from this process", name=name)


def pinned() -> dict[str, Any]:
    """The names of ``project_modules/pinned.py``. Read as a file: importing mlctl would change what is measured."""
    if "hook" not in _PINNED:
        file = os.path.join(os.path.dirname(__file__), "..", "project_modules", "pinned.py")  # noqa: PTH118, PTH120  # as below
        with open(file, "rb") as source:  # noqa: PTH123  # as below
            exec(compile(source.read(), file, "exec"), _PINNED)  # noqa: S102  # a file of mlctl
    return _PINNED


class Fitted:
    """``model.joblib`` in the place of a portable model: what ``handler.service`` asks of either.

    One row a call and one thread, as parity is defined. ``job``: ``takes`` (what the pipeline takes, "frame" or
    "array"), ``names`` and ``texts`` (of the features: the name, whether it is text), ``regression``, ``several``
    (of it, the targets), ``one_call`` (the class is that of the largest number, so ``predict`` need not be called too)
    ``project``, the project's folder, and ``modules``, SHA-256 by path of those of its modules that may be imported.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        import warnings

        sys.path_hooks.insert(0, pinned()["hook"](job["modules"], job["project"]))
        # What scikit-learn warns of was told when the version was made.
        warnings.simplefilter("ignore")
        import joblib

        file = os.path.join("model", "model.joblib")  # noqa: PTH118  # pathlib would be timed too
        try:
            self._fitted = joblib.load(file)
        except ModuleNotFoundError:
            if not job["modules"]:
                raise
            # Only a pipeline of the project's own needs its modules. They come after all that is installed: a
            # project's joblib.py is not joblib, nor its handler the handler.
            add_project(job["project"])
            self._fitted = joblib.load(file)
        threads = [name for name in self._fitted.get_params() if name.endswith("n_jobs")]
        self._fitted.set_params(**dict.fromkeys(threads, 1))
        self._job = job
        self._rows = self._frame if job["takes"] == "frame" else self._array
        ask = next((name for name in ("predict_proba", "decision_function") if hasattr(self._fitted, name)), None)
        self._ask = getattr(self._fitted, ask) if ask else None
        if job["regression"]:
            self.kind = "regressors" if job["several"] else "regressor"
            return
        self.kind = "classifier" if ask == "predict_proba" else "scorer"
        self._position = {label: at for at, label in enumerate(self._fitted.classes_)}

    def predict(self, values: list[Any]) -> Any:
        """What a predictor of its kind gives: ``(position of the class, its numbers)``, a number, or a list of them."""
        row = self._rows(values)
        if self.kind == "regressors":
            return [float(number) for number in self._fitted.predict(row)[0]]
        if self.kind == "regressor":
            return float(self._fitted.predict(row)[0])
        # Of two classes, decision_function gives one number, not a list.
        found = [] if self._ask is None else self._ask(row)[0].tolist()
        numbers = found if isinstance(found, list) else [found]
        if not self._job["one_call"]:
            return self._position[self._fitted.predict(row)[0]], numbers
        if len(numbers) == 1:
            return int(numbers[0] > 0), numbers
        return numbers.index(max(numbers)), numbers

    def _array(self, values: list[Any]) -> Any:
        import numpy

        if not any(self._job["texts"]):
            return numpy.array([values], dtype=numpy.float64)
        return numpy.array([[numpy.nan if value is None else value for value in values]], dtype=object)

    def _frame(self, values: list[Any]) -> Any:
        import pandas

        names, texts = self._job["names"], self._job["texts"]
        if not any(texts):
            return pandas.DataFrame(self._array(values), columns=names, copy=False)
        columns = {}
        for name, value, text in zip(names, values, texts, strict=True):
            one = float("nan") if value is None else value
            columns[name] = pandas.Series([one], dtype=object if text else float)
        return pandas.DataFrame(columns)


def add_project(folder: str) -> None:
    """Let the project's modules be imported, but for those of a name that Python has on other systems only."""
    from importlib.util import find_spec

    names = {name.partition(".")[0] for name in os.listdir(folder)} & sys.stdlib_module_names  # noqa: PTH208  # as above
    sys.meta_path.insert(
        0, HiddenModules([name for name in names if name not in sys.modules and find_spec(name) is None])
    )
    sys.path.append(folder)


def peak_memory() -> int:
    """The most memory that this process has held, resident, in bytes."""
    try:
        # Not getrusage: what that tells on Linux is at least what the parent held when it started this process.
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123  # as above
            (line,) = (line for line in file if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def event(row: list[Any]) -> dict[str, Any]:
    """The API Gateway event that asks for one row."""
    return {
        "version": "2.0",
        "rawPath": "/predict",
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": "/predict"}, "stage": "$default"},
        "body": json.dumps({"features": row}),
        "isBase64Encoded": False,
    }


def answer(lambda_handler: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """The status and body of an answer; of a failed prediction also ``why``, the last line of its trace in the log."""
    kept, sys.stdout = sys.stdout, io.StringIO()
    try:
        response = lambda_handler(asked, Context)
        logged = sys.stdout.getvalue()
    finally:
        sys.stdout = kept
    found = {"status": response["statusCode"], "body": json.loads(response["body"])}
    if found["status"] == 500:
        trace = json.loads(logged.strip().splitlines()[-1])["exception"]
        found["why"] = trace.strip().splitlines()[-1]
    return found


def main() -> None:
    """Import the handler, ask it, and tell the times (nanoseconds), the memory (bytes) and the modules imported."""
    job = json.load(sys.stdin)
    # What the handler logs, and what a project's own code or C prints, goes nowhere: 1 carries the result alone.
    out = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    events = [event(row) for row in job["rows"]]
    for name in LAMBDA_IMPORTS:
        __import__(name)
    now = time.perf_counter_ns
    times = array("q")
    if job["without"]:
        sys.meta_path.insert(0, HiddenModules(job["without"]))
    if job["pipeline"]:
        # Before the clock starts: production has nothing of the kind.
        pinned()
    before, bare, at = set(sys.modules), peak_memory(), job["first"]

    started = now()
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  # as above
    pipeline = job["pipeline"]
    if pipeline:
        service: Any = __import__("handler.service", fromlist=("load",))
        service.load = lambda *_, **__: Fitted(pipeline)
    lambda_handler = __import__("handler.app", fromlist=("lambda_handler",)).lambda_handler
    lambda_handler(events[at], Context)
    cold = now() - started

    budget = int(job["seconds"] * 1e9)
    until = now() + budget // 4
    for _ in range(_WARM_UP):
        at = (at + 1) % len(events)
        lambda_handler(events[at], Context)
        if now() > until:
            break
    until = now() + budget
    while len(times) < job["requests"]:
        at = (at + 1) % len(events)
        asked = now()
        lambda_handler(events[at], Context)
        answered = now()
        times.append(answered - asked)
        if answered > until:
            break

    found: dict[str, Any] = {"cold": cold, "warm": times.tolist(), "bare": bare, "peak": peak_memory()}
    if job["answers"]:
        found["modules"] = sorted({name.partition(".")[0] for name in set(sys.modules) - before})
        found["answers"] = [answer(lambda_handler, each) for each in events]
    json.dump(found, out)
    out.flush()


if __name__ == "__main__":
    main()
