"""``mlctl invoke``: rows to the deployed API by real HTTP."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlctl.errors import ExitCode, MlctlError
from mlctl.http import Response, request
from mlctl.model.registry import Registry
from mlctl.progress import Report, silent
from mlctl.settings import Settings
from mlctl.stages import open_stage


@dataclass(frozen=True)
class Invoked:
    """What came back; ``document`` is the body as JSON, ``base_url`` that of the API."""

    base_url: str
    response: Response
    document: Any

    @property
    def refused(self) -> MlctlError | None:
        """The error for a request that the API refused (exit 3; exit 5 when the service failed)."""
        if self.response.status < 400:
            return None
        error = self.document.get("error") if isinstance(self.document, dict) else None
        own = error if isinstance(error, dict) else {}
        said = own.get("message", self.response.body[:200].decode(errors="replace"))
        is_ours = bool(own) and self.response.status < 500
        return MlctlError(
            f"The API answered {self.response.status}: {said}",
            code=str(own.get("code", "api_error")),
            exit_code=ExitCode.BAD_INPUT if is_ours else ExitCode.AWS,
            hint="Correct the values; `mlctl data describe` shows the features."
            if is_ours
            else "`mlctl logs` tells why.",
        )


def run(
    project_folder: Path, settings: Settings, stage_name: str, payload: dict[str, Any], report: Report = silent
) -> Invoked:
    """POST ``payload`` to ``/predict`` of the stage's API.

    Raises MlctlError: exit 6 when nothing is deployed, exit 5 when nothing answers. A refusal by the
    API is in the result.
    """
    url = open_stage(project_folder, settings, stage_name, report).live_url()
    response = request("POST", f"{url}/predict", json.dumps(payload).encode())
    try:
        document = json.loads(response.body)
    except ValueError:
        document = None
    return Invoked(base_url=url, response=response, document=document)


def class_names(project_folder: Path, settings: Settings, invoked: Invoked) -> list[str]:
    """The names of the classes in the order of the probabilities.

    From the model version where it is on this disk, else from the same API (``GET /model``).
    """
    version = invoked.response.headers.get("x-model-version", "")
    try:
        schema = Registry(project_folder, settings.project).get(version).read_json("schema.json")
    except MlctlError:
        schema = json.loads(request("GET", f"{invoked.base_url}/model").body)["schema"]
    return [str(name) for name in schema["target"]["class_names"]]


def payload_from_words(words: Sequence[str]) -> dict[str, Any]:
    """``["5.1", "3.5"]`` or ``["sepal_length=5.1", …]`` as the body of a request.

    Raises MlctlError (exit 2) for a mixture of both.
    """
    if len(words) == 1 and "," in words[0]:
        words = [word.strip() for word in words[0].split(",")]
    named = [word for word in words if "=" in word]
    if not named:
        return {"features": [_value(word) for word in words]}
    if len(named) != len(words):
        raise MlctlError(
            "Some values have a name and some have none.",
            code="features_mixed",
            exit_code=ExitCode.USAGE,
            hint="Give either values alone (5.1 3.5 …) or all with names (sepal_length=5.1 …).",
        )
    pairs = (word.partition("=") for word in words)
    return {"features": {name: _value(value) for name, _, value in pairs}}


def payload_from_text(text: str, source: str) -> dict[str, Any]:
    """Rows in JSON or CSV as the body of a request.

    JSON: one row, a list of rows, or a whole body with ``features`` or ``instances``. CSV: with a
    header of feature names or without. Raises MlctlError (exit 3) for anything else, naming the line.
    """
    stripped = text.lstrip("\ufeff").strip()
    if not stripped:
        raise _bad_rows(f"{source} holds no rows.")
    if stripped[0] in "[{":
        try:
            return _payload_from_json(json.loads(stripped))
        except ValueError as error:
            raise _bad_rows(f"{source} is not valid JSON: {error}.") from None
    reader = csv.reader(io.StringIO(stripped))
    try:
        numbered = [(reader.line_num, line) for line in reader if line]
    except csv.Error as error:
        raise _bad_rows(f"{source}, line {reader.line_num}: {error}.") from None
    lines = [line for _, line in numbered]
    header = (
        None if all(isinstance(_value(cell), int | float) for cell in lines[0]) else [cell.strip() for cell in lines[0]]
    )
    rows: list[Any] = []
    for number, line in numbered[1:] if header else numbered:
        if len(line) != len(lines[0]):
            raise _bad_rows(f"{source}, line {number}: {len(line)} values, but {len(lines[0])} in the first line.")
        values = [_value(cell) for cell in line]
        rows.append(dict(zip(header, values, strict=True)) if header else values)
    if not rows:
        raise _bad_rows(f"{source} holds a header but no rows.")
    return {"instances": rows}


def _payload_from_json(document: Any) -> dict[str, Any]:
    if isinstance(document, dict):
        return document if {"features", "instances"} & document.keys() else {"features": document}
    many = bool(document) and all(isinstance(row, list | dict) for row in document)
    return {"instances": document} if many else {"features": document}


def _value(word: str) -> int | float | str:
    """A number where the word is one; any other word goes to the API as it is, which refuses it by name."""
    # Python takes 5_1 for 51; nobody who types it means that.
    for kind in () if "_" in word else (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def _bad_rows(message: str) -> MlctlError:
    return MlctlError(
        message,
        code="rows_unreadable",
        exit_code=ExitCode.BAD_INPUT,
        hint="Give CSV (with a header of feature names or without) or JSON (a list of rows).",
    )
