"""Which URLs are on this machine, which may receive a token, and that no local request uses a proxy."""

import pytest

from mlctl.errors import MlctlError
from mlctl.hosts import is_loopback_url, keeps_secrets, server_url
from mlctl.http import request
from tests.support.listener import Answer, Listener

LOOPBACK = (
    "http://127.0.0.1:4566",
    "http://127.255.255.254",
    "http://[::1]:4566",
    "http://[::ffff:127.0.0.1]",
    "http://localhost",
    "HTTP://LocalHost:1",
    "http://localhost.:4566",
    "http://iris.execute-api.localhost:4566/path",
    "https://127.0.0.1",
)
ELSEWHERE = (
    "http://127.0.0.1.evil.com",
    "http://localhost.evil.com",
    "http://notlocalhost",
    "http://evil.com#localhost",
    "http://127.0.0.1@evil.com",
    "http://localhost:80@evil.com",
    "http://0x7f000001",
    "http://2130706433",
    "http://0177.0.0.1",
    "http://127.1",
    "http://0.0.0.0",
    "http://[::]",
    "http://[::1%25eth0]",
    "http://[::ffff:10.0.0.1]",
    "http://10.0.0.1",
    "http://169.254.169.254",
    "http://loca\u017fhost",
    "http://127\u30020\u30020\u30021",
    "http://[::1",
    "http://",
)


@pytest.mark.parametrize("url", LOOPBACK)
def test_this_machine(url: str) -> None:
    assert is_loopback_url(url)
    assert keeps_secrets(url)
    server_url(url)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_another_machine_or_none(url: str) -> None:
    assert not is_loopback_url(url)
    assert not keeps_secrets(url)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:4566",
        "ftp://localhost",
        "file:///etc/passwd",
        "http://user:password@localhost",
        "http://evil.com\\@localhost",
        "http://local host",
        "http://localhost\n",
        "http://localhost\t:1",
        "http://loca\u017fhost",
        "http://localhost:0",
        "http://localhost:65536",
        "http://localhost:port",
        "http://[::1",
        "http://localhost?x=1",
        "http://localhost#x",
        "http://localhost?",
        "http://",
        "",
    ],
)
def test_what_is_no_url_of_a_server(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        server_url(url)


@pytest.mark.parametrize("header", ["authorization", "Authorization", "X-Amz-Security-Token"])
@pytest.mark.parametrize("url", ["http://192.0.2.1/predict", "http://127.0.0.1.evil.com/", "http://0x7f000001/"])
def test_a_token_does_not_travel_unencrypted(url: str, header: str) -> None:
    with pytest.raises(MlctlError) as error:
        request("POST", url, b"{}", {header: "Bearer secret"})
    assert (error.value.code, error.value.exit_code) == ("insecure_url", 2)
    assert "secret" not in error.value.message


def test_a_file_is_not_an_api() -> None:
    with pytest.raises(MlctlError, match=r"^file:///etc/passwd is not the URL of an API\.$"):
        request("GET", "file:///etc/passwd")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "iris.localhost", "LOCALHOST", "localhost.", "127.0.0.2"])
def test_no_proxy_sees_a_request_to_this_machine(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Listener.running() as api, Listener.running() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        api.answers = lambda sent: Answer(200, {"reached": True}, "v")
        try:
            request("GET", f"http://{host}:{api.url.rpartition(':')[2]}/", None, {"authorization": "Bearer x"})
        except MlctlError as error:
            # A system may not resolve the name, or not listen there: what counts is who was asked.
            assert error.code == "api_unreachable"  # noqa: PT017  # either outcome is fine
        else:
            assert len(api.sent) == 1
        assert proxy.sent == []


def test_other_machines_are_asked_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with Listener.running() as proxy:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url)
        request("GET", "http://api.example.com/health")
        assert [sent.path for sent in proxy.sent] == ["http://api.example.com/health"]


def test_a_redirect_is_not_followed() -> None:
    with Listener.running() as api, Listener.running() as elsewhere:
        api.answers = lambda sent: Answer(302, {}, headers=(("location", f"{elsewhere.url}/"),))
        assert request("GET", f"{api.url}/", None, {"authorization": "Bearer x"}).status == 302
        assert elsewhere.sent == []
