"""Requests predictions from the deployed API over HTTP, for ``mlctl invoke``."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mlctl.aws.client.errors import translate_errors
from mlctl.aws.live import resources
from mlctl.core.shared import api_client
from mlctl.core.shared.api_response import Invoked
from mlctl.data.values import MISSING_TEXTS
from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event, Report, silent
from mlctl.registry.store import Registry
from mlctl.settings import DataSettings, Settings
from mlctl.stages import open_stage

# The features of a schema in order; empty if unknown. They determine the type of a value on the command line.
Features = Sequence[dict[str, Any]]
_DEFAULT_FORMAT = DataSettings()
# Makes the body of a request from the schema of the model, which is empty if unknown.
Payload = Callable[[dict[str, Any]], dict[str, Any]]


def run(
    project_folder: Path,
    settings: Settings,
    stage_name: str,
    payload: Payload,
    report: Report = silent,
    *,
    token: str | None = None,
) -> Invoked:
    """POST the body from ``payload`` to ``/predict`` of a stage, signed or with a token according to ``[deploy] auth``.

    ``token``: the token for ``auth = "jwt"``, by default that of MLCTL_TOKEN. Raises MlctlError: exit 2 if there is no
    token but the API needs one; exit 6 if nothing is deployed; exit 5 if the API does not answer or API Gateway rejects
    the request; and the errors of ``payload``. If the handler rejects the request, the result has the error.
    """
    # First without a schema, so that invalid values fail before the stage is opened.
    payload({})
    auth = settings.deploy.auth
    token = api_client.find_token(project_folder, token) if auth == "jwt" else None
    if auth == "jwt" and token is None:
        raise api_client.token_needed(settings, stage_name)
    stage = open_stage(project_folder, settings, stage_name, report)
    api = api_client.open_api(stage, auth, token)
    schema = _schema(api, project_folder, settings, report)
    response = api.send("POST", "/predict", json.dumps(payload(schema)).encode())
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        document = None
    return Invoked(base_url=api.url, response=response, document=document, schema=schema)


def _schema(api: api_client.Api, project_folder: Path, settings: Settings, report: Report) -> dict[str, Any]:
    """Return the schema of the live model: from the version on this machine if it is intact, otherwise from the API."""
    with translate_errors():
        release = resources.live_release(api.stage.aws, api.stage.names)
    try:
        model = release.text.model if release and release.text else ""
        schema: dict[str, Any] = Registry(project_folder, settings.project).get(model).read_json("schema.json")
    except MlctlError as error:
        if error.exit_code is not ExitCode.NOT_FOUND:
            report(Event("warning", "invoke", f"Using the features from the API: {error.message}"))
        try:
            schema = json.loads(api.send("GET", "/model").body)["schema"]
        except (ValueError, KeyError, TypeError, RecursionError):
            schema = {}
    return schema if isinstance(schema, dict) else {}


def payload_from_words(words: Sequence[str], features: Features = ()) -> dict[str, Any]:
    """Return the body of a request from ``["5.1", "3.5"]`` or ``["sepal_length=5.1", …]``.

    ``NAME=`` is a missing value. Raises MlctlError (exit 2) for a mixture of both forms.
    """
    names = [feature["name"] for feature in features]
    if len(words) == 1 and "," in words[0] and len(names) != 1:
        words = [word.strip() for word in words[0].split(",")]
    # A text value may contain =, so only names from the schema count, unless all words contain =.
    named = [word for word in words if "=" in word and (not names or _name_in(word, names))]
    if all("=" in word for word in words):
        named = list(words)
    if not named:
        return {"features": [_value(word, feature) for word, feature in _paired(words, features)]}
    if len(named) != len(words):
        raise MlctlError(
            "Some values have a name and some do not.",
            code="features_mixed",
            exit_code=ExitCode.USAGE,
            hint="Give all values without names (5.1 3.5 …) or all with names (sepal_length=5.1 …).",
        )
    by_name = {feature["name"]: feature for feature in features}
    values: dict[str, Any] = {}
    for word in words:
        name = _name_in(word, names) or word.partition("=")[0]
        if names and name in values:
            raise MlctlError(
                f"{name} is given twice.",
                code="feature_repeated",
                exit_code=ExitCode.USAGE,
                hint="Give each name once.",
            )
        values[name] = _value(word[len(name) + 1 :], by_name.get(name))
    return {"features": values}


def payload_from_text(
    text: str,
    source: str,
    features: Features = (),
    data: DataSettings = _DEFAULT_FORMAT,
    *,
    targets: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the body of a request from rows in JSON or CSV.

    JSON: one row, a list of rows, one row per line, or a whole body with ``features`` or ``instances``. CSV: with or
    without a header of feature names, in the format of ``data``; it may also have the ``targets`` and ignored columns.
    Raises MlctlError (exit 3) for anything else, with the line.
    """
    stripped = text.lstrip("\ufeff").strip("\r\n ")
    if not stripped.strip():
        raise _bad_rows(f"{source} holds no rows.")
    if stripped[0] in "[{":
        try:
            return _payload_from_json(_parse_json(stripped))
        except ValueError as error:
            raise _bad_rows(f"{source} is not valid JSON: {error}.") from None
        except RecursionError:
            raise _bad_rows(f"{source} is not valid JSON: it is nested too deeply.") from None
    delimiter = data.delimiter or _delimiter(stripped.splitlines()[0], features)
    reader = csv.reader(io.StringIO(stripped), delimiter=delimiter, skipinitialspace=delimiter != "\t")
    try:
        numbered = [(reader.line_num, line) for line in reader if line]
    except csv.Error as error:
        raise _bad_rows(f"{source}, line {reader.line_num}: {error}.") from None
    lines = [line for _, line in numbered]
    header = [cell.strip() for cell in lines[0]] if _is_header(lines[0], features) else None
    if header and len(set(header)) < len(header):
        raise _bad_rows(f"{source}: the header names the column {_repeated(header)} more than once.")
    by_name = {feature["name"]: feature for feature in features}
    unused = {*targets, *data.target_names(header or ()), data.split_by, *data.ignore} if by_name else set()
    rows: list[Any] = []
    for number, line in numbered[1:] if header else numbered:
        if len(line) != len(lines[0]):
            raise _bad_rows(f"{source}, line {number}: {len(line)} values, but {len(lines[0])} in the first line.")
        if header:
            cells = {
                name: cell for name, cell in zip(header, line, strict=True) if name in by_name or name not in unused
            }
            rows.append({name: _value(cell, by_name.get(name), data) for name, cell in cells.items()})
        else:
            rows.append([_value(cell, feature, data) for cell, feature in _paired(line, features)])
    if not rows:
        raise _bad_rows(f"{source} holds a header but no rows.")
    return {"instances": rows}


def _name_in(word: str, names: Sequence[str]) -> str:
    """Return the longest known name before an = in ``word``, or an empty text. A name may also contain =."""
    return max((name for name in names if word.startswith(f"{name}=")), key=len, default="")


def _delimiter(line: str, features: Features) -> str:
    """Return the most frequent delimiter in the first line, or a comma if the model has a single feature."""
    return "," if len(features) == 1 else max(",;\t|", key=line.count)


def _is_header(cells: list[str], features: Features) -> bool:
    """Return whether the first line has names of features, or, if they are unknown, any value that is not a number."""
    names = {feature["name"] for feature in features}
    if not names:
        return not all(_is_number(cell) for cell in cells)
    if any(cell.strip() in names for cell in cells):
        return True
    if "" in cells or len(set(cells)) < len(cells):
        return False
    return not any(_is_value(cell, feature) for cell, feature in _paired(cells, features))


def _is_value(cell: str, feature: dict[str, Any] | None) -> bool:
    """Return whether a cell is more likely to be a value than a name."""
    if feature is None or _is_number(cell) or cell[:1].isdigit():
        return _is_number(cell) or cell[:1].isdigit()
    return cell.lower() in ("true", "false") if feature["kind"] == "boolean" else cell in feature.get("values", ())


def _parse_json(text: str) -> Any:
    """Parse a JSON document, or JSON lines as a list. Raises ValueError."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and all(line.lstrip()[0] == "{" and line.rstrip()[-1] == "}" for line in lines):
        return [json.loads(line, object_pairs_hook=_object) for line in lines]
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object. Raises ValueError for a repeated name, which the API rejects and a dict does not keep."""
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"{_repeated(names)} is given more than once in an object")
    return dict(pairs)


def _repeated(names: Sequence[str]) -> str:
    """Return the first repeated name."""
    return next(name for name, count in Counter(names).items() if count > 1)


def _payload_from_json(document: Any) -> dict[str, Any]:
    if isinstance(document, dict):
        return document if {"features", "instances"} & document.keys() else {"features": document}
    many = bool(document) and all(isinstance(row, list | dict) for row in document)
    return {"instances": document} if many else {"features": document}


def _paired(words: Sequence[str], features: Features) -> list[tuple[str, dict[str, Any] | None]]:
    """Return each word with its feature, or with None if their numbers differ, which the API rejects."""
    return list(zip(words, features if len(features) == len(words) else [None] * len(words), strict=True))


def _value(
    word: str, feature: dict[str, Any] | None, data: DataSettings = _DEFAULT_FORMAT
) -> int | float | str | bool | None:
    """Convert a word to the kind of its feature. An invalid word stays text, which the API rejects."""
    if feature is None:
        return _number_or_text(word)
    if feature["nullable"] and word in (*MISSING_TEXTS, *data.missing) and word not in feature.get("values", ()):
        return None
    if feature["kind"] == "boolean":
        return {"true": True, "false": False}.get(word.lower(), word)
    return _number_or_text(word.replace(data.decimal, ".")) if feature["kind"] == "number" else word


def _number_or_text(word: str) -> int | float | str:
    # Python parses 5_1 as 51, which is unlikely to be intended.
    for kind in () if "_" in word else (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def _is_number(cell: str) -> bool:
    return not isinstance(_number_or_text(cell), str)


def _bad_rows(message: str) -> MlctlError:
    return MlctlError(
        message,
        code="rows_unreadable",
        exit_code=ExitCode.BAD_INPUT,
        hint="Give CSV (with a header of feature names or without) or JSON (a list of rows).",
    )
