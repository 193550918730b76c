"""The response of a deployed API to ``POST /predict``, with checks of its form."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlctl.errors import ExitCode, MlctlError
from mlctl.http import Response

_DEFAULT_HINT = "Correct the values; `mlctl data describe` shows the features."
_HINTS = {
    "too_many_instances": "Split the file.",
    "body_too_large": "Split the file.",
    "response_too_large": "Split the file.",
}


@dataclass(frozen=True)
class Invoked:
    """A response. ``document``: its body as JSON. ``schema``: the schema of the model that answered."""

    base_url: str
    response: Response
    document: Any
    schema: dict[str, Any]

    @property
    def class_names(self) -> list[str]:
        """The names of the classes in the order of the probabilities or scores; empty for a regression."""
        target = self.schema.get("target")
        names = target.get("class_names") if isinstance(target, dict) else None
        return [str(name) for name in names or ()]

    @property
    def error(self) -> MlctlError | None:
        """The error for a request that the handler rejected (exit 3), or for a failure or another response (exit 5)."""
        if self.response.status < 400:
            return None if is_prediction(self.document, self.class_names) else _no_prediction(self.response)
        error = self.document.get("error") if isinstance(self.document, dict) else None
        details = error if isinstance(error, dict) else {}
        message = details.get("message", self.response.body[:200].decode(errors="replace"))
        code = str(details.get("code", "api_error"))
        is_rejected = bool(details) and self.response.status < 500
        return MlctlError(
            f"The API answered {self.response.status}: {message}",
            code=code,
            exit_code=ExitCode.BAD_INPUT if is_rejected else ExitCode.AWS,
            hint=_HINTS.get(code, _DEFAULT_HINT) if is_rejected else "`mlctl logs` shows the reason.",
        )

    @property
    def problems(self) -> list[str]:
        """The problems that the API found in the request, one line each."""
        error = self.document.get("error") if isinstance(self.document, dict) else None
        details = error.get("details", ()) if isinstance(error, dict) else ()
        problems = []
        for detail in details if isinstance(details, list) else ():
            if isinstance(detail, dict):
                row = f"row {detail['instance'] + 1}: " if type(detail.get("instance")) is int else ""
                feature = f"{detail['feature']} " if "feature" in detail else ""
                problems.append(f"{row}{feature}{detail.get('problem', '')}")
        return problems


def is_prediction(document: Any, class_names: Sequence[str]) -> bool:
    """Return whether a document has the form of docs/API.md.

    ``class_names``: the classes of the model, in the order of probabilities and scores; empty if unknown.
    """
    if not isinstance(document, dict) or not _is_number(document.get("latency_ms")):
        return False
    rows = document.get("predictions", [document])
    if not isinstance(rows, list) or not rows:
        return False
    kinds = {_kind(row, class_names) for row in rows}
    return len(kinds) == 1 and "" not in kinds


def _kind(row: Any, class_names: Sequence[str]) -> str:
    """Return ``number``, ``numbers``, ``probabilities`` or ``scores``, or an empty text for an invalid answer."""
    if not isinstance(row, dict) or not _are_warnings(row.get("warnings", [])):
        return ""
    for kind in ("probabilities", "scores"):
        if kind in row:
            numbers = row[kind]
            is_list = isinstance(numbers, list) and bool(numbers) and all(map(_is_number, numbers))
            one_of_two = kind == "scores" and is_list and len(numbers) == 1 and len(class_names) == 2
            return kind if is_list and "class_name" in row and (one_of_two or len(numbers) == len(class_names)) else ""
    prediction = row.get("prediction")
    if isinstance(prediction, dict):
        return "numbers" if prediction and all(map(_is_number, prediction.values())) else ""
    return "number" if _is_number(prediction) else ""


def _are_warnings(warnings: Any) -> bool:
    return isinstance(warnings, list) and all(
        isinstance(warning, dict) and {"feature", "message"} <= warning.keys() for warning in warnings
    )


def _is_number(value: Any) -> bool:
    """Return whether a value is a number in the range of a float64."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _no_prediction(response: Response) -> MlctlError:
    return MlctlError(
        f"The API answered {response.status} with something other than a prediction.",
        code="api_error",
        exit_code=ExitCode.AWS,
        hint="`mlctl status` shows whether this is the API of the model. --json shows its answer.",
    )
