"""The Lambda entry point, ``handler.app.lambda_handler``: routes, responses and the log line.

Every API Gateway HTTP API event (payload format 2.0) gets a response in that format; no exception leaves the handler.
Format: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import json
import os
import sys
import time
from json.encoder import encode_basestring_ascii as quoted

from handler.body import MAX_RESPONSE_CHARACTERS, RequestError, read_body, response_too_large
from handler.features import read_rows
from handler.service import Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

# Lambda sets the variable to the function's ApplicationLogLevel. Its runtime applies the level only to the logging
# module, whose import costs a cold start some milliseconds. The handler prints its lines and applies the level itself.
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
LEVELS = {"TRACE": 0, "DEBUG": 1, "INFO": 2, "WARN": 3, "WARNING": 3, "ERROR": 4, "FATAL": 5}
LOWEST_LEVEL = LEVELS.get(os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper(), LEVELS["INFO"])

# The most characters of a route in the log.
MAX_ROUTE = 200

# Not pathlib: importing it would take a third of a cold start.
SERVICE = Service.load(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "model"))


def lambda_handler(event: Any, context: Any) -> Json:
    """Return the response to an API Gateway event, ``{"statusCode", "headers", "body"}``, and write one log line."""
    started = time.perf_counter()
    request_id = getattr(context, "aws_request_id", None) or ""
    method, path = _route(event)
    trace = None
    try:
        status, payload, headers = _answer(method, path, event, started)
        body = json.dumps(payload)
        if len(body) > MAX_RESPONSE_CHARACTERS:
            raise response_too_large()
    except RequestError as refusal:
        status, headers = refusal.status, refusal.headers
        payload = {"error": refusal.as_dict(), "request_id": request_id}
        body = json.dumps(payload)
    except Exception:  # the trace goes to the log, never to the caller
        import traceback

        trace = traceback.format_exc()
        status, headers = 500, {}
        error = {"code": "internal_error", "message": "The prediction failed. The log has the details.", "details": []}
        payload = {"error": error, "request_id": request_id}
        body = json.dumps(payload)
    _log(request_id, f"{method[:20]} {path}", status, started, payload, trace, _purpose(event))
    return {
        "statusCode": status,
        "headers": {
            "content-type": "application/json",
            "x-model-version": SERVICE.version,
            "x-request-id": request_id,
            **headers,
        },
        "body": body,
    }


def _route(event: Any) -> tuple[str, str]:
    """The method and path of an event; ``("?", "?")`` if it is not an HTTP event."""
    try:
        http = event["requestContext"]["http"]
        method, path = http["method"], event["rawPath"]
        stage = event["requestContext"].get("stage", "$default")
        # A named API stage is part of rawPath: /prod/predict.
        if stage != "$default" and path.startswith(f"/{stage}/"):
            path = path[len(stage) + 1 :]
        return str(method), str(path)
    except (KeyError, TypeError, AttributeError):
        return "?", "?"


def _answer(method: str, path: str, event: Any, started: float) -> tuple[int, Json, dict[str, str]]:
    if path == "/predict":
        _allow(method, "POST", path)
        return 200, _predict(event, started), {}
    if path == "/health":
        _allow(method, "GET", path)
        return 200, {"status": "ok", "model_version": SERVICE.version, "engine": SERVICE.engine}, {}
    if path == "/model":
        _allow(method, "GET", path)
        return 200, SERVICE.description(), {}
    raise RequestError(
        404, "not_found", f"No route {path[:200]}. The routes are POST /predict, GET /health and GET /model."
    )


def _allow(method: str, allowed: str, path: str) -> None:
    if method != allowed:
        message = f"{path} accepts {allowed}, not {method[:20]}."
        raise RequestError(405, "method_not_allowed", message, headers={"allow": allowed})


def _predict(event: Json, started: float) -> Json:
    document = read_body(event)
    rows, single = read_rows(document, SERVICE.schema)
    answer: Json
    if single:
        answer = SERVICE.predict(*rows[0], None)
    else:
        answers = [SERVICE.predict(values, warnings, number) for number, (values, warnings) in enumerate(rows)]
        answer = {"predictions": answers}
    answer["latency_ms"] = round((time.perf_counter() - started) * 1000, 3)
    return answer


def _purpose(event: Any) -> str:
    """The log message of a successful request: ``request``, or ``golden example`` for a check by a deploy.

    A deploy marks its checks with a key of the event itself. API Gateway creates the keys of an event, so only a caller
    who may invoke the function directly can set the mark.
    """
    mark = event.get("mlctl") if isinstance(event, dict) else None
    return "golden example" if isinstance(mark, dict) and mark.get("check") == "golden example" else "request"


def _log(
    request_id: str, route: str, status: int, started: float, payload: Json, trace: str | None, purpose: str
) -> None:
    level = "INFO" if status < 400 else "WARNING" if status < 500 else "ERROR"
    if LEVELS[level] < LOWEST_LEVEL:
        return
    latency = round((time.perf_counter() - started) * 1000, 3)
    message = purpose if status < 400 else payload["error"]["message"]
    # Formatted by hand: json.dumps of a dict takes a fifth of the time of a successful request.
    line = (
        f'{{"timestamp": "{_timestamp()}", "level": "{level}", "message": {quoted(message)}, '
        f'"request_id": {quoted(request_id)}, "route": {quoted(route[:MAX_ROUTE])}, "status": {status}, '
        f'"latency_ms": {latency}, "model_version": {quoted(SERVICE.version)}'
    )
    if status >= 400:
        line += f', "error": {quoted(payload["error"]["code"])}'
    if trace:
        line += f', "exception": {quoted(trace)}'
    # sys.stdout is looked up at each call, because the runtime replaces it. CloudWatch Logs receives what is written.
    sys.stdout.write(line + "}\n")
    sys.stdout.flush()


def _timestamp() -> str:
    """The current time in RFC 3339, to the millisecond. The text of a second is formatted once."""
    global _second, _text  # safe: a process answers one request at a time
    now = time.time()
    second = int(now)
    if second != _second:
        _second, _text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    return f"{_text}.{int(now * 1000) % 1000:03d}Z"


_second, _text = -1, ""
