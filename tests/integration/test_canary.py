"""`mlctl deploy --canary` against an AWS in this process: weights, metrics, taking back, going on."""

import contextlib
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlctl.aws.live import metrics, resources
from mlctl.aws.live.metrics import CanaryMetrics, ReleaseMetrics
from mlctl.aws.stack.names import AliasText, CanaryText, Names
from tests.cloud import Call, Cloud, Killed
from tests.cloud.faults import Fault
from tests.conftest import Cli

PROD = ("--stage", "prod")
CANARY = ("deploy", *PROD, "--canary", "10", "--bake", "1s")
NAMES = Names("iris", "prod")


@pytest.fixture
def next_one(cloud: Cloud, trained: Path, cli: Cli) -> Cloud:
    """Stage prod with release 1 live, and settings that make another one."""
    assert cli("deploy", *PROD).code == 0
    (trained / "mlctl.toml").write_text("[deploy]\nmemory = 512\n")
    cloud.begin()
    return cloud


def alias_text(cloud: Cloud) -> AliasText:
    found = resources.alias(cloud.aws, NAMES)
    assert found is not None
    return found.text


def test_a_good_canary_gets_a_part_and_then_all(next_one: Cloud, cli: Cli) -> None:
    seen: list[dict[str, float]] = []

    def watch(call: Call) -> None:
        if next_one.live() not in seen:
            seen.append(next_one.live())

    next_one.on_call = watch
    result = cli(*CANARY)
    assert result.code == 0, result.err
    assert seen == [{"1": 1.0}, {"1": 0.9, "2": 0.1}, {"2": 1.0}]
    assert alias_text(next_one) == AliasText(previous="1", verified=frozenset({"1", "2"}))
    assert "canary: 10 % for 1 s first" in result.err
    assert "✓ Canary of release 2 at 10 %: 0 requests, 0 failed; live 0, 0 failed; " in result.err
    assert next_one.calls.mutating == ["UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias", "UpdateAlias"]
    assert next_one.violations == []


def test_a_first_release_goes_live_at_once(cloud: Cloud, trained: Path, cli: Cli) -> None:
    assert cli(*CANARY).code == 0
    assert cloud.live() == {"1": 1.0}
    assert "UpdateAlias" not in cloud.calls.names


def test_a_canary_that_does_worse_is_taken_back(next_one: Cloud, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        metrics, "read", lambda *_, **__: CanaryMetrics(live=ReleaseMetrics(900, 0), canary=ReleaseMetrics(100, 9))
    )
    result = cli(*CANARY, "--json")
    assert result.code == 4
    error = result.json["error"]
    assert error["code"] == "canary_failed"
    assert error["message"].startswith("The canary, release 2, does worse than what is live: 9 of its 100 requests")
    assert error["hint"] == "The canary was taken back: release 1 has all the traffic again."
    assert next_one.live() == {"1": 1.0}
    # What was taken back is no release to go back to.
    assert alias_text(next_one) == AliasText(verified=frozenset({"1"}))
    assert cli("rollback", "2", *PROD).code == 4


def test_a_golden_answer_that_turns_wrong_takes_it_back_though_nobody_else_asks(next_one: Cloud, cli: Cli) -> None:
    def spoil(call: Call) -> None:
        if call.operation == "UpdateAlias":
            next_one.break_release("2")

    next_one.on_call = spoil
    result = cli(*CANARY)
    assert result.code == 4
    assert "Release 2 answers golden example 1 of 12 wrongly" in result.err
    assert next_one.live() == {"1": 1.0}


def test_ctrl_c_takes_it_back(next_one: Cloud, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> CanaryMetrics:
        raise KeyboardInterrupt

    monkeypatch.setattr(metrics, "read", interrupt)
    result = cli(*CANARY)
    assert result.code == 130
    assert "Canary taken back: release 1 has all the traffic again." in result.err
    assert next_one.live() == {"1": 1.0}


def killed_in_the_bake(cloud: Cloud, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(*_: Any, **__: Any) -> CanaryMetrics:
        cloud._dead = True
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(metrics, "read", kill)
        with pytest.raises(Killed):
            cli(*CANARY)
    cloud.begin()
    assert cloud.live() == {"1": 0.9, "2": 0.1}


def test_one_whose_command_was_killed_is_shown_and_goes_on(
    next_one: Cloud, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_in_the_bake(next_one, cli, monkeypatch)
    told = alias_text(next_one).canary
    assert told is not None
    assert (told.release, told.percent, told.bake) == ("2", 10, 1)
    assert cli("status", *PROD, "--json").json["canary"]["release"] == "2"
    listed = {each["release"]: each["canary"] for each in cli("releases", *PROD, "--json").json}
    assert listed == {"1": None, "2": 10}
    assert "ends it" in cli("releases", *PROD).err
    resumed = cli("deploy", *PROD)
    assert resumed.code == 0, resumed.err
    assert "its canary goes on where it was cut off" in resumed.err
    assert next_one.live() == {"2": 1.0}
    # The weights stayed as they were until then: no second beginning.
    assert next_one.calls.mutating == ["UpdateAlias"]


def test_one_whose_command_was_killed_is_taken_back_by_a_deploy_of_something_else(
    next_one: Cloud, trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_in_the_bake(next_one, cli, monkeypatch)
    (trained / "mlctl.toml").unlink()
    result = cli("deploy", *PROD)
    assert result.code == 0, result.err
    assert "- delete     canary" in result.err
    assert "traffic: 10% → none" in result.err
    assert next_one.live() == {"1": 1.0}


def test_a_rollback_from_elsewhere_ends_a_canary_that_is_watched(next_one: Cloud, cli: Cli) -> None:
    def roll_back(call: Call) -> None:
        if call.operation == "UpdateAlias":
            next_one.on_call = lambda call: None
            next_one.aws.lambda_.update_alias(
                FunctionName="iris-prod",
                Name="live",
                Description="mlctl verified=1-2",
                RoutingConfig={"AdditionalVersionWeights": {}},
            )

    next_one.on_call = roll_back
    result = cli(*CANARY)
    assert result.code == 5
    assert "Another command changed stage 'prod' at the same time" in result.err
    assert next_one.live() == {"1": 1.0}


def test_what_is_shared_waits_for_the_end_of_the_canary(
    next_one: Cloud, trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trained / "mlctl.toml").write_text("[deploy]\nmemory = 512\nauth = 'iam'\n")
    monkeypatch.setattr(metrics, "read", lambda *_, **__: CanaryMetrics(canary=ReleaseMetrics(100, 100)))
    assert cli(*CANARY).code == 4
    assert next_one.request("GET", "/health").status == 200


def test_options_that_make_no_sense_are_refused_before_anything(cloud: Cloud, trained: Path, cli: Cli) -> None:
    for words in (("--bake", "5m"), ("--canary", "0"), ("--canary", "100"), ("--canary", "10", "--bake", "soon")):
        assert cli("deploy", *PROD, *words).code == 2, words
    local = cli("deploy", "--canary", "10")
    assert (local.code, "Stage 'local' does not support canaries" in local.err) == (2, True)
    assert cloud.calls == []


def test_a_canary_needs_the_role_of_the_live_release(next_one: Cloud, trained: Path, cli: Cli) -> None:
    next_one.aws.iam.create_role(RoleName="mine", AssumeRolePolicyDocument="{}")
    (trained / "mlctl.toml").write_text('[deploy]\nrole = "arn:aws:iam::123456789012:role/mine"\n')
    result = cli(*CANARY)
    assert (result.code, "The live release has another role" in result.err) == (2, True)


def test_the_metrics_of_both_releases_are_told_apart_by_alias_and_version(
    next_one: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [query["Id"] for query in metrics._queries(NAMES, {"live": "7", "canary": "8"}, 60)]
    assert ids == ["live_requests", "live_errors", "live_p99", "canary_requests", "canary_errors", "canary_p99"]
    # moto knows no percentiles.
    monkeypatch.delitem(metrics._METRICS, "p99")
    now = time.time()
    when = datetime.fromtimestamp(now, UTC) - timedelta(seconds=90)
    values = (("7", "Invocations", 900.0), ("7", "Errors", 1.0), ("8", "Invocations", 100.0), ("8", "Errors", 3.0))
    for release, metric, value in (*values, ("8", "Duration", 12.5)):
        dimensions = (("FunctionName", "iris-prod"), ("Resource", "iris-prod:live"), ("ExecutedVersion", release))
        next_one.aws.cloudwatch.put_metric_data(
            Namespace="AWS/Lambda",
            MetricData=[
                {
                    "MetricName": metric,
                    "Dimensions": [{"Name": name, "Value": text} for name, text in dimensions],
                    "Timestamp": when,
                    "Value": value,
                }
            ],
        )
    logs = next_one.aws.logs
    for stream, status in (("2030/01/01/[8]abc", 500), ("2030/01/01/[8]abc", 200), ("2030/01/01/[7]abc", 503)):
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(logGroupName=NAMES.log_group, logStreamName=stream)
        logs.put_log_events(
            logGroupName=NAMES.log_group,
            logStreamName=stream,
            logEvents=[{"timestamp": int(now * 1000), "message": f'{{"status": {status}}}'}],
        )
    found = metrics.read(next_one.aws, NAMES, live="7", canary="8", since=int(now) - 300, now=now)
    assert (found.live.requests, found.live.errors) == (900, 2)
    assert (found.canary.requests, found.canary.errors) == (100, 4)
    asked = next_one.calls.params("GetMetricData")
    assert {query["MetricStat"]["Period"] for query in asked["MetricDataQueries"]} == {60}
    assert asked["StartTime"].second == 0


def test_a_second_deploy_of_this_project_waits_and_then_says_that_the_stage_has_moved(
    next_one: Cloud, trained: Path, cli: Cli
) -> None:
    from mlctl import settings
    from mlctl.core import deploy
    from mlctl.stages import open_stage

    stage = open_stage(trained, settings.load(trained, stage="prod"), "prod")
    lock = stage.lock()
    lock.acquire()
    told: list[str] = []
    failed: list[str] = []

    def second() -> None:
        from mlctl.errors import MlctlError

        try:
            deploy.run(
                trained, settings.load(trained, stage="prod"), "prod", report=lambda event: told.append(event.text)
            )
        except MlctlError as error:
            failed.append(error.message)

    waiting = threading.Thread(target=second)
    waiting.start()
    deadline = time.monotonic() + 30
    while not told and time.monotonic() < deadline:
        time.sleep(0.01)
    # Meanwhile the first one makes another release live.
    lambda_ = next_one.aws.lambda_
    lambda_.update_function_configuration(FunctionName="iris-prod", MemorySize=1024)
    lambda_.get_waiter("function_updated_v2").wait(FunctionName="iris-prod")
    other = lambda_.publish_version(FunctionName="iris-prod")["Version"]
    lambda_.update_alias(FunctionName="iris-prod", Name="live", FunctionVersion=other)
    lock.release()
    waiting.join(60)
    assert told[0] == "Another command is changing stage 'prod': waiting for it to end."
    assert failed == [f"Another command changed stage 'prod' at the same time: `live` is at release {other} now."]
    assert next_one.live() == {other: 1.0}


def test_a_text_without_weights_is_no_canary(next_one: Cloud, cli: Cli) -> None:
    text = AliasText(None, frozenset({"1"}), CanaryText("1", 10, 1, 1))
    next_one.aws.lambda_.update_alias(FunctionName="iris-prod", Name="live", Description=text.to_description())
    assert cli("rollback", *PROD).code == 6


def interrupted_once(cloud: Cloud, operation: str) -> None:
    """Ctrl-C as the first call of that operation returns."""

    def interrupt(call: Call) -> None:
        if call.operation == operation:
            cloud.on_call = lambda call: None
            raise KeyboardInterrupt

    cloud.on_call = interrupt


def test_ctrl_c_as_the_weights_are_set_takes_it_back_too(next_one: Cloud, cli: Cli) -> None:
    interrupted_once(next_one, "UpdateAlias")
    assert cli(*CANARY).code == 130
    assert next_one.live() == {"1": 1.0}


def test_ctrl_c_leaves_what_a_good_release_has_earned(
    next_one: Cloud, trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("deploy", *PROD).code == 0
    before = alias_text(next_one)
    assert before == AliasText("1", frozenset({"1", "2"}))
    (trained / "mlctl.toml").unlink()
    interrupted_once(next_one, "UpdateAlias")
    assert cli(*CANARY).code == 130
    assert alias_text(next_one) == before
    assert cli("rollback", *PROD, "--json").json["release"] == "1"


def test_a_canary_that_cannot_be_taken_back_is_told(next_one: Cloud, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(call: Call) -> None:
        if call.operation == "UpdateAlias":
            next_one._denied.add("lambda:UpdateAlias")
            next_one._fault = Fault("access-denied", 0)

    next_one.on_call = deny
    monkeypatch.setattr(metrics, "read", lambda *_, **__: CanaryMetrics(canary=ReleaseMetrics(100, 100)))
    result = cli(*CANARY)
    assert result.code == 5
    assert "The canary could not be taken back: release 2 keeps its part of the traffic." in result.err
    assert "run `mlctl rollback --stage prod`, which ends the canary." in result.err
    assert next_one.live() == {"1": 0.9, "2": 0.1}


def test_environments_of_a_canary_that_did_worse_are_given_back(
    next_one: Cloud, trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trained / "mlctl.toml").write_text("[deploy]\nmemory = 512\nprovisioned_concurrency = 2\n")
    monkeypatch.setattr(metrics, "read", lambda *_, **__: CanaryMetrics(canary=ReleaseMetrics(100, 100)))
    assert cli(*CANARY).code == 4
    releases = resources.with_provisioned(next_one.aws, NAMES, resources.releases(next_one.aws, NAMES))
    assert [each.provisioned for each in releases] == [None, None]
