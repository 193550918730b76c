"""From nothing to a live API and back, with the real command and the real emulator."""

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.e2e.conftest import Project

ROW = [5.1, 3.5, 1.4, 0.2]


def post(url: str, body: bytes) -> tuple[int, Any, Any]:
    """POST /predict without any client of ours."""
    request = urllib.request.Request(f"{url}/predict", data=body, headers={"content-type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, json.load(answer), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), error.headers


def test_up_from_nothing_and_again(empty: Project) -> None:
    first = empty.ok("up")
    assert first["prediction"]["class_name"] == "setosa"
    assert (first["release"], first["trained"], first["changed"]) == ("1", True, True)
    status, answer, headers = post(first["url"], json.dumps({"features": ROW}).encode())
    assert (status, answer["class_name"]) == (200, "setosa")
    assert headers["x-model-version"] == first["version"]
    second = empty.ok("up")
    assert (second["version"], second["url"], second["release"]) == (first["version"], first["url"], "1")
    assert (second["trained"], second["changed"]) == (False, False)


def test_the_curl_line_works_as_printed(live: Project) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    shown = live.run("deploy")
    line = next(line for line in shown.out.splitlines() if line.startswith("curl "))
    finished = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert json.loads(finished.stdout)["class_name"] == "setosa"


def test_an_unchanged_deploy_says_so(live: Project) -> None:
    shown = live.run("deploy")
    assert shown.code == 0
    assert shown.out.startswith("No changes: the stage matches the settings.")
    document = live.ok("deploy")
    assert document["changed"] is False
    assert {step["action"] for step in document["steps"]} == {"unchanged"}
    assert {"stage", "url", "release", "version", "changed", "steps"} <= document.keys()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not json", 400),
        (b'{"features": [5.1, 3.5, 1.4]}', 422),
        (b'{"features": [5.1, "3.5", 1.4, 0.2]}', 422),
        (b'{"features": [5.1, NaN, 1.4, 0.2]}', 422),
        (b'{"features": [1e300, 3.5, 1.4, 0.2]}', 422),
        (b'{"features": [true, 3.5, 1.4, 0.2]}', 422),
    ],
)
def test_bad_bodies_by_http(live: Project, body: bytes, status: int) -> None:
    url = live.ok("status")["url"]
    code, answer, headers = post(url, body)
    assert code == status
    assert set(answer) == {"error", "request_id"}
    assert set(answer["error"]) == {"code", "message", "details"}
    assert answer["request_id"] == headers["x-request-id"]


def test_invoke_in_every_form(live: Project) -> None:
    by_position = live.ok("invoke", "5.1", "3.5", "1.4", "0.2")
    assert by_position["class_name"] == "setosa"
    names = ("sepal_length=5.1", "sepal_width=3.5", "petal_length=1.4", "petal_width=0.2")
    assert live.ok("invoke", *names)["probabilities"] == by_position["probabilities"]
    negative = live.ok("invoke", "-1.0", "3.5", "-1e-3", "-.5")
    assert [warning["feature"] for warning in negative["warnings"]] == ["sepal_length", "petal_length", "petal_width"]
    (live.folder / "rows.csv").write_text(
        f"{','.join(name.split('=')[0] for name in names)}\n5.1,3.5,1.4,0.2\n6,3,5,2\n"
    )
    (live.folder / "rows.json").write_text(json.dumps([ROW, [6, 3, 5, 2]]))
    expected = ["setosa", "virginica"]
    for words in (("--file", "rows.csv"), ("--file", "rows.json")):
        answer = live.ok("invoke", *words)
        assert [each["class_name"] for each in answer["predictions"]] == expected
    from_stdin = live.run("invoke", "-", "--json", stdin="5.1,3.5,1.4,0.2\n6,3,5,2\n").json
    assert [each["class_name"] for each in from_stdin["predictions"]] == expected
    shown = live.run("invoke", "5.1", "3.5", "1.4", "0.2")
    assert "setosa            1.000  ████████████████████" in shown.out
    assert "ms to predict; model" in shown.out
    table = live.run("invoke", "--file", "rows.csv")
    assert "  2  virginica" in table.out


def test_what_the_api_refuses_is_exit_3_with_its_own_words(live: Project) -> None:
    refused = live.run("invoke", "5.1", "abc", "1.4", "0.2")
    assert refused.code == 3
    assert "The API answered 422: sepal_width (position 1) must be a number, not a string." in refused.err
    as_json = live.run("invoke", "5.1", "--json")
    assert as_json.code == 3
    assert as_json.json["error"]["code"] == "invalid_features"


def test_status_models_and_logs_agree(live: Project) -> None:
    status = live.ok("status")
    assert (status["stage"], status["healthy"]) == ("local", True)
    (listed,) = live.ok("models")
    assert (listed["version"], listed["deployed"]) == (status["version"], ["local"])
    refused = live.run("invoke", "1", "--json").json
    lines = [json.loads(line) for line in live.run("logs", "--json").out.splitlines()]
    assert {"timestamp", "level", "message", "request_id", "route", "status", "latency_ms", "model_version"} <= lines[
        -1
    ].keys()
    assert {line["model_version"] for line in lines} == {status["version"]}
    (one,) = live.run("logs", "--json", "--request-id", refused["request_id"]).out.splitlines()
    assert json.loads(one)["status"] == 422
    warnings = live.run("logs", "--json", "--level", "warning").out.splitlines()
    assert {json.loads(line)["level"] for line in warnings} == {"WARNING"}
    golden = [line for line in lines if line["message"] == "golden example"]
    assert len(golden) == 12
    assert {line["route"] for line in lines} == {"POST /predict", "GET /health"}
    shown = live.run("logs")
    assert "START RequestId" not in shown.out
    assert "lines of Lambda hidden" in shown.err
    assert "START RequestId" in live.run("logs", "--platform").out
    assert live.run("logs", "--level", "loud").code == 2


def test_a_second_model_is_a_second_release(live: Project) -> None:
    before = live.ok("status")
    trained = live.ok("train", "-p", "n_estimators=20")
    deployed = live.ok("deploy")
    assert (deployed["version"], deployed["url"]) == (trained["version"], before["url"])
    assert deployed["changed"] is True
    assert int(deployed["release"]) == int(before["release"]) + 1
    actions = {step["resource"]: step["action"] for step in deployed["steps"]}
    assert actions["role"] == actions["api"] == "unchanged"
    assert (actions["golden examples"], actions["alias"]) == ("verify", "update")
    assert live.ok("status")["healthy"] is True
    assert live.ok("up")["changed"] is False
    back = live.ok("deploy", before["version"][:8])
    assert (back["release"], back["version"]) == (before["release"], before["version"])


def test_prune_asks_the_stage_what_is_released(empty: Project) -> None:
    deployed = empty.ok("up", "-p", "n_estimators=2")["version"]
    later = [empty.ok("train", "-p", f"n_estimators={trees}")["version"] for trees in (3, 4)]
    empty.ok("local", "stop")
    pruned = empty.ok("models", "prune", "--keep", "1")
    assert pruned == {"deleted": [later[0]], "deployed": [deployed], "in_use": [], "left": 2}


def test_stopping_keeps_what_is_deployed(empty: Project) -> None:
    up = empty.ok("up")
    assert empty.ok("local", "status")["running"] is True
    assert empty.ok("local", "stop")["running"] is False
    assert empty.ok("local", "status")["running"] is False
    assert "It was not running." in empty.run("local", "stop").out
    status = empty.ok("status")
    assert (status["url"], status["version"], status["healthy"]) == (up["url"], up["version"], True)
    assert empty.ok("deploy")["changed"] is False


def test_destroy_asks_and_leaves_nothing(empty: Project) -> None:
    empty.ok("up")
    refused = empty.run("destroy")
    assert refused.code == 2
    assert "Add --yes" in refused.err
    assert [each["resource"] for each in empty.ok("destroy", "--yes")["removed"]] == [
        "api",
        "function",
        "role policy",
        "role",
        "log group",
    ]
    for words in (("status",), ("invoke", "1", "2", "3", "4"), ("logs",)):
        gone = empty.run(*words)
        assert gone.code == 6
        assert "Nothing is deployed to stage 'local' yet." in gone.err
        assert "Run `mlctl deploy`." in gone.err
    assert empty.ok("destroy", "--yes")["removed"] == []
    assert len(empty.ok("models")) == 1


def test_an_emulator_of_ones_own(live: Project, empty: Project) -> None:
    endpoint = live.ok("local", "status")["endpoint"]
    up = empty.ok("up", "-p", "n_estimators=5", MLCTL_LOCAL_ENDPOINT=endpoint, MLCTL_PROJECT="other")
    assert up["url"].startswith(endpoint)
    assert not empty.emulator_folder.exists()
    assert empty.ok("status", MLCTL_LOCAL_ENDPOINT=endpoint, MLCTL_PROJECT="other")["healthy"] is True
    assert empty.run("destroy", "--yes", MLCTL_LOCAL_ENDPOINT=endpoint, MLCTL_PROJECT="other").code == 0
