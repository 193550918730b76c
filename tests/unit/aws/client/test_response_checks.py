"""Something that is not AWS answers in its place."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mlctl.aws.client.errors import translate_errors
from mlctl.aws.client.session import Aws
from mlctl.aws.live import invocation, resources
from mlctl.aws.live.logs import LogReader
from mlctl.aws.stack.names import AliasText, Names
from mlctl.errors import ExitCode, MlctlError
from tests.support.listener import Answer, Listener, SilentServer

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
        with translate_errors():
            CALLS[service](aws)
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
    assert found.message.startswith("Something other than AWS answered: ")


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


NAMES = Names("iris", "prod")
FUNCTION = '{"Configuration": {"FunctionName": "f", "Version": "1", %s}}'
EVENT = '{"logStreamName": "s", "message": "m", %s}'


def read_log(aws: Aws) -> Any:
    return list(LogReader(aws, "g", since=0).read())


def read_caller(aws: Aws) -> Any:
    return resources.identity(aws)


def read_function(aws: Aws) -> Any:
    return resources.release_of(aws.lambda_.get_function(FunctionName="f")["Configuration"])


def call_version(aws: Aws) -> Any:
    return invocation.invoke(aws, NAMES, "1", {})


# How the answer is read, what it is, and what is wrong with it.
FIELDS: list[tuple[Callable[[Aws], Any], str, str]] = [
    (read_function, "{}", "the answer to GetFunction is not in the form that AWS uses (it has no Configuration)"),
    (read_function, '{"Configuration": []}', "AttributeError"),
    (read_function, '{"Configuration": "x"}', "AttributeError"),
    (read_function, '{"Configuration": {}}', "it has no Version"),
    (read_function, FUNCTION % '"Description": {}', "Description is not text"),
    (read_function, FUNCTION % '"MemorySize": NaN', "a field has the wrong type"),
    (read_function, FUNCTION % '"Architectures": ["arm64", null]', "Architectures is not text"),
    (read_function, FUNCTION % '"Environment": {"Variables": {"A": 1}}', "Variables is not text"),
    (lambda aws: resources.allowed_source(aws, NAMES), '{"Policy": "x"}', "JSONDecodeError"),
    (lambda aws: resources.allowed_source(aws, NAMES), '{"Policy": "{}"}', "KeyError"),
    (lambda aws: resources.allowed_source(aws, NAMES), '{"Policy": "[1]"}', "TypeError"),
    (
        lambda aws: resources.releases(aws, NAMES),
        '{"Versions": [{"Version": "x"}]}',
        "the answer to ListVersionsByFunction is not in the form that AWS uses (a text field has the wrong format",
    ),
    (lambda aws: aws.api.get_apis(), '{"items": [{"createdDate": "soon"}]}', "a field has the wrong type"),
    (lambda aws: resources.function(aws, NAMES), '{"Configuration": {"Version": 1}}', "Version is not text"),
    (read_log, "{}", "it has no events"),
    (read_log, '{"events": [1]}', "a field has the wrong type"),
    (read_log, '{"events": [{}]}', "it has no timestamp"),
    (read_log, '{"events": [%s]}' % (EVENT % '"timestamp": -1'), "the time of an event is not between 1970 and 9999"),
    (
        read_log,
        '{"events": [%s]}' % (EVENT % '"timestamp": 253402300800000'),
        "the time of an event is not between 1970 and 9999",
    ),
    (read_log, '{"events": [%s]}' % (EVENT % f'"timestamp": {10**30}'), "timestamp is not a number"),
    (read_log, '{"events": [%s]}' % (EVENT % '"timestamp": "now"'), "timestamp is not a number"),
    (read_log, '{"events": [%s]}' % (EVENT % '"timestamp": true'), "timestamp is not a number"),
    (read_log, '{"events": [], "nextToken": 5}', "nextToken is not text"),
    (read_caller, "<a/>", "a field has the wrong type"),
    (
        read_caller,
        "<r><GetCallerIdentityResult><Arn>x</Arn><Account>1</Account></GetCallerIdentityResult></r>",
        "a text field has the wrong format",
    ),
]


@pytest.mark.parametrize(("ask", "body", "why"), FIELDS, ids=range(len(FIELDS)))
def test_a_field_that_is_not_awss_is_one_line(
    listener: Listener, ask: Callable[[Aws], Any], body: str, why: str
) -> None:
    aws = Aws.emulated(listener.url, region=None)
    listener.answers = lambda _: Answer(200, body.encode())
    with pytest.raises(MlctlError) as caught, translate_errors():
        ask(aws)
    assert (caught.value.code, caught.value.exit_code) == ("aws_foreign_answer", ExitCode.AWS)
    assert why in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("error", ['{"__type": {}}', '{"message": ["x"]}', '{"Message": 5, "__type": "X"}'])
def test_an_error_that_is_no_text_is_one_line(listener: Listener, error: str) -> None:
    listener.answers = lambda _: Answer(400, error.encode())
    found = refused(Aws.emulated(listener.url, region=None), "logs")
    assert found is not None
    assert found.code == "aws_foreign_answer"


def test_a_missing_field_is_found_where_there_are_credentials_too(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_ENDPOINT_URL": listener.url,
    }.items():
        monkeypatch.setenv(name, value)
    listener.answers = lambda _: Answer(200, {"Configuration": {"Version": []}})
    with pytest.raises(MlctlError, match="Version is not text"), translate_errors():
        Aws.connect(region="eu-west-1", profile=None).lambda_.get_function(FunctionName="f")


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"{}", {"x-amz-log-result": "abc"}, "aws_foreign_answer"),
        (b" " * 8_000_001, {}, "aws_foreign_answer"),
    ],
)
def test_an_invocation_that_no_function_answers(
    listener: Listener, body: bytes, headers: dict[str, str], code: str
) -> None:
    listener.answers = lambda _: Answer(200, body, headers=tuple(headers.items()))
    with pytest.raises(MlctlError) as caught, translate_errors():
        call_version(Aws.emulated(listener.url, region=None))
    assert caught.value.code == code


def test_an_invocation_of_no_known_length() -> None:
    with SilentServer.running() as server:
        server.said, server.hold = b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}", False
        assert call_version(Aws.emulated(server.url, region=None)).error == "its answer is not JSON"


def test_a_description_with_a_range_without_end_is_nobodys() -> None:
    assert AliasText.from_description("mlctl previous=1 verified=1-99999999999999") == AliasText()
