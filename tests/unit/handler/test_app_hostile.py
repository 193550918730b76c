"""What a request may put into the handler's log line and answers: nothing that the handler did not decide."""

import json
import tracemalloc
from types import ModuleType
from typing import Any

import pytest

from handler.body import RequestError
from handler.features import Schema, read_rows
from mlctl.cli.logs import _text
from mlctl.core.logs import Line, parse
from mlctl.core.shared import golden_examples
from tests.conftest import LambdaContext, http_event
from tests.support import hostile

ROW = [5.1, 3.5, 1.4, 0.2]
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
KEYS = {"timestamp", "level", "message", "request_id", "route", "status", "latency_ms", "model_version"}
TEXTS = [*hostile.EVERY, hostile.ALL_IN_ONE, hostile.LONE, hostile.LONG]


def hostile_event(place: str, text: str) -> dict[str, Any]:
    """A request with ``text`` at one place."""
    event = http_event("POST", "/predict", json.dumps({"features": ROW}))
    http = event["requestContext"]["http"]
    if place == "path":
        event["rawPath"] = f"/{text}"
    elif place == "method":
        http["method"] = text
    elif place == "stage":
        event["requestContext"]["stage"] = text
    elif place == "content type":
        event["headers"]["content-type"] = text
    elif place == "feature":
        event["body"] = json.dumps({"features": {text: 1}})
    elif place == "key":
        event["body"] = json.dumps({text: 1})
    elif place == "value":
        event["body"] = json.dumps({"features": [text, *ROW[1:]]})
    elif place == "body":
        event["body"] = text
    else:
        event["headers"][place] = text
        event[place] = text
    return event


PLACES = ["path", "method", "stage", "content type", "feature", "key", "value", "body"]
# Names that the log line, or an answer, has fields of.
PLACES += ["x-request-id", "x-amzn-requestid", "x-model-version", "request_id", "message", "level", "rawQueryString"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_request_writes_one_line_of_known_fields_and_length(
    handler_app: ModuleType, capsys: pytest.CaptureFixture[str], place: str, text: str
) -> None:
    response = handler_app.lambda_handler(hostile_event(place, text), LambdaContext())
    written = capsys.readouterr().out
    assert written.endswith("\n")
    (line,) = written.removesuffix("\n").split("\n")
    assert line.isascii()
    assert hostile.obeyed(line) <= {"\x7f"}
    assert len(line) < 3000
    fields = json.loads(line)
    assert fields.keys() - {"error"} == KEYS
    assert fields["level"] == ("INFO" if response["statusCode"] < 400 else "WARNING")
    assert fields["request_id"] == LambdaContext.aws_request_id
    assert fields["model_version"] == handler_app.SERVICE.version
    assert response["statusCode"] < 500
    if fields["status"] == 200:
        assert (fields["message"], fields["route"]) == ("request", "POST /predict")
    for name, value in response["headers"].items():
        assert name in ("content-type", "x-model-version", "x-request-id", "allow")
        assert value.isascii()
        assert value.isprintable()
    json.loads(response["body"])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_the_line_is_one_line_for_a_person_too(
    handler_app: ModuleType, capsys: pytest.CaptureFixture[str], place: str, text: str
) -> None:
    handler_app.lambda_handler(hostile_event(place, text), LambdaContext())
    line = parsed(capsys.readouterr().out)
    shown = plain(line)
    assert "\n" not in shown
    assert hostile.obeyed(shown) == set()
    assert len(shown) < 5000


def test_only_the_event_itself_can_say_that_it_is_a_check(
    handler_app: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """A request decides on its headers, query and body; API Gateway makes the keys of the event."""
    mark = {"check": "golden example"}
    body = json.dumps({"features": ROW})
    claims: list[dict[str, Any]] = [
        {"headers": {"content-type": "application/json", "x-mlctl-check": "golden example"}},
        {"headers": {"content-type": "application/json", "mlctl": json.dumps(mark)}},
        {"queryStringParameters": {"mlctl": json.dumps(mark)}, "rawQueryString": "mlctl=1"},
        {"cookies": ["mlctl=golden example"], "stageVariables": {"mlctl": "golden example"}},
        {"mlctl": "golden example"},
        {"mlctl": {"check": "request"}},
    ]
    for claim in claims:
        handler_app.lambda_handler(http_event("POST", "/predict", body, **claim), LambdaContext())
    assert [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()] == ["request"] * len(claims)
    handler_app.lambda_handler(golden_examples.predict_event((5.1, 3.5, 1.4, 0.2)), LambdaContext())
    assert json.loads(capsys.readouterr().out)["message"] == "golden example"
    assert golden_examples.event("GET", "/health")["headers"].keys() == {"content-type"}


@pytest.mark.parametrize(
    ("body", "code", "details"),
    [
        (
            '{"features": {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2, '
            '"sepal_length": 5.1}}',
            "invalid_features",
            [{"feature": "sepal_length", "problem": "is given more than once"}],
        ),
        (
            '{"features": {"b": 1, "a": 1, "b": 2, "a": 2, "b": 3}}',
            "invalid_features",
            [{"feature": name, "problem": "is given more than once"} for name in ("b", "a")],
        ),
        (
            '{"instances": [[5.1, 3.5, 1.4, 0.2], {"a": 1, "a": 1}]}',
            "invalid_features",
            [{"instance": 1, "feature": "a", "problem": "is given more than once"}],
        ),
        ('{"features": [5.1, 3.5, 1.4, 0.2], "features": [1, 2, 3, 4]}', "invalid_request", [{"field": "features"}]),
        ('{"instances": [], "x": 1, "instances": [[5.1, 3.5, 1.4, 0.2]]}', "invalid_request", [{"field": "instances"}]),
        ('{"features": [5.1, 3.5, 1.4, 0.2], "\\u0066eatures": 1}', "invalid_request", [{"field": "features"}]),
        (
            '{"features": [{"a": 1, "a": 2}, 3.5, 1.4, 0.2]}',
            "invalid_features",
            [{"feature": "sepal_length", "position": 0, "problem": "must be a number, not an object"}],
        ),
    ],
)
def test_a_name_that_is_given_twice_is_refused_by_name(
    handler_app: ModuleType, body: str, code: str, details: list[dict[str, Any]]
) -> None:
    response = handler_app.lambda_handler(http_event("POST", "/predict", body), LambdaContext())
    error = json.loads(response["body"])["error"]
    assert (response["statusCode"], error["code"], error["details"]) == (422, code, details)
    assert any(name in error["message"] for name in details[0].values() if isinstance(name, str))


def test_the_list_of_repeated_names_is_limited(handler_app: ModuleType) -> None:
    pairs = ", ".join(f'"{number}{"x" * 500}": 1' for number in (*range(1000), *range(1000)))
    for body in (f'{{"features": {{{pairs}}}}}', f"{{{pairs}}}"):
        response = handler_app.lambda_handler(http_event("POST", "/predict", body), LambdaContext())
        assert response["statusCode"] == 422
        assert len(json.loads(response["body"])["error"]["details"]) == 20
        assert len(response["body"]) < 10_000


@pytest.mark.parametrize("kind", ["number", "category"])
def test_too_many_warnings_for_a_response_are_refused_before_they_fill_the_memory(kind: str) -> None:
    known = {"min": 0.0, "max": 1.0} if kind == "number" else {"values": ["a"], "counts": [1]}
    names = [f"f{number}" for number in range(100)]
    schema = Schema({"features": [{"name": name, "kind": kind, "nullable": False, **known} for name in names]})
    row = [2 if kind == "number" else "b"] * 100
    document: dict[str, Any] = {"instances": [row] * 10_000}
    tracemalloc.start()
    try:
        with pytest.raises(RequestError) as caught:
            read_rows(document, schema)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (caught.value.status, caught.value.code) == (413, "response_too_large")
    assert peak < 80_000_000
    rows, _ = read_rows({"instances": [row] * 700}, schema)
    # The bound refuses nothing that would fit.
    assert len(json.dumps([warnings for _, warnings in rows])) > 70 * 700 * 100


def test_the_list_of_unknown_names_is_limited(handler_app: ModuleType) -> None:
    names = {f"n{number}": 1 for number in range(100_000)}
    response = handler_app.lambda_handler(
        http_event("POST", "/predict", json.dumps({"features": names})), LambdaContext()
    )
    assert response["statusCode"] == 422
    details = json.loads(response["body"])["error"]["details"]
    assert [detail.get("feature") for detail in details] == [f"n{number}" for number in range(20)]


def test_a_number_with_too_many_digits_has_a_clear_error(handler_app: ModuleType) -> None:
    body = f'{{"features": [{"1" * 100_000}, 1, 1, 1]}}'
    response = handler_app.lambda_handler(http_event("POST", "/predict", body), LambdaContext())
    assert response["statusCode"] == 400
    message = json.loads(response["body"])["error"]["message"]
    assert message == "The body is not JSON: a number in it has too many digits."


def parsed(written: str) -> Line:
    from mlctl.aws.live.logs import LogEvent

    return parse(LogEvent(1_700_000_000_123, "s", written))


def plain(line: Line) -> str:
    from rich.text import Text

    return Text.from_markup(_text(line), emoji=False).plain
