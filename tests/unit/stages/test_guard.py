"""What the emulator's guard lets through."""

import asyncio
import json
from typing import Any

import pytest

from mlctl.stages import guard

SECRET = "mlctl0123456789abcdef"
API = "/_aws/execute-api/0a1b2c3d/$default/predict"
FUNCTIONS = "/2015-03-31/functions"
HOST = (b"host", b"127.0.0.1:4566")
SIGNED = (
    b"authorization",
    f"AWS4-HMAC-SHA256 Credential={SECRET}/20260101/us-east-1/lambda/aws4_request, Signature=0".encode(),
)
ORIGIN = (b"origin", b"https://page.example")


def judged(path: str, *headers: tuple[bytes, bytes], query: bytes = b"") -> guard.Verdict:
    return guard.judge(SECRET, path, query, headers)


@pytest.mark.parametrize(
    "host",
    [
        b"127.0.0.1",
        b"127.0.0.1:4566",
        b"127.8.9.1:80",
        b"localhost",
        b"LocalHost:4566",
        b"a.b.localhost:1",
        b"[::1]:4566",
    ],
)
def test_a_host_of_this_machine_passes(host: bytes) -> None:
    assert judged(FUNCTIONS, (b"host", host), SIGNED).refused is None
    assert judged(API, (b"host", host)).refused is None


@pytest.mark.parametrize(
    "host",
    [
        b"page.example",
        b"page.example:4566",
        b"localhost.page.example",
        b"127.0.0.1.page.example",
        b"notlocalhost",
        b".localhost",
        b"localhost.",
        b"0.0.0.0:4566",
        b"10.0.0.1",
        b"[::]:4566",
        b"127.1",
        b"2130706433",
        b"localhost:4566@page.example",
        b"localhost:",
        b"localhost:x",
        b"localhost, page.example",
        b"page.example#localhost",
        b"\xff.localhost",
        b"",
    ],
)
def test_any_other_host_is_refused_even_with_the_secret_and_for_the_deployed_api(host: bytes) -> None:
    for path in (FUNCTIONS, API):
        refused = judged(path, (b"host", host), SIGNED).refused
        assert refused is not None
        assert "Host header" in refused


@pytest.mark.parametrize("headers", [(), (HOST, HOST), (HOST, (b"host", b"page.example"))])
def test_exactly_one_host_is_needed(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    assert judged(API, *headers, SIGNED).refused is not None


@pytest.mark.parametrize(
    "path",
    [
        FUNCTIONS,
        "/",
        "/_ministack/health",
        "/_ministack/reset",
        "/_localstack/health",
        "/health",
        "/bucket/key",
        "/restapis/0a1b2c3d/prod/_user_request_/predict",
        "/_aws/execute-api",
        "/_aws/execute-api/",
        "/_aws/execute-api/0a1b2c3d",
        "/_aws/execute-api//$default/predict",
        "//_aws/execute-api/0a1b2c3d/$default/predict",
        "/x/_aws/execute-api/0a1b2c3d/$default/predict",
        "/_AWS/execute-api/0a1b2c3d/$default/predict",
        "/_aws/execute-api/../../2015-03-31/functions",
        "/_aws/execute-api/0a1b2c3d/../../../2015-03-31/functions",
        "/_aws/execute-api/0a1b2c3d/./functions",
        "/_aws/execute-api/0a1b2c3d/..\\..\\2015-03-31\\functions",
        "/_aws/execute-api/0a1b2c3d%2f..%2f..",
        "/_aws/execute-api/0a1b2c3d/$default/@connections/1",
        "http://127.0.0.1:4566/_aws/execute-api/0a1b2c3d/$default/predict",
        "*",
        "",
    ],
)
def test_everything_but_a_deployed_api_needs_the_secret_and_no_origin(path: str) -> None:
    without = judged(path, HOST).refused
    assert without is not None
    assert "`mlctl local status --json`" in without
    with_origin = judged(path, HOST, ORIGIN, SIGNED).refused
    assert with_origin is not None
    assert "Web pages" in with_origin
    assert (judged(path, HOST, SIGNED).refused is None) == path.startswith("/")


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ((SIGNED,), b""),
        (((b"x-mlctl-secret", SECRET.encode()),), b""),
        (((b"authorization", f"AWS {SECRET}:c2lnbmF0dXJl".encode()),), b""),
        ((), f"AWSAccessKeyId={SECRET}&Signature=c2ln&Expires=1".encode()),
        ((), f"X-Amz-Algorithm=A&X-Amz-Credential={SECRET}%2F20260101%2Fus-east-1%2Fs3%2Faws4_request".encode()),
    ],
)
def test_the_ways_to_give_the_secret(headers: tuple[tuple[bytes, bytes], ...], query: bytes) -> None:
    assert judged(FUNCTIONS, HOST, *headers, query=query).refused is None
    wrong = [(name, value.replace(b"mlctl0", b"mlctl1")) for name, value in headers]
    assert judged(FUNCTIONS, HOST, *wrong, query=query.replace(b"mlctl0", b"mlctl1")).refused is not None


@pytest.mark.parametrize(
    ("header", "query"),
    [
        ((b"x-mlctl-secret", b""), b""),
        ((b"x-mlctl-secret", SECRET[:-1].encode()), b""),
        ((b"authorization", f"Bearer {SECRET}".encode()), b""),
        ((b"authorization", b"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request"), b""),
        ((b"authorization", b"AWS4-HMAC-SHA256 Credential=/x"), b""),
        ((b"cookie", f"Credential={SECRET}/x".encode()), b""),
        ((b"accept", b"*/*"), f"secret={SECRET}".encode()),
        ((b"accept", b"*/*"), b"X-Amz-Credential=\xff%FF"),
        # What the guard decodes first it could not keep from the emulator.
        ((b"accept", b"*/*"), f"X-Amz-Credential=%6d{SECRET[1:]}%2Fx".encode()),
        ((b"accept", b"*/*"), f"X-Amz-Credential={SECRET}%20".encode()),
    ],
)
def test_what_is_not_the_secret(header: tuple[bytes, bytes], query: bytes) -> None:
    assert judged(FUNCTIONS, HOST, header, query=query).refused is not None


def test_a_deployed_api_is_open_to_pages_and_to_everybody() -> None:
    verdict = judged(API, HOST, ORIGIN)
    assert (verdict.refused, verdict.open, verdict.path) == (None, True, API)


def test_a_virtual_host_means_the_deployed_api_and_nothing_else() -> None:
    host = (b"host", b"0a1b2c3d.execute-api.localhost:4566")
    for path in ("/predict", "/_ministack/reset", FUNCTIONS, "/"):
        verdict = judged(path, host, ORIGIN)
        assert (verdict.refused, verdict.open) == (None, True)
        assert (verdict.path, verdict.host) == (f"/_aws/execute-api/0a1b2c3d{path}", "localhost:4566")
    assert judged("/../2015-03-31/functions", host).refused is not None


def test_no_other_virtual_host_takes_a_request_away_from_the_deployed_api() -> None:
    assert judged(API, (b"host", b"d111.cloudfront.localhost:4566")).host == "localhost:4566"
    assert judged("/key", (b"host", b"bucket.s3.localhost:4566")).refused is not None
    assert judged("/key", (b"host", b"bucket.s3.localhost:4566"), SIGNED).host == "bucket.s3.localhost:4566"


def passed(path: str, *headers: tuple[bytes, bytes], query: bytes = b"", kind: str = "http") -> tuple[Any, list[Any]]:
    """What the emulator gets of a request, None if nothing, and what the client gets."""
    inside: list[Any] = []
    outside: list[Any] = []

    async def emulator(scope: Any, receive: Any, send: Any) -> None:
        inside.append(scope)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"Access-Control-Allow-Origin", b"*"), (b"content-type", b"text/plain")],
            }
        )
        await send({"type": "http.response.body", "body": b"emulated"})

    async def receive() -> Any:
        return {"type": f"{kind}.connect"}

    async def send(message: Any) -> None:
        outside.append(message)

    scope = {"type": kind, "path": path, "raw_path": path.encode(), "query_string": query, "headers": list(headers)}
    asyncio.run(guard.Guard(emulator, SECRET)(scope, receive, send))
    return (inside[0] if inside else None), outside


def test_a_refused_request_never_reaches_the_emulator() -> None:
    inside, (start, body) = passed(FUNCTIONS, HOST)
    assert inside is None
    assert start["status"] == 403
    assert not any(name.startswith(b"access-control") for name, _ in start["headers"])
    assert "AWS_ACCESS_KEY_ID" in json.loads(body["body"])["message"]


def test_header_names_in_any_case_count() -> None:
    inside, (start, _) = passed(FUNCTIONS, (b"Host", b"localhost"), (b"ORIGIN", b"null"), SIGNED)
    assert (inside, start["status"]) == (None, 403)


def test_the_secret_stays_outside_and_invitations_to_browsers_stay_inside() -> None:
    query = f"X-Amz-Credential={SECRET}%2Fx".encode()
    inside, (start, _) = passed(FUNCTIONS, HOST, SIGNED, (b"x-mlctl-secret", SECRET.encode()), query=query)
    assert SECRET not in repr(inside)
    assert b"Credential=test/" in dict(inside["headers"])[b"authorization"]
    assert start["headers"] == [(b"content-type", b"text/plain")]


def test_the_deployed_api_never_sees_the_secret_either() -> None:
    inside, (start, _) = passed(API, HOST, SIGNED)
    assert SECRET not in repr(inside)
    assert (b"Access-Control-Allow-Origin", b"*") in start["headers"]


def test_a_virtual_host_reaches_the_emulator_as_a_path() -> None:
    inside, _ = passed("/predict", (b"host", b"0a1b2c3d.execute-api.localhost:4566"))
    assert inside["path"] == inside["raw_path"].decode() == "/_aws/execute-api/0a1b2c3d/predict"
    assert dict(inside["headers"])[b"host"] == b"localhost:4566"


@pytest.mark.parametrize("is_declared", [True, False])
@pytest.mark.parametrize(("size", "status"), [(10 * 2**20, 200), (10 * 2**20 + 1, 413)])
def test_a_body_that_api_gateway_does_not_take_stays_outside(is_declared: bool, size: int, status: int) -> None:
    taken: list[int] = []
    outside: list[dict[str, Any]] = []
    chunks = [2**20] * (size // 2**20) + [size % 2**20]

    async def emulator(scope: dict[str, Any], receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            taken.append(len(message["body"]))
            if not message["more_body"]:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                return

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * chunks.pop(0), "more_body": bool(chunks)}

    async def send(message: dict[str, Any]) -> None:
        outside.append(message)

    headers = [HOST, (b"content-length", str(size).encode())] if is_declared else [HOST]
    scope = {"type": "http", "path": API, "raw_path": API.encode(), "query_string": b"", "headers": headers}
    asyncio.run(guard.Guard(emulator, SECRET)(scope, receive, send))
    assert outside[0]["status"] == status
    assert sum(taken) == (size if status == 200 else 0 if is_declared else 10 * 2**20)


def test_a_web_socket_is_closed_before_it_is_accepted() -> None:
    inside, messages = passed(API, HOST, kind="websocket")
    assert inside is None
    assert [message["type"] for message in messages] == ["websocket.close"]


@pytest.mark.parametrize(
    ("allowed", "origin", "answered"),
    [
        ([], "https://a.example", None),
        (["https://a.example"], "https://a.example", "https://a.example"),
        (["https://A.example"], "https://a.EXAMPLE", "https://a.EXAMPLE"),
        (["https://a.example"], "https://b.example", None),
        (["https://a.example"], "https://a.example.page.example", None),
        (["https://*"], "https://any.example", "https://any.example"),
        (["https://*"], "http://any.example", None),
        (["*"], "null", "*"),
        (["*"], "", None),
    ],
)
def test_the_origins_of_an_http_api(allowed: list[str], origin: str, answered: str | None) -> None:
    headers = guard.cors_headers({"allowOrigins": allowed} if allowed else {}, origin)
    assert headers.get("Access-Control-Allow-Origin") == answered
    assert bool(headers) == (answered is not None)
