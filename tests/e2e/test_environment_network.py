"""Proxies, profiles and credentials of the user's: stage `local` asks none of them, and sends nothing of them."""

import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support import tier
from tests.support.listener import Answer, Listener
from tests.support.surroundings import Surroundings, check_told

_ROW = ("5.1", "3.5", "1.4", "0.2")
_SECRETS: dict[str, str | None] = {
    "AWS_ACCESS_KEY_ID": "AKIARECOGNISABLE0001",
    "AWS_SECRET_ACCESS_KEY": "recognisable-secret-key",
    "AWS_SESSION_TOKEN": "recognisable-session-token",
    "AWS_PROFILE": "recognisable-profile-that-is-not-there",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/recognisable/token",
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/recognisable",
}
_RECOGNISED = [value for value in _SECRETS.values() if value]


@contextlib.contextmanager
def _counting_proxy() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that refuses everybody: its address, and the first bytes of each connection."""
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.settimeout(1)
                        came.append(b"a connection")
                        with contextlib.suppress(OSError):
                            came[-1] = connection.recv(1000)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", came
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _processes_of(command_line: str) -> list[psutil.Process]:
    """The processes whose environment names a folder."""
    matching = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(command_line in value for value in process.environ().values()):
                matching.append(process)
    return matching


def test_a_whole_life_on_stage_local_uses_no_proxy_and_hands_on_no_credentials(tmp_path: Path, seed: Path) -> None:
    project, state = tmp_path / "project", tmp_path / "state"
    shutil.copytree(seed, project)
    with _counting_proxy() as (proxy, came):
        names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        variables = {**_SECRETS, **dict.fromkeys(names, proxy), "NO_PROXY": None, "no_proxy": None}
        user = Surroundings(project, {**variables, "MLCTL_STATE_DIR": str(state)})
        try:
            user.ok("up")
            for words in (("invoke", *_ROW), ("status",), ("logs",), ("releases",), ("models",)):
                user.ok(*words)
            held = [process for process in _processes_of(str(tmp_path)) if process.pid != psutil.Process().pid]
            emulators = [process for process in held if "ministack" in " ".join(process.cmdline())]
            for process in emulators:
                values = " ".join(process.environ().values())
                assert not [secret for secret in (*_RECOGNISED, proxy) if secret in values]
            for path in (*project.rglob("*"), *state.rglob("*")):
                if path.is_file():
                    content = path.read_bytes()
                    assert not [secret for secret in _RECOGNISED if secret.encode() in content], path
            user.ok("destroy", "--yes")
        finally:
            user.run("local", "stop")
    assert came == []


@pytest.mark.parametrize(
    "words",
    tier.some([("deploy",), ("invoke", *_ROW), ("destroy", "--yes"), ("status",), ("logs",)], 3),
    ids=lambda words: words[0],
)
def test_no_request_holds_the_users_credentials(tmp_path: Path, seed: Path, words: tuple[str, ...]) -> None:
    project = tmp_path / "project"
    shutil.copytree(seed, project)
    with Listener.running() as listener:
        # Not retried, as a 500 is; IAM is asked for XML.
        refusal = b"<ErrorResponse><Error><Code>ValidationError</Code><Message>no</Message></Error></ErrorResponse>"
        listener.answers = lambda sent: Answer(400, refusal)
        user = Surroundings(project, {**_SECRETS, "MLCTL_LOCAL_ENDPOINT": listener.url})
        check_told(user.run(*words))
        assert listener.sent
        for sent in listener.sent:
            told = f"{sent.path} {sent.headers} {sent.body!r}"
            assert not [secret for secret in _RECOGNISED if secret in told], told
