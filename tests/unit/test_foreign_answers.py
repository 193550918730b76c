"""Something that is not AWS answers in its place."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mlctl.aws.errors import explained
from mlctl.aws.session import Aws
from mlctl.errors import ExitCode, MlctlError
from tests.listener import Answer, Listener, SilentServer

CALLS: dict[str, Callable[[Aws], Any]] = {
    "iam": lambda aws: aws.iam.get_role(RoleName="x"),
    "sts": lambda aws: aws.sts.get_caller_identity(),
    "lambda": lambda aws: aws.lambda_.get_function(FunctionName="x"),
    "logs": lambda aws: aws.logs.describe_log_groups(),
}
BODIES = {
    "a list": b"[]",
    "null": b"null",
    "a number": b"5",
    "no text": b"\xff\xfe",
    "nested": b"[" * 100_000,
    "cut": b'{"a": [',
    "xml": b"<a",
}


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with Listener.running() as running:
        yield running


def refused(aws: Aws, service: str) -> MlctlError | None:
    """The error of a call; None where the answer passes for one of AWS's without its fields."""
    error: MlctlError | None = None
    try:
        with explained():
            CALLS[service](aws)
    except KeyError:
        pass
    except MlctlError as failure:
        error = failure
    if error is not None:
        assert (error.exit_code, "\n" in error.message) == (ExitCode.AWS, False)
    return error


@pytest.mark.parametrize("service", CALLS)
def test_a_body_that_is_not_awss_is_one_line(listener: Listener, service: str) -> None:
    aws = Aws.emulated(listener.url, region=None)
    for body in BODIES.values():
        for status in (200, 403):
            listener.answers = lambda _, status=status, body=body: Answer(status, body)  # type: ignore[misc]  # bound now
            refused(aws, service)
    listener.answers = lambda _: Answer(200, b"[1]")
    found = refused(aws, service)
    assert found is not None
    assert found.code == "aws_foreign_answer"
    assert found.message.startswith("Something else answers in the place of AWS: ")


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 300 + b"\r\n",
    ],
)
def test_what_is_no_http_is_one_line(said: bytes) -> None:
    with SilentServer.running() as server:
        server.said, server.hold = said, False
        assert refused(Aws.emulated(server.url, region=None), "logs") is not None
