"""Who may use the emulator: the user who started it, with its secret; everybody else the deployed API alone."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

from mlctl.progress import silent
from mlctl.stages import guarded_emulator
from mlctl.stages.environment import python_for_emulator
from tests.e2e.conftest import Project, make_project

PAGE = "https://page.example"
ALLOWED = "https://app.example"
BODY = json.dumps({"features": [5.1, 3.5, 1.4, 0.2]})
MANAGEMENT = [
    ("GET", "/_ministack/health"),
    ("POST", "/_ministack/reset"),
    ("GET", "/health"),
    ("GET", "/"),
    ("GET", "/2015-03-31/functions"),
    ("POST", "/2015-03-31/functions"),
    ("OPTIONS", "/2015-03-31/functions"),
    ("PUT", "/bucket"),
    ("GET", "/v2/apis"),
    ("GET", "//_aws/execute-api/{api}/$default/health"),
    ("GET", "/_aws/execute-api/{api}"),
    ("OPTIONS", "/_aws/execute-api/{api}"),
    ("GET", "/_aws/execute-api/../../2015-03-31/functions"),
    ("GET", "/_aws/execute-api/{api}/../../../2015-03-31/functions"),
    ("GET", "/_aws/execute-api/{api}/%2e%2e/%2e%2e/2015-03-31/functions"),
    ("GET", "/restapis/{api}/$default/_user_request_/health"),
    ("GET", "http://127.0.0.1/_aws/execute-api/{api}/$default/health"),
]


class Live:
    """A live API on the emulator, and requests to its port."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.url = urllib.parse.urlsplit(project.ok("status")["url"])
        self.api = self.url.path.split("/")[3]
        self.port = self.url.port or 0

    @property
    def credentials(self) -> dict[str, Any]:
        """What boto3 takes, as `mlctl local status --json` shows it."""
        status = self.project.ok("local", "status")
        return {
            "aws_access_key_id": status["access_key_id"],
            "aws_secret_access_key": status["secret_access_key"],
            "region_name": status["region"],
            "endpoint_url": status["endpoint"],
        }

    def ask(
        self, method: str, path: str, body: str | None = None, host: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """The status, the headers by their lower-case names, and the body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            named["Host"] = host or f"127.0.0.1:{self.port}"
            connection.request(method, path.replace("{api}", self.api), body, named)
            answer = connection.getresponse()
            shown = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, shown, answer.read().decode()
        finally:
            connection.close()

    def predict(self, **headers: str) -> tuple[int, dict[str, str], str]:
        """POST /predict as a browser or curl would."""
        return self.ask("POST", f"{self.url.path}/predict", BODY, content_type="application/json", **headers)

    def raw(self, text: str) -> str:
        """The first line of the answer to bytes of one's own."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(text.replace("{api}", self.api).encode())
            return connection.makefile("rb").readline().decode().strip()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """An API with CORS for one origin, deployed under a umask that hides nothing."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "mlctl.toml").write_text(f'[deploy.cors]\nallow_origins = ["{ALLOWED}"]\nmax_age = 60\n')
    before = os.umask(0)
    try:
        for project in make_project(folder):
            project.ok("up", "-p", "n_estimators=2")
            yield Live(project)
    finally:
        os.umask(before)


def cors_of(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize(("method", "path"), MANAGEMENT)
def test_without_the_secret_nothing_but_the_deployed_api_answers(live: Live, method: str, path: str) -> None:
    for headers in ({}, {"authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request"}):
        status, shown, body = live.ask(method, path, **headers)
        assert (status, cors_of(shown)) == (403, {})
        assert "`mlctl local status --json`" in body


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("origin", [PAGE, ALLOWED, "null", "http://127.0.0.1:4566"])
def test_a_web_page_cannot_manage_the_emulator_even_with_the_secret(live: Live, method: str, origin: str) -> None:
    status, shown, body = live.ask(
        method,
        "/2015-03-31/functions",
        "{}" if method == "POST" else None,
        origin=origin,
        access_control_request_method="POST",
        x_mlctl_secret=live.credentials["aws_access_key_id"],
    )
    assert (status, cors_of(shown)) == (403, {})
    assert "Web pages" in body
    assert len(boto3.client("lambda", **live.credentials).list_functions()["Functions"]) == 1


@pytest.mark.parametrize("host", ["page.example", "page.example:4566", "127.0.0.1.page.example", "10.0.0.1"])
def test_a_name_that_is_rebound_to_this_machine_reaches_nothing(live: Live, host: str) -> None:
    secret = live.credentials["aws_access_key_id"]
    for path in ("/2015-03-31/functions", f"{live.url.path}/health"):
        assert live.ask("GET", path, host=host, x_mlctl_secret=secret)[0] == 403


@pytest.mark.parametrize(
    "request_text",
    [
        "GET {path} HTTP/1.0\r\n\r\n",
        "GET {path} HTTP/1.1\r\nHost: page.example\r\nHost: 127.0.0.1\r\n\r\n",
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n",
        "GET http://127.0.0.1{path} HTTP/1.1\r\nHost: page.example\r\n\r\n",
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        "CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
)
def test_odd_requests_are_refused(live: Live, request_text: str) -> None:
    for path in ("/2015-03-31/functions", "/_aws/execute-api/{api}/$default/health"):
        assert live.raw(request_text.replace("{path}", path)).split()[1] in {"400", "403"}


def test_a_request_behind_a_refused_one_is_judged_for_itself(live: Live) -> None:
    inner = "GET /2015-03-31/functions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    smuggled = f"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(inner)}\r\n\r\n{inner}"
    with socket.create_connection(("127.0.0.1", live.port), timeout=60) as connection:
        connection.sendall(f"{smuggled}{inner}".encode())
        answered = b"".join(iter(lambda: connection.recv(65536), b""))
    assert re.findall(rb"HTTP/1.1 (\d+)", answered) == [b"403", b"403"]


def test_every_sdk_gets_in_with_the_credentials_of_local_status(live: Live) -> None:
    (function,) = boto3.client("lambda", **live.credentials).list_functions()["Functions"]
    assert function["FunctionArn"].split(":")[4] == "000000000000"
    s3 = boto3.client("s3", **live.credentials)
    s3.create_bucket(Bucket="of-ones-own")
    s3.put_object(Bucket="of-ones-own", Key="key", Body=b"content")
    presigned = urllib.parse.urlsplit(s3.generate_presigned_url("get_object", {"Bucket": "of-ones-own", "Key": "key"}))
    status, shown, body = live.ask("GET", f"{presigned.path}?{presigned.query}", host=presigned.netloc)
    assert (status, cors_of(shown), body) == (200, {}, "content")
    assert "mlctl local status --json" in live.project.run("local", "status").out


def test_the_deployed_api_is_open_with_the_cors_of_its_settings(live: Live) -> None:
    status, shown, body = live.predict()
    assert (status, json.loads(body)["class_name"], cors_of(shown)) == (200, "setosa", {})
    status, shown, _ = live.predict(origin=ALLOWED)
    assert (status, shown["access-control-allow-origin"]) == (200, ALLOWED)
    assert shown["access-control-expose-headers"] == "x-model-version,x-request-id"
    status, shown, _ = live.predict(origin=PAGE)
    assert (status, cors_of(shown)) == (200, {})
    asked = {"access_control_request_method": "POST", "access_control_request_headers": "content-type"}
    status, shown, _ = live.ask("OPTIONS", f"{live.url.path}/predict", origin=ALLOWED, **asked)
    assert (status, cors_of(shown)) == (
        204,
        {
            "access-control-allow-origin": ALLOWED,
            "access-control-allow-methods": "GET,POST",
            "access-control-allow-headers": "authorization,content-type",
            "access-control-expose-headers": "x-model-version,x-request-id",
            "access-control-max-age": "60",
        },
    )
    assert cors_of(live.ask("OPTIONS", f"{live.url.path}/predict", origin=PAGE, **asked)[1]) == {}


def test_a_virtual_host_is_the_deployed_api_and_no_way_round(live: Live) -> None:
    host = f"{live.api}.execute-api.localhost:{live.port}"
    assert live.ask("GET", "/$default/health", host=host)[0] == 200
    functions = len(boto3.client("lambda", **live.credentials).list_functions()["Functions"])
    for method, path in (
        ("POST", "/_ministack/reset"),
        ("GET", "/2015-03-31/functions"),
        ("GET", "/_ministack/health"),
    ):
        status, shown, body = live.ask(method, path, host=host)
        assert (status, cors_of(shown)) == (404, {})
        # The handler's own answer.
        assert json.loads(body)["error"]["code"] == "not_found"
    assert len(boto3.client("lambda", **live.credentials).list_functions()["Functions"]) == functions


def test_without_cors_in_the_settings_no_browser_is_invited(live: Live) -> None:
    settings = live.project.folder / "mlctl.toml"
    with_cors = settings.read_text()
    try:
        settings.write_text("")
        live.project.ok("deploy")
        for origin in (ALLOWED, PAGE, "null"):
            status, shown, _ = live.predict(origin=origin)
            assert (status, cors_of(shown)) == (200, {})
            asked = {"origin": origin, "access_control_request_method": "POST"}
            # As on AWS, it goes to the function.
            status, shown, body = live.ask("OPTIONS", f"{live.url.path}/predict", **asked)
            assert (status, cors_of(shown), shown["allow"]) == (405, {}, "POST")
            assert json.loads(body)["error"]["code"] == "method_not_allowed"
    finally:
        settings.write_text(with_cors)
        live.project.ok("deploy")


def test_the_secret_is_on_no_command_line_in_no_environment_and_in_no_function(live: Live) -> None:
    live.predict()
    status = live.project.ok("local", "status")
    emulator = psutil.Process(status["pid"])
    functions = emulator.children(recursive=True)
    assert functions
    for function in functions:
        # Nor where the emulator keeps it.
        assert str(live.project.emulator_folder / "state") not in repr(function.environ())
    for process in (emulator, *functions):
        assert status["access_key_id"] not in repr((process.cmdline(), process.environ()))
        assert "-I" in process.cmdline()
        assert not Path(process.cwd()).is_relative_to(live.project.folder)
    for path in live.project.emulator_folder.rglob("*"):
        if path.is_file() and path.name != "emulator.json":
            assert status["access_key_id"].encode() not in path.read_bytes()
    assert status["access_key_id"] not in live.project.run("local", "start", "--json").out


def test_nobody_else_can_read_what_the_emulator_writes_whatever_the_umask(live: Live) -> None:
    live.predict()
    folder = live.project.emulator_folder
    written = [folder.parent, folder, *folder.rglob("*")]
    assert any(path.name.startswith("ministack-lambda-") for path in written)
    assert [path for path in written if path.lstat().st_mode & 0o077] == []


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root to become another user")
def test_another_user_of_the_machine_gets_nothing(live: Live) -> None:
    record = live.project.emulator_folder / "emulator.json"
    script = (
        "import http.client, sys\n"
        "try: open(sys.argv[1]); print('readable')\n"
        "except PermissionError: print('closed')\n"
        "try: open(f'/proc/{sys.argv[3]}/environ').read(); print('readable')\n"
        "except PermissionError: print('closed')\n"
        "connection = http.client.HTTPConnection('127.0.0.1', int(sys.argv[2]))\n"
        "connection.request('GET', '/2015-03-31/functions')\n"
        "print(connection.getresponse().status)\n"
    )
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    words = [str(record), str(live.port), str(live.project.ok("local", "status")["pid"])]
    python = shutil.which("python3", path=os.defpath) or sys.executable
    ran = subprocess.run(
        [*nobody, python, "-I", "-c", script, *words], capture_output=True, text=True, cwd="/", check=False
    )
    if "Permission denied" in ran.stderr:
        pytest.skip("no Python that another user may execute")
    assert ran.stdout.split() == ["closed", "closed", "403"], ran.stderr


HAMMER = """
import importlib, importlib.util, json, sys, threading
spec = importlib.util.spec_from_file_location("guarded", sys.argv[1])
guarded = importlib.util.module_from_spec(spec)
spec.loader.exec_module(guarded)
logs = importlib.import_module("ministack.services.cloudwatch_logs")
functions = importlib.import_module("ministack.services.lambda_svc")
# All that the emulator's process changes of ministack before it serves.
guarded._put_right(guarded._beside("guard"), "secret")
sys.setswitchinterval(1e-5)
function = {"config": {"FunctionName": "iris-local", "Version": "1"}}
def invoke():
    for _ in range(400):
        functions._emit_lambda_logs(function, "id", "a line", False, 1)
invoke()
thread = threading.Thread(target=invoke)
thread.start()
failed = 0
while thread.is_alive():
    try:
        logs._describe_log_groups({})
        logs.get_state()
    except RuntimeError:
        failed += 1
thread.join()
(group,) = json.loads(logs._describe_log_groups({})[2])["logGroups"]
print(json.dumps([failed, group["storedBytes"] > 0, len(logs._log_groups[group["logGroupName"]]["streams"])]))
"""


def test_log_groups_are_described_while_functions_log() -> None:
    python = python_for_emulator(silent)
    words = [str(python), "-I", "-c", HAMMER, guarded_emulator.__file__]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [0, True, 800]
