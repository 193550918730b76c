"""The package under ``awslambdaric``, the client that runs Python functions in Lambda."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import http_event
from tests.support.runtime_api import RuntimeApi, running

pytest.importorskip("awslambdaric", reason="awslambdaric runs on Linux only")


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    with running() as server:
        yield server


def test_the_runtime_client_runs_the_package(api: RuntimeApi, unpacked: Path) -> None:
    body = json.dumps({"features": [5.1, 3.5, 1.4, 0.2]})
    api.events.put(http_event("POST", "/predict", body))
    api.events.put(http_event("GET", "/health"))
    process = subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", "handler.app.lambda_handler"],
        cwd=unpacked,
        env=api.environment(unpacked),
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
