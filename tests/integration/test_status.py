"""`mlctl status` against the cloud: health, canary, errors, drift, and APIs that are closed."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from mlctl.aws.live.recent_errors import Failures, failures
from mlctl.aws.stack.names import AliasText, CanaryText, ReleaseText
from mlctl.registry.store import ModelVersion
from mlctl.stages import Stage
from tests.cloud import Cloud
from tests.conftest import Cli, Result
from tests.support.listener import Answer, Listener, Sent

GROUP = "/aws/lambda/iris-prod"
OTHER = "ef" * 32
JWT = 'auth = "jwt"\njwt_issuer = "https://issuer.example"\njwt_audience = ["mlctl"]'


@pytest.fixture
def api(cloud: Cloud, trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """The API of stage prod, at a port of this machine: what it is sent goes to the cloud's."""
    with Listener.running() as listener:

        def answer(sent: Sent) -> Answer:
            document = json.loads(sent.body) if sent.body else None
            path = "/" + sent.path.split("/", 2)[2]
            served = cloud.request(sent.method, path, document, authorized="authorization" in sent.headers)
            by_gateway = served.body is None or "message" in served.body
            return Answer(served.status, served.body, None if by_gateway else "of the handler")

        listener.answers = answer
        monkeypatch.setattr(Stage, "api_url", lambda self, found, endpoint: f"{listener.url}/{found}")
        yield listener


@pytest.fixture
def settings(trained: Path) -> Callable[[str], None]:
    """Writes the settings of stage prod."""

    def write(text: str) -> None:
        (trained / "mlctl.toml").write_text(f"[stage.prod]\n{text}\n")

    return write


def deploy(cli: Cli) -> None:
    result = cli("deploy", "--stage", "prod")
    assert result.code == 0, result.err


def status(cli: Cli, *words: str) -> Result:
    return cli("status", "--stage", "prod", *words)


def test_a_stage_as_it_should_be(api: Listener, cloud: Cloud, cli: Cli, iris: ModelVersion) -> None:
    deploy(cli)
    cloud.begin()
    found = status(cli, "--json").json
    assert found.pop("detail").startswith("answered in ")
    assert found == {
        "stage": "prod",
        "url": api.url + "/" + cloud.aws.api.get_apis()["Items"][0]["ApiId"],
        "release": "1",
        "version": iris.id,
        "healthy": True,
        "domain": None,
        "auth": "none",
        "canary": None,
        "previous": None,
        "verified": True,
        "errors": {"count": 0, "complete": True, "recent": []},
        "drift": [],
        "notes": [],
    }
    assert set(cloud.calls.mutating) <= {"FilterLogEvents"}
    result = status(cli)
    assert result.code == 0
    assert "auth      none: anyone can send requests" in result.out
    assert f"release   1, model {iris.id[:12]}\n" in result.out
    assert "errors    none in the last hour" in result.out
    assert "Different from the settings" not in result.out


def test_nothing_deployed_is_exit_6(cloud: Cloud, trained: Path, cli: Cli) -> None:
    assert status(cli).code == 6
    deploy(cli)
    # A version that somebody else published and made live: mlctl does not know what it serves.
    cloud.aws.lambda_.update_function_configuration(FunctionName="iris-prod", MemorySize=300)
    cloud.aws.lambda_.get_waiter("function_updated_v2").wait(FunctionName="iris-prod")
    number = cloud.aws.lambda_.publish_version(FunctionName="iris-prod")["Version"]
    cloud.aws.lambda_.update_alias(FunctionName="iris-prod", Name="live", FunctionVersion=number)
    assert status(cli).code == 6


def test_what_is_not_as_the_settings_say_is_shown_and_no_failure(
    api: Listener, cloud: Cloud, cli: Cli, settings: Any
) -> None:
    deploy(cli)
    (found,) = cloud.aws.api.get_apis()["Items"]
    limits: Any = {"ThrottlingRateLimit": 5.0, "ThrottlingBurstLimit": 7}
    cloud.aws.api.update_stage(ApiId=found["ApiId"], StageName="$default", DefaultRouteSettings=limits)
    settings("memory = 512\nlog_retention = 30")
    result = status(cli, "--json")
    assert (result.code, result.json["healthy"]) == (0, True)
    assert result.json["drift"] == [
        "memory: 256 → 512",
        "log group: retention: 14 days → 30 days",
        "api: throttling: 5 a second, 7 at once → 50 a second, 100 at once",
    ]
    result = status(cli)
    assert result.code == 0
    assert "Different from the settings:\n  ~ memory: 256 → 512\n" in result.out
    assert "`mlctl deploy --stage prod` restores the settings." in result.out
    deploy(cli)
    assert status(cli, "--json").json["drift"] == []


def test_another_python_than_the_releases_is_drift(api: Listener, cli: Cli, settings: Any) -> None:
    settings('python = "3.12"')
    deploy(cli)
    settings('python = "3.13"')
    assert status(cli, "--json").json["drift"] == ["runtime: python3.12 → python3.13"]


def test_which_model_is_live_is_no_drift(api: Listener, cli: Cli) -> None:
    deploy(cli)
    assert cli("train", "-p", "n_estimators=3").code == 0
    found = status(cli, "--json").json
    assert found["drift"] == []
    assert found["version"] != cli("models", "--json").json[0]["version"]


def with_canary(cloud: Cloud, cli: Cli, since: int) -> None:
    """Release 2, of another model, gets a tenth of the traffic."""
    deploy(cli)
    client, text = cloud.aws.lambda_, ReleaseText(OTHER, "0" * 64, "ci").to_description()
    client.update_function_configuration(FunctionName="iris-prod", MemorySize=300)
    client.get_waiter("function_updated_v2").wait(FunctionName="iris-prod")
    assert client.publish_version(FunctionName="iris-prod", Description=text)["Version"] == "2"
    noted = AliasText(verified=frozenset({"1", "2"}), canary=CanaryText("2", 10, since, 300))
    client.update_alias(
        FunctionName="iris-prod",
        Name="live",
        Description=noted.to_description(),
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}},
    )


def test_a_canary_is_shown_and_its_model_is_healthy_too(
    api: Listener, cloud: Cloud, cli: Cli, iris: ModelVersion
) -> None:
    with_canary(cloud, cli, since=1_772_366_400)
    api.answers = lambda sent: Answer(200, {"status": "ok", "model_version": OTHER}, OTHER)
    result = status(cli, "--json")
    assert (result.code, result.json["healthy"], result.json["version"]) == (0, True, iris.id)
    assert result.json["canary"] == {"release": "2", "percent": 10, "since": "2026-03-01T12:00:00Z"}
    # The canary is no drift, whatever else is.
    assert result.json["drift"] == []
    result = status(cli)
    assert "canary    release 2, 10 % of the traffic since 2026-03-01 12:00 UTC" in result.out
    assert "The command that watched it was interrupted." in result.err
    onward = f"`mlctl deploy {OTHER[:12]} --stage prod` continues it, `mlctl rollback --stage prod` ends it."
    assert onward in result.err
    api.answers = lambda sent: Answer(200, {"status": "ok", "model_version": "9" * 64}, "9" * 64)
    result = status(cli)
    assert result.code == 5
    assert "GET /health answers 200 with model version 999999999999" in result.err


def test_previous_and_unverified_releases_are_told(api: Listener, cloud: Cloud, cli: Cli, settings: Any) -> None:
    deploy(cli)
    settings("memory = 512")
    deploy(cli)
    found = status(cli, "--json").json
    assert (found["release"], found["previous"], found["verified"]) == ("2", "1", True)
    text = AliasText(previous="1").to_description()
    cloud.aws.lambda_.update_alias(FunctionName="iris-prod", Name="live", Description=text)
    assert status(cli, "--json").json["verified"] is False
    assert ", not verified" in status(cli).out


def test_a_release_that_does_not_answer_is_exit_5(api: Listener, cloud: Cloud, cli: Cli) -> None:
    deploy(cli)
    cloud.crash_release("1")
    result = status(cli, "--json")
    assert (result.code, result.json["healthy"]) == (5, False)
    assert result.json["detail"] == "API Gateway answered 500: Internal Server Error"
    assert result.json["error"] == {
        "code": "not_healthy",
        "message": "Stage 'prod' is not healthy: API Gateway answered 500: Internal Server Error.",
        "hint": "`mlctl logs --stage prod` may show the reason; `mlctl deploy --stage prod` restores the settings.",
    }
    assert "not healthy: API Gateway answered 500: Internal Server Error" in status(cli).out


def log(cloud: Cloud, *lines: tuple[float, Any]) -> None:
    """Writes lines to the log group, each with how many seconds ago."""
    cloud.aws.logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
    at = time.time()
    texts = [(ago, line if isinstance(line, str) else json.dumps(line)) for ago, line in lines]
    cloud.aws.logs.put_log_events(
        logGroupName=GROUP,
        logStreamName="one",
        logEvents=[{"timestamp": int((at - ago) * 1000), "message": text} for ago, text in texts],
    )


def test_errors_of_the_last_hour_are_counted_and_the_newest_shown(api: Listener, cloud: Cloud, cli: Cli) -> None:
    deploy(cli)
    report = {"requestId": "timed-out", "status": "timeout"}
    log(
        cloud,
        (5000, {"level": "ERROR", "status": 500, "message": "too long ago", "request_id": "0"}),
        (3000, {"level": "ERROR", "message": "not shown", "request_id": "1"}),
        (2000, {"status": 503, "message": "second", "request_id": "2"}),
        (1000, {"level": "WARNING", "status": 422, "message": "refused"}),
        (900, {"type": "platform.report", "record": report}),
        (900, {"type": "platform.runtimeDone", "record": report}),
        (800, {"type": "platform.report", "record": {"requestId": "x", "status": "success"}}),
        (700, "ERROR, but no JSON"),
        (600, '["ERROR"]'),
        (60, {"level": "ERROR", "status": 500, "message": "The [last] failed.", "request_id": "0123456789"}),
        (30, {"level": "INFO", "status": 200, "message": "request"}),
    )
    result = status(cli, "--json")
    assert result.code == 0
    errors = result.json["errors"]
    assert (errors["count"], errors["complete"]) == (4, True)
    assert [(each["request_id"], each["message"]) for each in errors["recent"]] == [
        ("0123456789", "The [last] failed."),
        ("timed-out", "Lambda ended the request (timeout)"),
        ("2", "second"),
    ]
    assert errors["recent"][0]["timestamp"].endswith("Z")
    shown = status(cli).out
    assert "errors    4 in the last hour" in shown
    assert "01234567  The [last] failed." in shown
    given = cloud.calls.params("FilterLogEvents")["filterPattern"]
    assert given.startswith('{ ($.level = "ERROR") || ($.status >= 500) || ($.record.status = "timeout")')


class Pages:
    """CloudWatch Logs with an endless number of pages for some spans, and what was asked of it."""

    def __init__(self, endless: bool) -> None:
        self.endless = endless
        self.asked: list[dict[str, Any]] = []

    def filter_log_events(self, **request: Any) -> dict[str, Any]:
        self.asked.append(dict(request))
        event = {"timestamp": request["endTime"], "message": json.dumps({"level": "ERROR", "message": "x"})}
        return {"events": [event], **({"nextToken": f"{len(self.asked)}"} if self.endless else {})}


def test_a_busy_log_is_not_read_to_its_end() -> None:
    hour = 3_600_000
    pages = Pages(endless=False)
    found = failures(cast("Any", SimpleNamespace(logs=pages)), GROUP, now_ms=2 * hour)
    assert (found.count, found.complete) == (2, True)
    # The newest ten minutes first, then the rest of the hour; no millisecond twice.
    assert [(each["startTime"], each["endTime"]) for each in pages.asked] == [
        (2 * hour - 600_000, 2 * hour),
        (hour, 2 * hour - 600_001),
    ]
    assert [each.timestamp for each in found.recent] == [2 * hour, 2 * hour - 600_001]
    pages = Pages(endless=True)
    found = failures(cast("Any", SimpleNamespace(logs=pages)), GROUP, now_ms=2 * hour)
    assert (found.count, found.complete, len(found.recent)) == (10, False, 3)
    assert [each.get("nextToken") for each in pages.asked] == [None, "1", "2", "3", "4", None, "6", "7", "8", "9"]


def test_a_log_that_was_not_read_to_its_end_is_said_to_be(
    api: Listener, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(cli)
    monkeypatch.setattr("mlctl.core.status.failures", lambda *_: Failures(7, (), complete=False))
    assert "errors    at least 7 in the last hour" in status(cli).out
    monkeypatch.setattr("mlctl.core.status.failures", lambda *_: Failures(0, (), complete=False))
    assert "errors    none found in the last hour; part of the log was read" in status(cli).out


def test_a_log_group_that_is_gone_holds_no_errors(api: Listener, cloud: Cloud, cli: Cli) -> None:
    deploy(cli)
    cloud.aws.logs.delete_log_group(logGroupName=GROUP)
    found = status(cli, "--json").json
    assert found["errors"] == {"count": 0, "complete": True, "recent": []}
    assert found["drift"] == ["log group: to create"]


def deny(client: Any, operation: str) -> None:
    """Let AWS refuse one operation."""

    def refuse(**_: Any) -> None:
        error: Any = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
        raise ClientError(error, operation)

    client.meta.events.register(f"before-call.*.{operation}", refuse)


def test_what_may_not_be_read_is_a_note_and_no_failure(api: Listener, cloud: Cloud, cli: Cli) -> None:
    deploy(cli)
    deny(cloud.aws.logs, "FilterLogEvents")
    result = status(cli, "--json")
    assert (result.code, result.json["errors"], result.json["drift"]) == (0, None, [])
    (note,) = result.json["notes"]
    assert note.startswith("Recent errors are unknown. AWS ")
    assert "FilterLogEvents" in note
    deny(cloud.aws.iam, "GetRole")
    result = status(cli, "--json")
    assert (result.code, result.json["healthy"], result.json["drift"]) == (0, True, None)
    assert result.json["notes"][0].startswith("Differences from the settings are unknown. AWS ")
    shown = status(cli).out
    assert "! Differences from the settings are unknown." in shown
    assert "\nerrors" not in shown


def test_what_all_else_hangs_on_must_be_readable(api: Listener, cloud: Cloud, cli: Cli) -> None:
    deploy(cli)
    deny(cloud.aws.lambda_, "GetAlias")
    assert status(cli).code == 5


def test_a_log_level_that_hides_errors_is_noted(api: Listener, cli: Cli, settings: Any) -> None:
    settings('log_level = "FATAL"')
    deploy(cli)
    assert status(cli, "--json").json["notes"] == ['log_level = "FATAL" keeps errors out of the log.']


def test_an_api_with_iam_is_asked_with_a_signature(api: Listener, cli: Cli, settings: Any) -> None:
    settings('auth = "iam"')
    deploy(cli)
    result = status(cli, "--json")
    assert (result.code, result.json["healthy"], result.json["auth"], result.json["drift"]) == (0, True, "iam", [])
    assert "/execute-api/aws4_request" in api.sent[-1].headers["authorization"]
    # It is asked as it is closed, not as the settings say: that is told as drift.
    settings('auth = "none"')
    result = status(cli, "--json")
    assert (result.code, result.json["auth"], result.json["drift"]) == (0, "iam", ["api: auth: iam → none"])


def test_a_caller_who_may_not_ask_is_told_the_permission(api: Listener, cli: Cli, settings: Any) -> None:
    settings('auth = "iam"')
    deploy(cli)
    api.answers = lambda sent: Answer(403, {"message": "Forbidden"})
    result = status(cli, "--json")
    assert result.code == 5
    assert result.json["detail"].startswith("The API denied access (403): Forbidden. ")
    assert "needs execute-api:Invoke on arn:aws:execute-api:eu-west-1:123456789012:" in result.json["detail"]


def test_without_a_token_the_release_is_asked_by_lambda_itself(
    api: Listener, cloud: Cloud, cli: Cli, settings: Any
) -> None:
    settings(JWT)
    deploy(cli)
    cloud.begin()
    result = status(cli, "--json")
    assert (result.code, result.json["healthy"], result.json["auth"]) == (0, True, "jwt")
    assert result.json["detail"].endswith("invoked directly: the API needs a token (--token TOKEN, or MLCTL_TOKEN)")
    assert api.sent == []
    assert cloud.calls.params("Invoke")["Qualifier"] == "live"
    cloud.crash_release("1")
    result = status(cli, "--json")
    assert (result.code, result.json["detail"]) == (5, "The release fails when it is invoked: it fell over")


def test_with_a_token_the_api_is_asked(
    api: Listener, cloud: Cloud, cli: Cli, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(JWT)
    deploy(cli)
    cloud.begin()
    assert status(cli, "--json", "--token", "a.b.c").json["healthy"] is True
    monkeypatch.setenv("MLCTL_TOKEN", "d.e.f")
    assert status(cli, "--json").json["healthy"] is True
    assert [sent.headers["authorization"] for sent in api.sent] == ["Bearer a.b.c", "Bearer d.e.f"]
    assert "Invoke" not in cloud.calls.names


def test_the_custom_domain_is_told_where_it_is_mapped(api: Listener, cloud: Cloud, cli: Cli, settings: Any) -> None:
    certificate = cloud.aws.acm.request_certificate(DomainName="api.example.com")["CertificateArn"]
    settings(f'domain = {{ name = "api.example.com", certificate = "{certificate}" }}')
    deploy(cli)
    found = status(cli, "--json").json
    assert (found["domain"], found["url"].startswith(api.url), found["drift"]) == ("https://api.example.com", True, [])
    assert "domain    https://api.example.com\n" in status(cli).out
    (state,) = cloud.aws.api.get_api_mappings(DomainName="api.example.com")["Items"]
    cloud.aws.api.delete_api_mapping(DomainName="api.example.com", ApiMappingId=state["ApiMappingId"])
    found = status(cli, "--json").json
    assert (found["domain"], found["drift"]) == (None, ["domain: mapping: none → this API"])


def test_a_wildcard_is_no_url_to_name(api: Listener, cloud: Cloud, cli: Cli, settings: Any) -> None:
    certificate = cloud.aws.acm.request_certificate(DomainName="*.example.com")["CertificateArn"]
    settings(f'domain = {{ name = "*.example.com", certificate = "{certificate}" }}')
    deploy(cli)
    found = status(cli, "--json").json
    assert (found["domain"], found["drift"]) == (None, [])
