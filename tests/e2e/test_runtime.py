"""The package under ``awslambdaric``, the client that runs Python functions in Lambda."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from tests.conftest import http_event

pytest.importorskip("awslambdaric", reason="awslambdaric runs on Linux only")


class RuntimeApi(ThreadingHTTPServer):
    """Lambda's Runtime API on loopback: hands out events, collects what comes back.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.events: Queue[dict[str, Any]] = Queue()
        self.answers: Queue[tuple[str, Any]] = Queue()


class _Request(BaseHTTPRequestHandler):
    server: RuntimeApi

    def do_GET(self) -> None:
        body = json.dumps(self.server.events.get()).encode()
        self.send_response(200)
        for name, value in (
            ("Lambda-Runtime-Aws-Request-Id", "request-1"),
            ("Lambda-Runtime-Deadline-Ms", "9999999999999"),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:1:function:iris-prod:1"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.answers.put((self.path.rpartition("/")[2], json.loads(body or b"null")))

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    with RuntimeApi() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_runtime_client_runs_the_package(api: RuntimeApi, unpacked: Path) -> None:
    body = json.dumps({"features": [5.1, 3.5, 1.4, 0.2]})
    api.events.put(http_event("POST", "/predict", body))
    api.events.put(http_event("GET", "/health"))
    process = subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", "handler.app.lambda_handler"],
        cwd=unpacked,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(unpacked),
            "LAMBDA_TASK_ROOT": str(unpacked),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "iris-prod",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        kind, predicted = api.answers.get(timeout=60)
        assert kind == "response", predicted
        _, health = api.answers.get(timeout=60)
    finally:
        process.kill()
        out, _ = process.communicate()
    assert predicted["statusCode"] == 200
    assert json.loads(predicted["body"])["class_name"] == "setosa"
    assert predicted["headers"]["x-request-id"] == "request-1"
    assert json.loads(health["body"])["status"] == "ok"
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert [line["route"] for line in lines] == ["POST /predict", "GET /health"]
    assert lines[0]["request_id"] == "request-1"
