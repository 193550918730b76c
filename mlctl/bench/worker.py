"""The measured process: runs an unpacked package with Lambda's events.

``runner.py`` runs this file in the package's folder. It imports nothing of mlctl, and reads one of its files. It takes
the job as JSON on standard input, and writes the measurements as JSON to standard output.
"""

import io
import json
import os
import sys
import time
from array import array
from typing import Any

# Lambda's runtime client, awslambdaric, imports these before any handler, so no cold start pays for them.
LAMBDA_IMPORTS = ("contextlib", "decimal", "json", "logging", "traceback", "warnings")
# Requests that fill caches before the timed ones, at most for a quarter of the time.
_WARM_UP = 20
_PINNED: dict[str, Any] = {"__name__": "pinned"}


class Context:
    """The part of Lambda's context that the handler reads."""

    aws_request_id = "11111111-2222-3333-4444-555555555555"


class HiddenModules:
    """A finder that hides modules that are installed here but would not be in a zip."""

    def __init__(self, names: list[str]) -> None:
        self._names = frozenset(names)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise ModuleNotFoundError for a hidden module; leave every other to the next finder."""
        if name in self._names:
            raise ModuleNotFoundError(f"{name} is hidden from this process", name=name)


def pinned() -> dict[str, Any]:
    """The names in ``project_modules/pinned.py``, read as a file: importing mlctl would change the measurements."""
    if "hook" not in _PINNED:
        file = os.path.join(os.path.dirname(__file__), "..", "project_modules", "pinned.py")  # noqa: PTH118, PTH120  # as below
        with open(file, "rb") as source:  # noqa: PTH123  # as below
            exec(compile(source.read(), file, "exec"), _PINNED)  # noqa: S102  # a file of mlctl
    return _PINNED


class Fitted:
    """``model.joblib`` with the interface of a portable model in ``handler.service``.

    It predicts one row per call with one thread, like the definition of parity. Keys of ``job``: ``takes`` (the input
    of the pipeline, "frame" or "array"), ``names`` and ``texts`` (the name of each feature, and whether it is text),
    ``regression``, ``several`` (whether it has several targets), ``one_call`` (the class has the largest number, so
    ``predict`` is not called too), ``project`` (the project folder) and ``modules`` (SHA-256 by path of the project's
    modules that may be imported).
    """

    def __init__(self, job: dict[str, Any]) -> None:
        import warnings

        sys.path_hooks.insert(0, pinned()["hook"](job["modules"], job["project"]))
        # Training reported the warnings of scikit-learn.
        warnings.simplefilter("ignore")
        import joblib

        file = os.path.join("model", "model.joblib")  # noqa: PTH118  # pathlib would be timed too
        try:
            self._fitted = joblib.load(file)
        except ModuleNotFoundError:
            if not job["modules"]:
                raise
            # Only a pipeline from the project needs its modules. They come after all installed modules, because a
            # project's joblib.py is not joblib, and its handler is not the handler.
            add_project(job["project"])
            self._fitted = joblib.load(file)
        threads = [name for name in self._fitted.get_params() if name.endswith("n_jobs")]
        self._fitted.set_params(**dict.fromkeys(threads, 1))
        self._job = job
        self._rows = self._frame if job["takes"] == "frame" else self._array
        method = next((name for name in ("predict_proba", "decision_function") if hasattr(self._fitted, name)), None)
        self._method = getattr(self._fitted, method) if method else None
        if job["regression"]:
            self.kind = "regressors" if job["several"] else "regressor"
            return
        self.kind = "classifier" if method == "predict_proba" else "scorer"
        self._position = {label: index for index, label in enumerate(self._fitted.classes_)}

    def predict(self, values: list[Any]) -> Any:
        """Predict a row: ``(index of the class, numbers)``, a number, or a list of numbers, depending on ``kind``."""
        row = self._rows(values)
        if self.kind == "regressors":
            return [float(number) for number in self._fitted.predict(row)[0]]
        if self.kind == "regressor":
            return float(self._fitted.predict(row)[0])
        # For two classes, decision_function returns one number, not a list.
        scores = [] if self._method is None else self._method(row)[0].tolist()
        numbers = scores if isinstance(scores, list) else [scores]
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
            cell = float("nan") if value is None else value
            columns[name] = pandas.Series([cell], dtype=object if text else float)
        return pandas.DataFrame(columns)


def add_project(folder: str) -> None:
    """Allow imports from the project folder, except for names of standard modules of other systems."""
    from importlib.util import find_spec

    names = {name.partition(".")[0] for name in os.listdir(folder)} & sys.stdlib_module_names  # noqa: PTH208  # as above
    sys.meta_path.insert(
        0, HiddenModules([name for name in names if name not in sys.modules and find_spec(name) is None])
    )
    sys.path.append(folder)


def peak_memory() -> int:
    """The peak resident memory of this process in bytes."""
    try:
        # Not getrusage: on Linux its value is at least the memory of the parent when it started this process.
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123  # as above
            (line,) = (line for line in file if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def event(row: list[Any]) -> dict[str, Any]:
    """The API Gateway event of a request for one row."""
    return {
        "version": "2.0",
        "rawPath": "/predict",
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": "/predict"}, "stage": "$default"},
        "body": json.dumps({"features": row}),
        "isBase64Encoded": False,
    }


def answer(lambda_handler: Any, request: dict[str, Any]) -> dict[str, Any]:
    """The status and body of a response. After a failed prediction, ``why`` is the last line of its traceback."""
    stdout, sys.stdout = sys.stdout, io.StringIO()
    try:
        response = lambda_handler(request, Context)
        logged = sys.stdout.getvalue()
    finally:
        sys.stdout = stdout
    result = {"status": response["statusCode"], "body": json.loads(response["body"])}
    if result["status"] == 500:
        trace = json.loads(logged.strip().splitlines()[-1])["exception"]
        result["why"] = trace.strip().splitlines()[-1]
    return result


def main() -> None:
    """Import the handler, send it requests, and write times (nanoseconds), memory (bytes) and imported modules."""
    job = json.load(sys.stdin)
    # The output of the handler, of the project's code and of C libraries is discarded: descriptor 1 has only the
    # result.
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
        # Not timed: it does not exist in production.
        pinned()
    before, bare, index = set(sys.modules), peak_memory(), job["first"]

    started = now()
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  # as above
    pipeline = job["pipeline"]
    if pipeline:
        service: Any = __import__("handler.service", fromlist=("load",))
        service.load = lambda *_, **__: Fitted(pipeline)
    lambda_handler = __import__("handler.app", fromlist=("lambda_handler",)).lambda_handler
    lambda_handler(events[index], Context)
    cold = now() - started

    budget = int(job["seconds"] * 1e9)
    until = now() + budget // 4
    for _ in range(_WARM_UP):
        index = (index + 1) % len(events)
        lambda_handler(events[index], Context)
        if now() > until:
            break
    until = now() + budget
    while len(times) < job["requests"]:
        index = (index + 1) % len(events)
        started = now()
        lambda_handler(events[index], Context)
        answered = now()
        times.append(answered - started)
        if answered > until:
            break

    result: dict[str, Any] = {"cold": cold, "warm": times.tolist(), "bare": bare, "peak": peak_memory()}
    if job["answers"]:
        result["modules"] = sorted({name.partition(".")[0] for name in set(sys.modules) - before})
        result["answers"] = [answer(lambda_handler, request) for request in events]
    json.dump(result, out)
    out.flush()


if __name__ == "__main__":
    main()
