"""Calls that get no answer: an emulator that hangs, and an AWS that cannot be reached."""

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from mlctl.aws.client import session
from mlctl.aws.client.errors import translate_errors
from mlctl.aws.client.session import Aws
from mlctl.aws.client.timeouts import Silence
from mlctl.errors import ExitCode, MlctlError
from mlctl.stages import probe
from mlctl.stages.emulator import LocalEmulator
from mlctl.stages.record import Emulator
from tests.conftest import Cli
from tests.support.listener import Answer, Listener, Sent, SilentServer


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentServer]:
    monkeypatch.setattr(Silence, "probe_seconds", 0.1)
    with SilentServer.running() as server:
        yield server


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("logs",),
        ("logs", "--tail"),
        ("releases",),
        ("invoke", "1", "2", "3", "4"),
        ("rollback",),
        ("destroy", "--yes"),
        ("deploy",),
        ("doctor",),
    ],
)
def test_every_command_ends_after_one_wait(
    trained: Path, cli: Cli, silent: SilentServer, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("MLCTL_LOCAL_ENDPOINT", silent.url)
    result = cli(*words)
    assert result.code == ExitCode.AWS
    assert f"The emulator at {silent.url} does not answer." in result.err
    # One question, whether it is there at all: each more would have been waited for as long.
    assert len(silent.connections) == 1


@pytest.fixture
def hanging(project: Path, silent: SilentServer, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The project's own emulator: its process is alive and not stopped, and it answers nothing."""
    emulator = Emulator(os.getpid(), urlsplit(silent.url).port or 0, "s" * 32)
    monkeypatch.setattr(LocalEmulator, "running", lambda self: emulator)
    monkeypatch.setattr(probe, "answers", partial(probe.answers, seconds=0.1))
    return emulator


@pytest.mark.parametrize("words", [("status",), ("logs",), ("logs", "--tail"), ("invoke", "1", "2"), ("rollback",)])
def test_an_emulator_that_begins_to_hang_is_named_by_its_process(
    trained: Path, cli: Cli, hanging: Emulator, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    # It answered when the command looked for it.
    monkeypatch.setattr(LocalEmulator, "answering", lambda self: hanging)
    result = cli(*words, "--json")
    assert (result.code, f"The local emulator (process {os.getpid()}) does not answer." in result.err) == (5, True)
    assert result.json["error"]["code"] == "emulator_unanswered"
    assert f"`kill -9 {os.getpid()}`" in result.json["error"]["hint"]


def test_an_emulator_that_hangs_already_is_stuck(project: Path, hanging: Emulator) -> None:
    with pytest.raises(MlctlError, match=rf"The local emulator \(process {os.getpid()}\) does not answer\.") as stuck:
        LocalEmulator(project).answering()
    assert (stuck.value.code, stuck.value.exit_code) == ("emulator_stuck", ExitCode.UNEXPECTED)


def test_an_emulator_that_stops_amid_a_command_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_READ_SECONDS", 0.1)
    with SilentServer.running() as server:
        aws = Aws.emulated(server.url, region=None)
        # It answered a moment ago.
        aws.silence._answered_at = aws.silence._clock()
        for _ in range(3):
            with pytest.raises(ReadTimeoutError):
                aws.logs.describe_log_groups()
        assert len(server.connections) == 1


def test_a_call_that_takes_longer_than_the_question_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Silence, "probe_seconds", 0.2)
    with Listener.running() as listener:

        def answer(sent: Sent) -> Answer:
            if sent.path != "/_ministack/health":
                time.sleep(0.5)
            return Answer(200, {"logGroups": []})

        listener.answers = answer
        aws = Aws.emulated(listener.url, region=None)
        assert aws.logs.describe_log_groups()["logGroups"] == []
        assert [sent.path for sent in listener.sent] == ["/_ministack/health", "/"]
        # Whatever answered within the last second is not asked whether it is there.
        assert aws.logs.describe_log_groups()["logGroups"] == []
        assert len(listener.sent) == 3


def test_a_refused_connection_is_the_calls_own_error() -> None:
    with SilentServer.running() as server:
        url = server.url
    aws = Aws.emulated(url, region=None)
    aws.silence.unanswered = lambda: pytest.fail("it does not hang")
    aws._config = lambda **_: Config(retries={"total_max_attempts": 1}, proxies={})  # type: ignore[method-assign]  # no waits
    with pytest.raises(MlctlError) as caught, translate_errors():
        aws.logs.describe_log_groups()
    assert (caught.value.code, caught.value.exit_code) == ("aws_unreachable", ExitCode.AWS)


class Clock:
    """Every look at it is ``step`` seconds later."""

    def __init__(self, step: float) -> None:
        self.now = 0.0
        self._step = step

    def __call__(self) -> float:
        self.now += self._step
        return self.now


def clients_of(url: str, silence: Silence) -> tuple[Any, Any]:
    config = Config(retries={"mode": "standard", "total_max_attempts": 5}, read_timeout=0.05, proxies={})
    made = boto3.Session(region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")  # none
    sts, logs = (silence.watch(made.client(name, endpoint_url=url, config=config)) for name in ("sts", "logs"))
    return sts, logs


def test_the_attempts_of_a_call_to_aws_end_after_a_minute_and_decide_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
    with SilentServer.running() as server:
        clock = Clock(25)
        sts, logs = clients_of(server.url, Silence(None, clock=clock))
        with pytest.raises(ReadTimeoutError):
            sts.get_caller_identity()
        # 25 s after it began, 50, 75: no fourth attempt.
        assert len(server.connections) == 3
        clock._step = 0
        for call in (sts.get_caller_identity, logs.describe_log_groups):
            with pytest.raises(ReadTimeoutError):
                call()
        assert len(server.connections) == 3
        # A canary or a tail, which comes back later, asks again.
        clock.now += 15
        with pytest.raises(ReadTimeoutError):
            logs.describe_log_groups()
        assert len(server.connections) == 3 + 5


def test_one_service_that_does_not_answer_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
    with SilentServer.running() as server, Listener.running() as listener:
        listener.answers = lambda sent: Answer(200, {"logGroups": []})
        clock = Clock(0)
        silence = Silence(None, clock=clock)
        silence.seconds = 0
        sts, _ = clients_of(server.url, silence)
        _, logs = clients_of(listener.url, silence)
        with pytest.raises(ReadTimeoutError):
            sts.get_caller_identity()
        # Nothing has answered yet: it may be the network.
        with pytest.raises(ReadTimeoutError):
            logs.describe_log_groups()
        assert listener.sent == []
        clock.now += 10
        assert logs.describe_log_groups()["logGroups"] == []
        with pytest.raises(ReadTimeoutError):
            sts.get_caller_identity()
        asked = len(server.connections)
        with pytest.raises(ReadTimeoutError):
            sts.get_caller_identity()
        assert len(server.connections) == asked
        assert logs.describe_log_groups()["logGroups"] == []
