"""From a JSON object to checked rows of values, or a refusal that names what is wrong."""

from __future__ import annotations

from handler.body import MAX_RESPONSE_CHARACTERS, Repeated, RequestError, response_too_large
from handler.numbers import FLOAT32_LIMIT, no_number, outside, range_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]
    # The values of a row in the schema's order, as the engine takes them, and the row's warnings.
    Row = tuple[list[Any], list[Json]]

MAX_ROWS = 10_000
MAX_PROBLEMS = 20
# A warning takes 70 characters of the answer at least: with more of them than this, no answer fits. They are counted
# while rows are read, because a request of 4 MB could otherwise fill the memory of the function with them.
MAX_WARNINGS = MAX_RESPONSE_CHARACTERS // 70


class Schema:
    """The features a model takes: names in order, and for each how a value is read and what training knew of it.

    Raises ValueError for a kind that this handler does not know.
    """

    def __init__(self, document: Json) -> None:
        self.document = document
        features = document["features"]
        self.names = [feature["name"] for feature in features]
        self.nullable = [bool(feature.get("nullable")) for feature in features]
        self.positions = {name: position for position, name in enumerate(self.names)}
        # Numbers alone, the most common case, are read in one short loop; all else by a function a feature.
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
    """``([(values, warnings), …], single)`` of a request; refuses with every problem listed.

    ``values`` is a list of floats in the schema's order; ``single`` is true for ``features``.
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
        found: list[Json] = []
        row = _read_row(instance, schema, found)
        rows.append(row)
        n_warnings += len(row[1])
        if n_warnings > MAX_WARNINGS:
            raise response_too_large()
        for problem in found:
            problems.append(problem if single else {"instance": index, **problem})
        if len(problems) >= MAX_PROBLEMS:
            break
    if problems:
        raise _invalid(problems)
    return rows, single


def unanswerable(schema: Schema, position: int | None, problem: str, instance: int | None) -> RequestError:
    """The refusal of a row that the schema allows and the model cannot compute with (422)."""
    found = {**({} if position is None else _place(schema, position)), "problem": problem}
    return _invalid([found if instance is None else {"instance": instance, **found}])


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
        problems.append({"problem": f"must be a list of {len(schema.names)} {what} or an object by name"})
    elif len(instance) != len(schema.names):
        expected = ", ".join(schema.names[:MAX_PROBLEMS])
        given = "1 value" if len(instance) == 1 else f"{len(instance)} values"
        problems.append({"problem": f"{given} given, {len(schema.names)} needed: {expected}"})
    if problems:
        return [], []
    return _read_plain(instance, schema, problems) if schema.plain else _read_kinds(instance, schema, problems)


def _read_plain(instance: list[Any], schema: Schema, problems: list[Json]) -> Row:
    values: list[float] = []
    for value, (low, high) in zip(instance, schema.ranges, strict=True):
        kind = type(value)
        # NaN and infinities lie in no range.
        if not ((kind is float or kind is int) and low <= value <= high):
            return _read_warily(instance, schema, problems)
        values.append(float(value))
    return values, []


def _read_warily(instance: list[Any], schema: Schema, problems: list[Json]) -> Row:
    """As ``_read_plain``, for a row with a value that no training row was like."""
    values: list[float] = []
    warnings: list[Json] = []
    for position, value in enumerate(instance):
        kind = type(value)
        if not ((kind is float or kind is int) and -FLOAT32_LIMIT < value < FLOAT32_LIMIT):
            problems.append({**_place(schema, position), "problem": no_number(value)})
            continue
        low, high = schema.ranges[position]
        if not low <= value <= high:
            warnings.append({**_place(schema, position), "message": outside(repr(value), repr(low), repr(high))})
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
    """The values of an object in the schema's order; names that are missing or unknown are problems."""
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
            hint = "; send null where there is no value" if schema.nullable[position] else ""
            problems.append({**_place(schema, position), "problem": f"is missing{hint}"})
    return ordered


def _place(schema: Schema, position: int) -> Json:
    return {"feature": schema.names[position], "position": position}


def _summary(problems: list[Json]) -> str:
    first = problems[0]
    where = f"instance {first['instance']}: " if "instance" in first else ""
    subject = f"{first['feature']} " if "feature" in first else "features: "
    at = f"(position {first['position']}) " if "position" in first else ""
    more = f" ({len(problems) - 1} more in details)" if len(problems) > 1 else ""
    return f"{where}{subject}{at}{first['problem']}{more}."
