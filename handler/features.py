"""From the body of a request to checked rows of numbers, or a refusal that names what is wrong."""

from __future__ import annotations

import json

# Not from typing: importing it would cost a cold start some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Json = dict[str, Any]
    # The values of a row in the schema's order, and its warnings.
    Row = tuple[list[float], list[Json]]

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_ROWS = 10_000
MAX_PROBLEMS = 20

# From here on a float64 rounds to infinity as float32 (largest float32 plus half a unit in its last place).
FLOAT32_LIMIT = 3.4028235677973366e38
INFINITY = float("inf")


class Refused(Exception):
    """A request that is refused: status, code, message and details of the error response."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Iterable[Json] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = list(details)
        self.headers = headers or {}

    def as_dict(self) -> Json:
        """The ``error`` object of the response."""
        return {"code": self.code, "message": self.message, "details": self.details}


class Schema:
    """The features a model takes: their names in order and the range each had in training."""

    def __init__(self, document: Json) -> None:
        self.document = document
        features = document["features"]
        self.names = [feature["name"] for feature in features]
        self.ranges = [(feature["min"], feature["max"]) for feature in features]
        self.positions = {name: position for position, name in enumerate(self.names)}


def read_body(event: Json) -> Json:
    """The JSON object in an event's body; refuses 413, 415 and 400 for what is none."""
    headers = event.get("headers")
    if not isinstance(headers, dict):
        headers = {}
    content_type = str(headers.get("content-type") or headers.get("Content-Type") or "application/json")
    media_type = content_type.split(";", 1)[0].strip().lower()
    if media_type != "application/json":
        message = f"The content type is {media_type[:100]}; send application/json."
        raise Refused(415, "unsupported_media_type", message)
    body = event.get("body") or ""
    if not isinstance(body, str):
        raise Refused(400, "malformed_request", "The event's body is not text.")
    if event.get("isBase64Encoded"):
        body = _from_base64(body)
    # The first test is free and enough for nearly every request; encoding is needed only beyond ASCII.
    if len(body) > MAX_BODY_BYTES or (not body.isascii() and len(body.encode("utf-8", "replace")) > MAX_BODY_BYTES):
        raise Refused(413, "body_too_large", f"The body is larger than {MAX_BODY_BYTES} bytes.")
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Refused(400, "malformed_json", f"The body is not JSON: {reason[:200]}.") from None
    if not isinstance(document, dict):
        raise Refused(400, "malformed_request", 'The body must be a JSON object such as {"features": [...]}.')
    return document


def _from_base64(body: str) -> str:
    import base64

    try:
        return base64.b64decode(body, validate=True).decode("utf-8")
    except ValueError:
        raise Refused(400, "malformed_json", "The body is not JSON: it is not UTF-8 text.") from None


def read_rows(document: Json, schema: Schema) -> tuple[list[Row], bool]:
    """``([(values, warnings), …], single)`` of a request; refuses with every problem listed.

    ``values`` is a list of floats in the schema's order; ``single`` is true for ``features``.
    """
    if ("features" in document) == ("instances" in document) or len(document) != 1:
        message = 'Send exactly one of "features" (one row) or "instances" (many rows), and nothing else.'
        raise Refused(
            422, "invalid_request", message, [{"field": str(key)[:100]} for key in list(document)[:MAX_PROBLEMS]]
        )
    single = "features" in document
    instances = [document["features"]] if single else document["instances"]
    if type(instances) is not list:
        raise Refused(422, "invalid_request", '"instances" must be a list of rows.')
    if not instances:
        raise Refused(422, "invalid_request", '"instances" is empty.')
    if len(instances) > MAX_ROWS:
        raise Refused(413, "too_many_instances", f"{len(instances)} instances in one request; at most {MAX_ROWS}.")
    problems: list[Json] = []
    rows: list[Row] = []
    for index, instance in enumerate(instances):
        found: list[Json] = []
        rows.append(_read_row(instance, schema, found))
        for problem in found:
            problems.append(problem if single else {"instance": index, **problem})
        if len(problems) >= MAX_PROBLEMS:
            break
    if problems:
        raise _invalid(problems)
    return rows, single


def beyond_float32(schema: Schema, position: int, instance: int | None) -> Refused:
    """The refusal of a value that float32 holds, but not after the model's preprocessing."""
    problem = {**_place(schema, position), "problem": "is too large for the model: once scaled it leaves float32"}
    return _invalid([problem if instance is None else {"instance": instance, **problem}])


def _invalid(problems: list[Json]) -> Refused:
    listed = problems[:MAX_PROBLEMS]
    return Refused(422, "invalid_features", _summary(listed), listed)


def _read_row(instance: Any, schema: Schema, problems: list[Json]) -> Row:
    if type(instance) is dict:
        instance = _in_order(instance, schema, problems)
    elif type(instance) is not list:
        problems.append({"problem": f"must be a list of {len(schema.names)} numbers or an object by name"})
    elif len(instance) != len(schema.names):
        expected = ", ".join(schema.names[:MAX_PROBLEMS])
        given = "1 value" if len(instance) == 1 else f"{len(instance)} values"
        problems.append({"problem": f"{given} given, {len(schema.names)} needed: {expected}"})
    if problems:
        return [], []
    values: list[float] = []
    warnings: list[Json] = []
    for position, value in enumerate(instance):
        kind = type(value)
        if not ((kind is float or kind is int) and -FLOAT32_LIMIT < value < FLOAT32_LIMIT):
            problems.append({**_place(schema, position), "problem": _why_not(value)})
            continue
        low, high = schema.ranges[position]
        if not low <= value <= high:
            text = f"{value!r} is outside the training range {low!r} to {high!r}"
            warnings.append({**_place(schema, position), "message": text})
        values.append(float(value))
    return values, warnings


def _in_order(instance: Json, schema: Schema, problems: list[Json]) -> list[Any]:
    """The values of an object in the schema's order; names that are missing or unknown are problems."""
    for name in instance:
        if name not in schema.positions:
            problems.append({"feature": name[:100], "problem": "is not a feature of this model"})
    ordered = []
    for position, name in enumerate(schema.names):
        if name in instance:
            ordered.append(instance[name])
        else:
            problems.append({**_place(schema, position), "problem": "is missing"})
    return ordered


def _place(schema: Schema, position: int) -> Json:
    return {"feature": schema.names[position], "position": position}


def _why_not(value: Any) -> str:
    if isinstance(value, bool):
        return f"must be a number, not {'true' if value else 'false'}"
    if isinstance(value, float) and not -INFINITY <= value <= INFINITY:
        return "must be a number, not NaN"
    if isinstance(value, float) and value in (INFINITY, -INFINITY):
        return "must be finite, not infinite"
    if isinstance(value, (int, float)):
        return "is too large: the model reads numbers as float32, up to 3.4e38"
    kinds = {str: "a string", type(None): "null", list: "a list", dict: "an object"}
    return f"must be a number, not {kinds.get(type(value), 'this')}"


def _summary(problems: list[Json]) -> str:
    first = problems[0]
    where = f"instance {first['instance']}: " if "instance" in first else ""
    subject = f"{first['feature']} " if "feature" in first else "features: "
    at = f"(position {first['position']}) " if "position" in first else ""
    more = f" ({len(problems) - 1} more in details)" if len(problems) > 1 else ""
    return f"{where}{subject}{at}{first['problem']}{more}."
