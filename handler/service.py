"""Loads a model version when the Lambda process starts, and predicts rows with it."""

from __future__ import annotations

import json
import os

from handler.engine import UnprocessableRow, load
from handler.features import Schema, unprocessable
from handler.ops import NO_NUMBER
from handler.safetensors import unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.engine import PortableModel

    Json = dict[str, Any]

PACKAGE_FORMAT = 1


class Service:
    """A loaded model version: its identity, schema and engine."""

    def __init__(self, package: Json, schema: Json, metrics: Json, model: PortableModel) -> None:
        self.version: str = package["version"]
        self.engine: str = package["engine"]
        self.package = package
        self.schema = Schema(schema)
        self.metrics = metrics
        self.model = model
        self.is_regression = schema["task"] == "regression"
        outputs = schema["target"].get("outputs")
        self.outputs = outputs and [output["name"] for output in outputs]
        # A model of several targets must predict all of them.
        kinds = ("regressors",) if outputs else ("regressor", "regressors")
        if model.kind not in (kinds if self.is_regression else ("classifier", "scorer")):
            several = " of several targets" if outputs else ""
            raise ValueError(f"the schema's task is {schema['task']}{several}; the model is a {model.kind}")
        self._is_multioutput = model.kind == "regressors"
        self._numbers_key = "probabilities" if model.kind == "classifier" else "scores"
        # None for a regression.
        self.labels = schema["target"].get("labels")
        self.class_names = schema["target"].get("class_names")

    @classmethod
    def load(cls, folder: str) -> Service:
        """Read ``package.json``, ``schema.json``, ``metrics.json`` and the model from ``folder``.

        Raises ValueError for an unknown format or kind, OSError for a missing file.
        """
        package = _read(folder, "package.json")
        if package.get("format") != PACKAGE_FORMAT:
            raise ValueError(f"package format {package.get('format')!r}; this handler reads format {PACKAGE_FORMAT}")
        schema = _read(folder, "schema.json")
        metrics = _read(folder, "metrics.json")
        model = load(
            os.path.join(folder, "model.safetensors"),
            n_features=len(schema["features"]),
            generated=package["generated"],
        )
        return cls(package, schema, metrics, model)

    def predict(self, values: list[Any], warnings: list[Json], instance: int | None) -> Json:
        """The answer for one row: ``prediction``, and ``warnings`` if any.

        A classifier adds ``class_name`` and ``probabilities``, or ``scores`` if the model has no probabilities.
        ``prediction`` of a regression is a number, or an object of numbers by target if there are several targets.
        ``instance`` is the index of the row in the request, for error messages. Raises RequestError (422) if the model
        cannot compute with the row.
        """
        try:
            predicted = self.model.predict(values)
        except UnprocessableRow as error:
            raise unprocessable(self.schema, error.position, error.problem, instance) from None
        answer: Json
        if self.is_regression:
            numbers = predicted if self._is_multioutput else (predicted,)
            if self.outputs:
                answer = {"prediction": dict(zip(self.outputs, numbers, strict=True))}
            else:
                (number,) = numbers
                answer = {"prediction": number}
        else:
            index, numbers = predicted
            answer = {
                "prediction": self.labels[index],
                "class_name": self.class_names[index],
                self._numbers_key: numbers,
            }
        # JSON has no NaN and no infinities. A finite sum has finite terms only.
        total = sum(numbers)
        if total - total != 0 and not all(number - number == 0 for number in numbers):
            raise unprocessable(self.schema, None, NO_NUMBER, instance)
        if warnings:
            answer["warnings"] = warnings
        return answer

    def description(self) -> Json:
        """The response to ``GET /model``. It contains no row of the training data."""
        return {
            "version": self.version,
            "project": self.package["project"],
            "engine": self.engine,
            "parity": self.package["parity"],
            "estimator": self.package["estimator"],
            "schema": self.schema.document,
            "metrics": self.metrics,
        }


def _read(folder: str, name: str) -> Any:
    with open(os.path.join(folder, name), "rb") as file:
        return json.loads(file.read(), object_pairs_hook=unique)
