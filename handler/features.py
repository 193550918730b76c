"""Reads and checks the rows of a request, or raises a RequestError that lists the problems."""

from __future__ import annotations

from handler.body import MAX_RESPONSE_CHARACTERS, Repeated, RequestError, response_too_large
from handler.numbers import FLOAT32_LIMIT, invalid_number, outside_range, range_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]
    # The values of a row for the engine, in the schema's order, and the warnings about the row.
    Row = tuple[list[Any], list[Json]]

MAX_ROWS = 10_000
MAX_PROBLEMS = 20
# A warning takes at least 70 characters, so no response holds more warnings than this. The handler counts them while it
# reads rows, because the warnings of a request of 4 MB could otherwise fill the memory of the function.
MAX_WARNINGS = MAX_RESPONSE_CHARACTERS // 70


class Schema:
    """The features of a model: their names in order, and a reader or a training range for each.

    Raises ValueError for an unknown kind of feature.
    """

    def __init__(self, document: Json) -> None:
        self.document = document
        features = document["features"]
        self.names = [feature["name"] for feature in features]
        self.nullable = [bool(feature.get("nullable")) for feature in features]
        self.positions = {name: position for position, name in enumerate(self.names)}
        # Plain numbers, the most common case, are read in one short loop. Other schemas have a reader for each feature.
        self.plain = all(
            feature["kind"] == "number" and not feature.get("nullable") and not feature.get("integer")
            for feature in features
        )
        if self.plain:
            self.ranges = [range_of(feature) for feature in features]
        else:
            from handler.kinds import reader

            self.readers = [reader(feature) for feature in features]


def read_rows(document: Json, schema: Schema) -> tuple[list[Row], bool]:
    """``([(values, warnings), …], single)`` of a request. Raises a RequestError that lists the problems.

    ``values`` are in the schema's order; ``single`` is true if the request has ``features``.
    """
    if ("features" in document) == ("instances" in document) or len(document) != 1:
        message = 'Send exactly one of "features" (one row) or "instances" (many rows), and nothing else.'
        raise RequestError(
            422, "invalid_request", message, [{"field": str(key)[:100]} for key in list(document)[:MAX_PROBLEMS]]
        )
    single = "features" in document
    instances = [document["features"]] if single else document["instances"]
    if type(instances) is not list:
        raise RequestError(422, "invalid_request", '"instances" must be a list of rows.')
    if not instances:
        raise RequestError(422, "invalid_request", '"instances" is empty.')
    if len(instances) > MAX_ROWS:
        raise RequestError(413, "too_many_instances", f"{len(instances)} instances in one request; at most {MAX_ROWS}.")
    problems: list[Json] = []
    rows: list[Row] = []
    n_warnings = 0
    for index, instance in enumerate(instances):
        row_problems: list[Json] = []
        row = _read_row(instance, schema, row_problems)
        rows.append(row)
        n_warnings += len(row[1])
        if n_warnings > MAX_WARNINGS:
            raise response_too_large()
        for problem in row_problems:
            problems.append(problem if single else {"instance": index, **problem})
        if len(problems) >= MAX_PROBLEMS:
            break
    if problems:
        raise _invalid(problems)
    return rows, single


def unprocessable(schema: Schema, position: int | None, problem: str, instance: int | None) -> RequestError:
    """The error (422) for a row that matches the schema but that the model cannot compute with."""
    details = {**({} if position is None else _place(schema, position)), "problem": problem}
    return _invalid([details if instance is None else {"instance": instance, **details}])


def _invalid(problems: list[Json]) -> RequestError:
    listed = problems[:MAX_PROBLEMS]
    return RequestError(422, "invalid_features", _summary(listed), listed)


def _read_row(instance: Any, schema: Schema, problems: list[Json]) -> Row:
    if type(instance) is dict:
        instance = _in_order(instance, schema, problems)
    elif type(instance) is Repeated:
        problems += [
            {"feature": name[:100], "problem": "is given more than once"} for name in instance.names[:MAX_PROBLEMS]
        ]
    elif type(instance) is not list:
        what = "numbers" if schema.plain else "values"
        problems.append({"problem": f"must be a list of {len(schema.names)} {what} or an object by feature name"})
    elif len(instance) != len(schema.names):
        expected = ", ".join(schema.names[:MAX_PROBLEMS])
        received = "1 value" if len(instance) == 1 else f"{len(instance)} values"
        problems.append({"problem": f"{received} given, {len(schema.names)} needed: {expected}"})
    if problems:
        return [], []
    return _read_plain(instance, schema, problems) if schema.plain else _read_kinds(instance, schema, problems)


def _read_plain(instance: list[Any], schema: Schema, problems: list[Json]) -> Row:
    values: list[float] = []
    for value, (low, high) in zip(instance, schema.ranges, strict=True):
        kind = type(value)
        # NaN and infinities are in no range.
        if not ((kind is float or kind is int) and low <= value <= high):
            return _read_unusual(instance, schema, problems)
        values.append(float(value))
    return values, []


def _read_unusual(instance: list[Any], schema: Schema, problems: list[Json]) -> Row:
    """Read a row of plain numbers with a value outside the training range, or an invalid one."""
    values: list[float] = []
    warnings: list[Json] = []
    for position, value in enumerate(instance):
        kind = type(value)
        if not ((kind is float or kind is int) and -FLOAT32_LIMIT < value < FLOAT32_LIMIT):
            problems.append({**_place(schema, position), "problem": invalid_number(value)})
            continue
        low, high = schema.ranges[position]
        if not low <= value <= high:
            warnings.append({**_place(schema, position), "message": outside_range(repr(value), repr(low), repr(high))})
        values.append(float(value))
    return values, warnings


def _read_kinds(instance: list[Any], schema: Schema, problems: list[Json]) -> Row:
    values = []
    warnings: list[Json] = []
    for position, value in enumerate(instance):
        messages: list[str] = []
        try:
            values.append(schema.readers[position](value, messages))
        except ValueError as problem:
            problems.append({**_place(schema, position), "problem": str(problem)})
        for message in messages:
            warnings.append({**_place(schema, position), "message": message})
    return values, warnings


def _in_order(instance: Json, schema: Schema, problems: list[Json]) -> list[Any]:
    """The values of an object in the schema's order. Missing and unknown names are problems."""
    for name in instance:
        if name not in schema.positions:
            problems.append({"feature": name[:100], "problem": "is not a feature of this model"})
            if len(problems) == MAX_PROBLEMS:
                break
    ordered = []
    for position, name in enumerate(schema.names):
        if name in instance:
            ordered.append(instance[name])
        else:
            hint = "; send null if there is no value" if schema.nullable[position] else ""
            problems.append({**_place(schema, position), "problem": f"is missing{hint}"})
    return ordered


def _place(schema: Schema, position: int) -> Json:
    return {"feature": schema.names[position], "position": position}


def _summary(problems: list[Json]) -> str:
    first = problems[0]
    where = f"instance {first['instance']}: " if "instance" in first else ""
    subject = f"{first['feature']} " if "feature" in first else "features: "
    position = f"(position {first['position']}) " if "position" in first else ""
    more = f" ({len(problems) - 1} more in details)" if len(problems) > 1 else ""
    return f"{where}{subject}{position}{first['problem']}{more}."
