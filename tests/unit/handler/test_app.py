"""The HTTP contract, against the handler as the package ships it."""

import base64
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mlctl.registry import answers
from mlctl.registry.store import ModelVersion
from tests.conftest import LambdaContext, http_event, import_handler

ROW = [5.1, 3.5, 1.4, 0.2]
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


@pytest.fixture
def call(handler_app: ModuleType) -> Any:
    def run(method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any, dict[str, str]]:
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        response = handler_app.lambda_handler(http_event(method, path, text, **more), LambdaContext())
        return response["statusCode"], json.loads(response["body"]), response["headers"]

    return run


def predict(call: Any, body: Any, **more: Any) -> tuple[int, Any]:
    status, answer, _ = call("POST", "/predict", body, **more)
    return status, answer


def test_predict_by_position_returns_the_documented_answer(call: Any, iris: ModelVersion) -> None:
    status, answer, headers = call("POST", "/predict", {"features": ROW})
    assert status == 200
    latency = answer.pop("latency_ms")
    assert isinstance(latency, float)
    assert latency > 0
    assert answer == {"prediction": 0, "class_name": "setosa", "probabilities": [1.0, 0.0, 0.0]}
    assert headers == {
        "content-type": "application/json",
        "x-model-version": iris.id,
        "x-request-id": LambdaContext.aws_request_id,
    }


def test_predict_by_name_is_the_same_in_any_order(call: Any) -> None:
    by_name = dict(reversed(list(zip(NAMES, ROW, strict=True))))
    status, answer = predict(call, {"features": by_name})
    assert (status, answer["class_name"]) == (200, "setosa")


def test_many_rows_are_answered_in_order_and_may_mix_both_forms(call: Any) -> None:
    status, answer = predict(call, {"instances": [ROW, dict(zip(NAMES, [6.7, 3.0, 5.2, 2.3], strict=True))]})
    assert status == 200
    assert [each["class_name"] for each in answer["predictions"]] == ["setosa", "virginica"]
    assert set(answer) == {"predictions", "latency_ms"}


def test_golden_examples_are_answered_to_the_last_bit(call: Any, iris: ModelVersion) -> None:
    for example in answers.from_document(iris.read_json("golden.json")):
        _, answer = predict(call, {"features": example.features})
        assert tuple(answer["probabilities"]) == example.answer.probabilities


def test_values_outside_the_training_range_are_answered_with_warnings(call: Any) -> None:
    status, answer = predict(call, {"features": [99, 3.5, 1.4, 0.2]})
    assert status == 200
    assert answer["warnings"] == [
        {"feature": "sepal_length", "position": 0, "message": "99 is outside the training range 4.3 to 7.9"}
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"features": [5.1, 3.5, 1.4]}', "features: 3 values given, 4 needed"),
        ('{"features": [5.1, "3.5", 1.4, 0.2]}', "sepal_width (position 1) must be a number, not a string."),
        ('{"features": [5.1, 3.5, NaN, 0.2]}', "petal_length (position 2) must be a number, not NaN."),
        ('{"features": [5.1, 3.5, 1.4, -Infinity]}', "petal_width (position 3) must be finite, not infinite."),
        ('{"features": [1e300, 3.5, 1.4, 0.2]}', "sepal_length (position 0) is too large"),
        ('{"features": [3.4028235677973366e38, 3.5, 1.4, 0.2]}', "sepal_length (position 0) is too large"),
        (f'{{"features": [1{"0" * 400}, 3.5, 1.4, 0.2]}}', "sepal_length (position 0) is too large"),
        ('{"features": [5.1, true, 1.4, 0.2]}', "sepal_width (position 1) must be a number, not true."),
        ('{"features": [5.1, null, 1.4, 0.2]}', "sepal_width (position 1) must be a number, not null."),
        ('{"features": [5.1, [3], 1.4, 0.2]}', "sepal_width (position 1) must be a number, not a list."),
        ('{"features": {"sepal_length": 5.1}}', "sepal_width (position 1) is missing (2 more in details)."),
        ('{"features": {"sepal_lenght": 5.1}}', "sepal_lenght is not a feature of this model"),
        ('{"features": "5.1"}', "features: must be a list of 4 numbers or an object by feature name."),
        ('{"features": null}', "features: must be a list of 4 numbers or an object by feature name."),
        ('{"instances": [[5.1, 3.5, 1.4, 0.2], [5.1, 3.5, "x", 0.2]]}', "instance 1: petal_length (position 2)"),
        ('{"instances": []}', '"instances" is empty.'),
        ('{"instances": {}}', '"instances" must be a list of rows.'),
        ('{"rows": []}', "Send exactly one of"),
        ('{"features": [1, 2, 3, 4], "instances": []}', "Send exactly one of"),
        ("{}", "Send exactly one of"),
    ],
)
def test_features_that_break_the_schema_are_refused_by_name_and_position(call: Any, body: str, message: str) -> None:
    status, answer = predict(call, body)
    assert status == 422
    assert answer["error"]["message"].startswith(message)
    assert answer["request_id"] == LambdaContext.aws_request_id
    assert set(answer["error"]) == {"code", "message", "details"}


@pytest.mark.parametrize(
    "body", ["", "not json", "{", '{"features": [1,]}', "[" * 100_000, "[1, 2]", "5", "null", '"x"']
)
def test_a_body_that_is_not_a_json_object_is_malformed(call: Any, body: str) -> None:
    status, answer = predict(call, body)
    assert status == 400
    assert answer["error"]["code"].startswith("malformed")


def test_a_base64_body_is_read_and_a_broken_one_is_malformed(call: Any) -> None:
    good = base64.b64encode(json.dumps({"features": ROW}).encode()).decode()
    assert predict(call, good, isBase64Encoded=True)[0] == 200
    assert predict(call, "%%%", isBase64Encoded=True)[0] == 400
    assert predict(call, base64.b64encode(b"\xff\xfe").decode(), isBase64Encoded=True)[0] == 400


def test_other_content_types_are_refused_and_a_missing_one_is_json(call: Any) -> None:
    status, answer = predict(call, {"features": ROW}, headers={"content-type": "application/x-www-form-urlencoded"})
    assert (status, answer["error"]["code"]) == (415, "unsupported_media_type")
    assert predict(call, {"features": ROW}, headers={})[0] == 200
    assert predict(call, {"features": ROW}, headers={"Content-Type": "application/JSON; charset=utf-8"})[0] == 200


def test_too_much_is_refused_with_413(call: Any) -> None:
    status, answer = predict(call, '{"features": [' + "1," * 2_200_000 + "1]}")
    assert (status, answer["error"]["code"]) == (413, "body_too_large")
    status, answer = predict(call, {"instances": [[1, 1, 1, 1]] * 10_001})
    assert (status, answer["error"]["code"]) == (413, "too_many_instances")
    # ASCII letters fit, the same number of two-byte letters does not.
    assert predict(call, '{"features": "' + "é" * 2_100_000 + '"}')[0] == 413


def test_unknown_paths_and_methods(call: Any) -> None:
    status, answer, _ = call("GET", "/nowhere")
    assert (status, answer["error"]["code"]) == (404, "not_found")
    status, answer, headers = call("GET", "/predict")
    assert (status, answer["error"]["code"], headers["allow"]) == (405, "method_not_allowed", "POST")
    assert call("POST", "/health", {})[0] == 405


def test_health_and_model(call: Any, iris: ModelVersion) -> None:
    assert call("GET", "/health")[:2] == (200, {"status": "ok", "model_version": iris.id, "engine": "portable"})
    status, model, _ = call("GET", "/model")
    assert status == 200
    assert model["version"] == iris.id
    assert model["schema"] == iris.read_json("schema.json")
    assert model["metrics"] == iris.read_json("metrics.json")
    assert "examples" not in json.dumps(model)


def test_a_named_api_stage_is_not_part_of_the_path(call: Any) -> None:
    context = {"http": {"method": "GET", "path": "/prod/health"}, "stage": "prod"}
    assert call("GET", "/prod/health", requestContext=context)[0] == 200


@pytest.mark.parametrize("event", [{}, None, [], {"requestContext": None}, {"rawPath": 3}])
def test_an_event_that_is_not_an_http_request_gets_a_response(handler_app: ModuleType, event: Any) -> None:
    response = handler_app.lambda_handler(event, None)
    assert response["statusCode"] == 404
    assert json.loads(response["body"])["request_id"] == ""


def test_an_event_with_a_body_or_headers_of_another_type_is_not_an_internal_error(
    call: Any, handler_app: ModuleType
) -> None:
    assert predict(call, {"features": ROW}, headers=[1, 2])[0] == 200
    response = handler_app.lambda_handler(http_event("POST", "/predict") | {"body": {"features": ROW}}, None)
    assert response["statusCode"] == 400


def test_no_more_problems_are_counted_than_are_listed(call: Any) -> None:
    _, answer = predict(call, {"instances": [["x"] * 4] * 50})
    assert len(answer["error"]["details"]) == 20
    assert answer["error"]["message"].endswith("(19 more in details).")


def test_each_request_logs_one_json_line(call: Any, capsys: pytest.CaptureFixture[str], iris: ModelVersion) -> None:
    call("POST", "/predict", {"features": ROW})
    call("POST", "/predict", {"features": [1]})
    good, bad = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert good["timestamp"].endswith("Z")
    assert good["timestamp"][10] == "T"
    for key in ("timestamp", "latency_ms"):
        del good[key]
    assert good == {
        "level": "INFO",
        "message": "request",
        "request_id": LambdaContext.aws_request_id,
        "route": "POST /predict",
        "status": 200,
        "model_version": iris.id,
    }
    assert (bad["level"], bad["status"], bad["error"]) == ("WARNING", 422, "invalid_features")


def test_the_log_distinguishes_golden_examples_from_traffic(call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    call("POST", "/predict", {"features": ROW}, mlctl={"check": "golden example"})
    assert json.loads(capsys.readouterr().out)["message"] == "golden example"


@pytest.mark.parametrize(
    ("level", "logged"),
    [
        (None, ["INFO", "WARNING", "ERROR"]),
        ("", ["INFO", "WARNING", "ERROR"]),
        ("loud", ["INFO", "WARNING", "ERROR"]),
        ("TRACE", ["INFO", "WARNING", "ERROR"]),
        ("DEBUG", ["INFO", "WARNING", "ERROR"]),
        ("INFO", ["INFO", "WARNING", "ERROR"]),
        ("WARN", ["WARNING", "ERROR"]),
        ("warn", ["WARNING", "ERROR"]),
        ("ERROR", ["ERROR"]),
        ("FATAL", []),
    ],
)
def test_lines_below_the_level_of_the_function_are_left_out(
    unpacked: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    level: str | None,
    logged: list[str],
) -> None:
    if level is not None:
        monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", level)
    app = import_handler(unpacked)
    features = json.dumps({"features": ROW})
    statuses = [app.lambda_handler(http_event("POST", "/predict", features), LambdaContext())["statusCode"]]
    statuses.append(app.lambda_handler(http_event("GET", "/nowhere"), LambdaContext())["statusCode"])
    monkeypatch.setattr(app.SERVICE, "model", None)
    statuses.append(app.lambda_handler(http_event("POST", "/predict", features), LambdaContext())["statusCode"])
    assert statuses == [200, 404, 500]
    assert [json.loads(line)["level"] for line in capsys.readouterr().out.splitlines()] == logged


def test_a_defect_is_answered_without_its_trace_and_logged_with_it(
    handler_app: ModuleType, call: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(row: list[float]) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(handler_app.SERVICE.model, "predict", broken)
    status, answer, _ = call("POST", "/predict", {"features": ROW})
    assert (status, answer["error"]["code"]) == (500, "internal_error")
    assert "secret" not in json.dumps(answer)
    line = json.loads(capsys.readouterr().out)
    assert line["level"] == "ERROR"
    assert "secret detail" in line["exception"]


def test_a_package_of_another_format_is_refused(handler_app: ModuleType, unpacked: Path, tmp_path: Path) -> None:
    for path in (unpacked / "model").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    package = json.loads((tmp_path / "package.json").read_bytes())
    (tmp_path / "package.json").write_text(json.dumps({**package, "format": 2}))
    with pytest.raises(ValueError, match="format 2; this handler reads format 1"):
        handler_app.Service.load(tmp_path)
