"""Runs the handler with another engine, by replacing ``handler.service.load``.

Benchmarks copy this file into an unpacked package, beside ``handler``. It does not import mlctl. Engines: ``portable``
(the engine of the package), ``onnxruntime`` (model.onnx), ``sklearn`` (model.joblib, one ``predict_proba`` per row) and
``sklearn-batch`` (one ``predict_proba`` for all rows of a request).
"""

import os
import time
from functools import partial
from typing import Any

Row = list[float]
Answer = tuple[int, list[float]]


def use(engine: str) -> Any:
    """``lambda_handler`` of the package with ``engine``."""
    if engine == "portable":
        from handler.app import lambda_handler

        return lambda_handler
    # Any, because the attributes replaced here are not meant to be.
    service: Any = __import__("handler.service").service
    make = {"onnxruntime": _Onnx, "sklearn": _Sklearn, "sklearn-batch": _Sklearn}[engine]
    service.load = lambda *_, **__: make()
    # This import loads the service.
    app: Any = __import__("handler.app").app
    if engine == "sklearn-batch":
        app._predict = partial(_predict_batch, app)
    return app.lambda_handler


class _Onnx:
    """ONNX model with one thread, float32 input and the probabilities as a tensor (no ZipMap) as the only output."""

    kind = "classifier"

    def __init__(self) -> None:
        import numpy as np
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession("model.onnx", options, providers=["CPUExecutionProvider"])
        self._run = session.run
        self._input = session.get_inputs()[0].name
        self._outputs = [session.get_outputs()[1].name]
        self._array, self._float32 = np.array, np.float32

    def predict(self, row: Row) -> Answer:
        """``(class index, probabilities)``."""
        inputs = {self._input: self._array([row], self._float32)}
        probabilities = self._run(self._outputs, inputs)[0][0].tolist()
        return probabilities.index(max(probabilities)), probabilities


class _Sklearn:
    """The fitted pipeline with one thread, without its column names: it would warn about them at each row."""

    kind = "classifier"

    def __init__(self) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        import joblib
        import numpy as np

        self._pipeline = joblib.load("model.joblib")
        for _, step in self._pipeline.steps:
            vars(step).pop("feature_names_in_", None)
            if "n_jobs" in step.get_params():
                step.set_params(n_jobs=1)
        self._array = np.array

    def predict(self, row: Row) -> Answer:
        """``(class index, probabilities)``."""
        return self.predict_all([row])[0]

    def predict_all(self, rows: list[Row]) -> list[Answer]:
        """Like ``predict``, for many rows at once."""
        probabilities = self._pipeline.predict_proba(self._array(rows)).tolist()
        return [(row.index(max(row)), row) for row in probabilities]


def _predict_batch(app: Any, event: Any, started: float) -> dict[str, Any]:
    """Like ``handler.app._predict``, with one call of scikit-learn for all rows."""
    service = app.SERVICE
    rows, single = app.read_rows(app.read_body(event), service.schema)
    answers = []
    predicted = service.model.predict_all([values for values, _ in rows])
    for (index, probabilities), (_, warnings) in zip(predicted, rows, strict=True):
        answer = {
            "prediction": service.labels[index],
            "class_name": service.class_names[index],
            "probabilities": probabilities,
        }
        answers.append({**answer, "warnings": warnings} if warnings else answer)
    answer = answers[0] if single else {"predictions": answers}
    answer["latency_ms"] = round((time.perf_counter() - started) * 1000, 3)
    return answer
