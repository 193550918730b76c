"""`mlctl invoke` and APIs that are closed: signatures, tokens, and what API Gateway says in the handler's stead."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto import mock_aws

from mlctl.core import invoke
from mlctl.errors import MlctlError
from mlctl.http import request
from mlctl.settings import load
from mlctl.stages import Stage
from tests.conftest import Cli, Result
from tests.support.listener import Answer, Listener, Sent

REGION = "eu-west-1"
VERSION = "ab" * 32
SCHEMA = {"features": [{"name": "size", "kind": "number", "nullable": False}], "target": {"class_names": ["no", "yes"]}}
PREDICTION = {"prediction": 1, "class_name": "yes", "probabilities": [0.25, 0.75], "latency_ms": 0.5}
TOKEN = "header.claims.signature"


def handler(sent: Sent) -> Answer:
    """What the deployed handler answers."""
    documents = {"model": {"version": VERSION, "schema": SCHEMA}, "predict": PREDICTION}
    return Answer(200, documents[last(sent)], VERSION)


def last(sent: Sent) -> str:
    """The last part of its path."""
    return sent.path.rpartition("/")[2]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """The API of stage prod: AWS knows of it, and it answers at a port of this machine."""
    with mock_aws(), Listener.running() as listener:
        # moto has set some of its own.
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "of-a-session")
        tags = {"mlctl:project": "iris", "mlctl:stage": "prod"}
        # A session of its own: the default one remembers what an earlier test had mocked.
        client = boto3.Session(region_name=REGION).client("apigatewayv2")
        api_id = client.create_api(Name="iris-prod", ProtocolType="HTTP", Tags=tags)["ApiId"]
        monkeypatch.setattr(Stage, "api_url", lambda self, found, endpoint: f"{listener.url}/{found}")
        listener.answers = handler
        yield listener
        assert {sent.path.split("/")[1] for sent in listener.sent} <= {api_id}


@pytest.fixture
def auth(project: Path) -> Any:
    """Writes how the API of stage prod is closed."""

    def write(kind: str) -> None:
        jwt = 'jwt_issuer = "https://issuer.example"\njwt_audience = ["mlctl"]\n' if kind == "jwt" else ""
        (project / "mlctl.toml").write_text(f'[stage.prod]\nauth = "{kind}"\nregion = "{REGION}"\n{jwt}')

    return write


def ask(cli: Cli, *words: str) -> Result:
    return cli("invoke", "5", "--stage", "prod", *words)


def test_an_open_api_gets_neither_signature_nor_token(
    api: Listener, auth: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth("none")
    monkeypatch.setenv("MLCTL_TOKEN", TOKEN)
    assert ask(cli, "--json").json == PREDICTION
    assert [last(sent) for sent in api.sent] == ["model", "predict"]
    assert all("authorization" not in sent.headers for sent in api.sent)


def test_requests_to_an_api_with_iam_are_signed(api: Listener, auth: Any, cli: Cli) -> None:
    auth("iam")
    assert ask(cli, "--json").json == PREDICTION
    model, predict = api.sent
    assert (model.method, predict.method, predict.body) == ("GET", "POST", b'{"features": [5]}')
    for sent in api.sent:
        assert sent.headers["x-amz-security-token"] == "of-a-session"
        assert sent.headers["authorization"] == _signature(api, sent)


def _signature(api: Listener, sent: Sent) -> str:
    """The Authorization header that AWS would expect of this request, worked out from what arrived."""
    stamp = sent.headers["x-amz-date"]
    signed = ("content-type", "x-amz-date", "x-amz-security-token")
    headers = {name: sent.headers[name] for name in signed}
    again = AWSRequest(method=sent.method, url=f"http://{sent.headers['host']}{sent.path}", data=sent.body)
    for name, value in headers.items():
        again.headers[name] = value
    again.context["timestamp"] = stamp
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI", "of-a-session"), "execute-api", REGION)
    signature = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
    scope = f"AKIDEXAMPLE/{stamp[:8]}/{REGION}/execute-api/aws4_request"
    names = ";".join(sorted(("host", *signed)))
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}"


def test_a_body_that_is_changed_on_the_way_breaks_the_signature(api: Listener, auth: Any, cli: Cli) -> None:
    auth("iam")
    ask(cli)
    sent = api.sent[-1]
    changed = Sent(sent.method, sent.path, sent.headers, sent.body.replace(b"5", b"6"))
    assert _signature(api, changed) != sent.headers["authorization"]


def test_no_credentials_to_sign_with_say_how_to_get_some(
    api: Listener, auth: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth("iam")
    monkeypatch.setattr("boto3.Session.get_credentials", lambda self: None)
    result = ask(cli)
    assert (result.code, api.sent) == (5, [])
    assert "No AWS credentials were found." in result.err


@pytest.mark.parametrize("given", [TOKEN, f"Bearer {TOKEN}", f"  bearer  {TOKEN}\n"])
def test_an_api_with_jwt_gets_the_token(
    api: Listener, auth: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    auth("jwt")
    monkeypatch.setenv("MLCTL_TOKEN", "another")
    assert ask(cli, "--json", "--token", given).json == PREDICTION
    assert [sent.headers["authorization"] for sent in api.sent] == [f"Bearer {TOKEN}"] * 2


def test_the_token_may_stand_in_the_variable_or_in_the_dotenv_file(
    api: Listener, auth: Any, cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth("jwt")
    (project / ".env").write_text("MLCTL_TOKEN=of-the-file\n")
    assert ask(cli, "--json").json == PREDICTION
    monkeypatch.setenv("MLCTL_TOKEN", "of-the-variable")
    assert ask(cli, "--json").json == PREDICTION
    sent = [each.headers["authorization"] for each in api.sent]
    assert sent == ["Bearer of-the-file"] * 2 + ["Bearer of-the-variable"] * 2
    # `up` asks the same way.
    payload = {"features": [5]}
    assert invoke.run(project, load(project, stage="prod"), "prod", lambda schema: payload).document == PREDICTION
    assert api.sent[-1].headers["authorization"] == "Bearer of-the-variable"


def test_without_a_token_nothing_is_asked(api: Listener, auth: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    auth("jwt")
    monkeypatch.setattr("mlctl.core.invoke.open_stage", None)
    result = ask(cli, "--json")
    assert (result.code, api.sent) == (2, [])
    assert result.json["error"] == {
        "code": "token_needed",
        "message": "The API of stage 'prod' needs a token, and there is none.",
        "hint": "Give a token of https://issuer.example for mlctl that has not expired: --token TOKEN, or the variable "
        "MLCTL_TOKEN.",
    }


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "ключ"])
def test_a_token_that_no_header_can_hold_is_refused_and_not_shown(
    api: Listener, auth: Any, cli: Cli, token: str
) -> None:
    auth("jwt")
    result = ask(cli, "--token", token)
    assert (result.code, api.sent) == (2, [])
    assert "Invalid token: " in result.err
    assert token not in result.err


def refused(api: Listener, status: int, message: str, **headers: str) -> None:
    """API Gateway answers itself."""
    told = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    api.answers = lambda sent: Answer(status, {"message": message}, headers=told)


def error_of(result: Result) -> tuple[int, str, str]:
    return result.code, result.json["error"]["message"], result.json["error"]["hint"]


def test_a_caller_without_the_permission_is_told_which_one_on_which_arn(api: Listener, auth: Any, cli: Cli) -> None:
    auth("iam")
    refused(api, 403, "Forbidden")
    code, message, hint = error_of(ask(cli, "--json"))
    api_id = api.sent[0].path.split("/")[1]
    assert (code, message) == (5, "The API denied access (403): Forbidden.")
    assert hint.endswith(f" needs execute-api:Invoke on arn:aws:execute-api:eu-west-1:123456789012:{api_id}/*.")


def test_who_may_not_ask_who_they_are_is_told_the_permission_all_the_same(
    api: Listener, auth: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth("iam")
    refused(api, 403, "Forbidden")

    def denied(aws: Any) -> None:
        raise MlctlError("AWS refused GetCallerIdentity", code="aws_refused", exit_code=5)  # type: ignore[arg-type]  # as its code

    monkeypatch.setattr("mlctl.core.shared.api_client.resources.identity", denied)
    code, _, hint = error_of(ask(cli, "--json"))
    api_id = api.sent[0].path.split("/")[1]
    assert (code, hint) == (
        5,
        f"The caller needs execute-api:Invoke on the API {api_id}, and credentials that have not expired.",
    )


def test_a_token_that_is_refused_is_explained_in_the_words_of_aws(api: Listener, auth: Any, cli: Cli) -> None:
    auth("jwt")
    described = 'Bearer scope="" error="invalid_token" error_description="the token does not have a valid audience"'
    refused(api, 401, "Unauthorized", www_authenticate=described)
    code, message, hint = error_of(ask(cli, "--json", "--token", TOKEN))
    assert code == 5
    assert message == "The API denied access (401): the token does not have a valid audience."
    assert hint.startswith("Give a token of https://issuer.example for mlctl that has not expired: --token TOKEN")
    # Without a description its message has to do.
    refused(api, 401, "Unauthorized")
    assert error_of(ask(cli, "--json", "--token", TOKEN))[1] == ("The API denied access (401): Unauthorized.")


@pytest.mark.parametrize(("kind", "status"), [("none", 401), ("none", 403), ("iam", 401), ("jwt", 403)])
def test_an_api_that_is_closed_otherwise_than_the_settings_say(
    api: Listener, auth: Any, cli: Cli, kind: str, status: int
) -> None:
    auth(kind)
    refused(api, status, "Forbidden")
    code, _, hint = error_of(ask(cli, "--json", "--token", TOKEN))
    assert code == 5
    assert hint == (
        f'The request was sent for auth = "{kind}", but the API expects something else: `mlctl status --stage prod` '
        "shows the differences from the settings, `mlctl deploy --stage prod` restores the settings."
    )


@pytest.mark.parametrize(
    ("status", "message", "code", "text", "hint"),
    [
        (
            429,
            "Too Many Requests",
            5,
            "API Gateway throttled the request (429): Too Many Requests.",
            "[deploy] throttle allows 50 requests per second, and bursts of 100.",
        ),
        (
            413,
            "Request Entity Too Large",
            3,
            "The request is too large for API Gateway (413): Request Entity Too Large.",
            "Split the file",
        ),
        (
            503,
            "Service Unavailable",
            5,
            "API Gateway got no response from the function (503): Service Unavailable.",
            "`mlctl logs --stage prod`",
        ),
    ],
)
def test_what_api_gateway_answers_is_not_taken_for_the_handlers(
    api: Listener, auth: Any, cli: Cli, status: int, message: str, code: int, text: str, hint: str
) -> None:
    auth("none")
    refused(api, status, message)
    result = ask(cli, "--json")
    assert error_of(result)[:2] == (code, text)
    assert hint in result.json["error"]["hint"]


def test_the_handlers_own_refusals_stay_the_handlers(api: Listener, auth: Any, cli: Cli) -> None:
    auth("none")
    document = {"error": {"code": "body_too_large", "message": "Too much.", "details": []}, "request_id": "1"}
    api.answers = lambda sent: Answer(413, document, VERSION)
    result = ask(cli, "--json")
    assert (result.code, result.json) == (3, document)
    assert "The API answered 413: Too much." in ask(cli).err


def test_what_api_gateway_says_of_a_broken_function_is_told_in_its_words(api: Listener, auth: Any, cli: Cli) -> None:
    auth("none")
    refused(api, 500, "Internal Server Error")
    assert error_of(ask(cli, "--json")) == (
        5,
        "API Gateway answered 500: Internal Server Error.",
        "`mlctl logs --stage prod` may show the reason.",
    )
    # What is no JSON at all, from whatever stands between.
    api.answers = lambda sent: Answer(502, b"<html>Bad Gateway</html>")
    assert "API Gateway answered 502: <html>Bad Gateway</html>." in ask(cli).err
    api.answers = lambda sent: Answer(500, {})
    assert "API Gateway answered 500: no reason given." in ask(cli).err


def test_a_token_is_not_carried_over_by_a_redirect() -> None:
    with Listener.running() as elsewhere, Listener.running() as listener:
        away = (("location", f"{elsewhere.url}/stolen"),)
        listener.answers = lambda sent: Answer(302, {}, headers=away)
        response = request("GET", f"{listener.url}/model", headers={"authorization": f"Bearer {TOKEN}"})
        assert (response.status, elsewhere.sent) == (302, [])
        assert listener.sent[0].headers["authorization"] == f"Bearer {TOKEN}"
