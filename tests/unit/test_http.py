"""Requests to servers that are not an API: endless, oversized and non-HTTP responses."""

import gzip
from collections.abc import Iterator

import pytest

from mlctl import http
from mlctl.errors import ExitCode, MlctlError
from tests.support.listener import Answer, Listener, SilentServer

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@pytest.fixture
def server() -> Iterator[SilentServer]:
    with SilentServer.running() as running:
        running.hold = False
        yield running


def refused(url: str, **limits: float) -> MlctlError:
    with pytest.raises(MlctlError) as caught:
        http.request("GET", f"{url}/health", **limits)  # type: ignore[arg-type]  # an int or a float
    assert caught.value.exit_code == ExitCode.AWS
    assert "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("said", "code", "message"),
    [
        (b"", "api_unreachable", "Remote end closed connection without response"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "api_error", "is not the API: BadStatusLine: SSH-2.0-OpenSSH_9.6"),
        (b"HTTP/1.1 abc\r\n\r\n", "api_error", "BadStatusLine"),
        (b"HTTP/9.9 200 OK\r\n\r\n", "api_error", "UnknownProtocol: HTTP/9.9"),
        (b"\xff\xfe\x00" * 100, "api_error", "BadStatusLine"),
        (b"HTTP/1.1 200 " + b"x" * 70_000, "api_error", "LineTooLong"),
        (HEAD + b"x: " + b"y" * 70_000, "api_error", "LineTooLong"),
        (HEAD + b"x: y\r\n" * 200 + b"\r\n", "api_error", "HTTPException: got more than 100 headers"),
        (HEAD + b"content-length: 100\r\n\r\nshort", "api_error", "IncompleteRead"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhel", "api_error", "IncompleteRead"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nnot a number\r\n", "api_error", "IncompleteRead"),
        (b"HTTP/1.1 500 No\r\ncontent-length: 100\r\n\r\nshort", "api_error", "IncompleteRead"),
    ],
)
def test_what_is_no_http_is_one_line(server: SilentServer, said: bytes, code: str, message: str) -> None:
    server.said = said
    error = refused(server.url)
    assert (error.code, message in error.message) == (code, True), error.message


def test_a_body_without_an_end_is_not_read_to_it(server: SilentServer) -> None:
    server.said, server.again = HEAD + b"\r\n", b"x" * 65_536
    error = refused(server.url, limit=1_000_000)
    assert error.code == "api_error"
    assert "its answer is larger than 1,000,000 bytes" in error.message


@pytest.mark.parametrize("said", [b"", HEAD, HEAD + b"content-length: 1000000\r\n\r\n"])
def test_an_answer_that_drips_is_cut(server: SilentServer, said: bytes) -> None:
    server.said, server.again, server.pause_seconds = said or b"H", b"x", 0.01
    error = refused(server.url, seconds=0.3)
    assert (error.code, error.message) == (
        "api_unreachable",
        f"The API at {server.url}/health does not answer: no complete answer within 0.3 seconds.",
    )


@pytest.mark.parametrize("location", ["http://[", "ftp://x", "/elsewhere", "http://127.0.0.1:1/"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_the_answer_wherever_it_leads(status: int, location: str) -> None:
    with Listener.running() as listener:
        listener.answers = lambda sent: Answer(status, {}, headers=(("location", location),))
        assert http.request("GET", listener.url).status == status
        assert len(listener.sent) == 1


def test_a_body_is_given_as_it_came() -> None:
    packed = gzip.compress(b"{}")[:-3]
    with Listener.running() as listener:
        listener.answers = lambda sent: Answer(200, packed, headers=(("content-encoding", "gzip"),))
        assert http.request("GET", listener.url).body == packed


def test_a_body_as_large_as_the_limit_is_taken() -> None:
    with Listener.running() as listener:
        listener.answers = lambda sent: Answer(200, b"x" * 1000)
        assert len(http.request("GET", listener.url, limit=1000).body) == 1000
