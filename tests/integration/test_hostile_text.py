"""Text from files, AWS, models, logs and the API itself through the commands: nothing of it is obeyed by a terminal."""

import csv
import json
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mlctl.aws.stack.names import AliasText
from mlctl.registry.store import ModelVersion
from mlctl.stages import Stage
from tests.cloud import Cloud
from tests.conftest import Cli, Result, http_event, import_handler
from tests.support import hostile
from tests.support.listener import Answer, Listener, Sent

GROUP = "/aws/lambda/iris-prod"
# What a CSV can hold: pandas reads \r\n as \n, and a comma parts targets.
NAME = "\x1b]0 owned\x07\x1b[2J\nError: forged\x9b31m\u202e\u2028[red]x[/] [/q]\x7f\u200b:smile:\\"
TABLES = [
    ("data", "describe"),
    ("data", "validate"),
    ("data", "split"),
    ("data", "validate", "rows.csv"),
    ("models",),
    ("models", "show"),
    ("evaluate",),
    ("config",),
    ("package",),
]


def checked(result: Result, code: int = 0) -> Result:
    """The result, of which nothing is obeyed."""
    assert result.code == code, result.err
    hostile.assert_harmless(result)
    return result


@pytest.fixture
def table(project: Path, cli: Cli) -> Path:
    """A project whose columns, categories and classes have hostile names, with one version."""
    with (project / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([f"a{NAME}", "number", f"class{NAME}"])
        for row in range(60):
            writer.writerow([f"v{(row * 7) % 4}{NAME}", row % 7 + row % 3, f"k{row % 3}{NAME}"])
    checked(cli("init", "rows.csv", "--target", f"class{NAME}"))
    checked(cli("train", "-p", "n_estimators=3"))
    return project


def test_a_table_with_hostile_names_goes_all_the_way(table: Path, cli: Cli) -> None:
    text = (table / "mlctl.toml").read_text(encoding="utf-8")
    assert hostile.obeyed(text) == set()
    assert tomllib.loads(text)["data"]["target"] == f"class{NAME}"
    for words in TABLES:
        shown = checked(cli(*words)).out
        assert checked(cli(*words, "--json")).out.count("\n") == 1, words
        if words[0] == "data" and words[-1] == "describe":
            # The head, a blank line, the columns and their head, a blank line, the classes and their head.
            assert len(shown.splitlines()) == 1 + 1 + 3 + 1 + 4


def test_problems_of_a_file_are_a_line_each(table: Path, cli: Cli) -> None:
    with (table / "new.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[f"a{NAME}", f"b{NAME}"], [f"v0{NAME}", "1"]])
    shown = checked(cli("data", "validate", "new.csv"), 3)
    assert len(shown.err.splitlines()) == 3
    assert len(shown.out.splitlines()) == 4


def test_file_names_are_shown_on_one_line(trained: Path, cli: Cli) -> None:
    name = "\x1b[2J\nError: forged\udcff"
    checked(cli("package", "-o", f"{name}.zip"))
    checked(cli("models", "export", "-o", f"{name}.mlctl"))
    checked(cli("models", "import", f"{name}.mlctl"))
    checked(cli("export", "--stage", "prod", "-o", f"{name}"))
    checked(cli("data", "describe", "--source", f"{name}.csv"), 2)
    checked(cli("data", "describe", "--source", "\x1b[2J\nError: forged.csv"), 6)
    checked(cli("import", f"{name}.joblib"), 6)
    checked(cli("-C", f"{name}-none", "models"), 6)
    (trained / f"{name}.csv").write_text("a,b\n1,2\n")
    refused = checked(cli("init", f"{name}.csv"), 2)
    assert refused.err.startswith("Error: '\\x1b[2J\\nError: forged\\udcff.csv' is not valid UTF-8")


def test_a_stray_file_in_a_version_is_told_in_a_line_of_its_own(trained: Path, cli: Cli) -> None:
    (folder,) = [path for path in (trained / "artifacts" / "iris").iterdir() if path.is_dir()]
    (folder / "a\x1b[2J\nError: forged").touch()
    (folder / "b").touch()
    shown = checked(cli("models", "verify"), 4)
    assert [line.strip().split(" ")[0] for line in shown.err.splitlines()] == ["Error:", "b", "Next:"]
    assert "Error: a\\x1b[2J\\nError: forged does not belong" in shown.err


@pytest.fixture
def api(cloud: Cloud, trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """The deployed API of stage prod, at a port of this machine."""
    with Listener.running() as listener:

        def answer(sent: Sent) -> Answer:
            document = json.loads(sent.body) if sent.body else None
            served = cloud.request(sent.method, "/" + sent.path.split("/", 2)[2], document)
            return Answer(served.status, served.body, served.headers.get("x-model-version"))

        listener.answers = answer
        monkeypatch.setattr(Stage, "api_url", lambda self, found, endpoint: f"{listener.url}/{found}")
        checked(cli("deploy", "--stage", "prod"))
        cloud.begin()
        yield listener


def log(cloud: Cloud, *messages: str) -> None:
    cloud.aws.logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
    now = int(time.time() * 1000)
    events = [{"timestamp": now - 5000 + at, "message": message} for at, message in enumerate(messages)]
    cloud.aws.logs.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=events)  # type: ignore[arg-type]  # as moto takes them


RECORD = {"level": "ERROR", "request_id": "abcdef01", "route": "GET /x", "status": 500, "latency_ms": 1.0}
MESSAGES = [
    json.dumps(RECORD | {"message": hostile.ALL_IN_ONE, "route": f"GET /{hostile.ALL_IN_ONE}"}),
    json.dumps(RECORD | {"message": hostile.ALL_IN_ONE, "level": hostile.ALL_IN_ONE}, ensure_ascii=False),
    json.dumps({"message": hostile.ALL_IN_ONE, "spread": [1]}, indent=2),
    '{"message": NaN}',
    '["no object"]',
    "{}",
    "plain " + hostile.ALL_IN_ONE,
    "[" * 10_000,
]


def test_logs_are_one_line_a_record(api: Listener, cloud: Cloud, cli: Cli) -> None:
    log(cloud, *MESSAGES)
    shown = checked(cli("logs", "--stage", "prod"))
    assert len(shown.out.splitlines()) == len(MESSAGES)
    lines = checked(cli("logs", "--stage", "prod", "--json")).out.splitlines()
    documents = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert all(isinstance(each, dict) for each in documents)
    # What came as JSON on one line goes as it came; what came otherwise says the same.
    assert lines[0] == MESSAGES[0]
    assert [each["message"] for each in documents] == [*[hostile.ALL_IN_ONE] * 3, *MESSAGES[3:]]
    assert documents[2]["spread"] == [1]


def test_status_shows_failures_on_a_line_each(api: Listener, cloud: Cloud, cli: Cli) -> None:
    log(cloud, *MESSAGES[:2])
    shown = checked(cli("status", "--stage", "prod"))
    assert len([line for line in shown.out.splitlines() if "\\x1b]0;owned" in line]) == 2
    checked(cli("status", "--stage", "prod", "--json"))


PREDICTION = {"prediction": 0, "class_name": "setosa", "probabilities": [1.0, 0.0, 0.0], "latency_ms": 0.1}
WARNING = {"feature": hostile.ALL_IN_ONE, "position": 0, "message": hostile.ALL_IN_ONE}
DETAIL = {"feature": hostile.ALL_IN_ONE, "problem": hostile.ALL_IN_ONE, "instance": hostile.ALL_IN_ONE}
ERROR = {"error": {"code": hostile.CLEAR, "message": hostile.ALL_IN_ONE, "details": [DETAIL, DETAIL, 3]}}


@pytest.mark.parametrize(
    ("status", "document", "code", "lines"),
    [
        (200, PREDICTION | {"class_name": hostile.ALL_IN_ONE, "warnings": [WARNING, WARNING]}, 0, 8),
        (200, {"predictions": [PREDICTION | {"class_name": hostile.ALL_IN_ONE}] * 3, "latency_ms": 1}, 0, 6),
        (200, {"prediction": {hostile.ALL_IN_ONE: 1.0}, "latency_ms": 1}, 0, 3),
        (422, ERROR, 3, 4),
        (500, ERROR, 5, 4),
        (403, {"message": hostile.ALL_IN_ONE}, 5, 2),
        (503, {"message": hostile.ALL_IN_ONE}, 5, 2),
        (502, hostile.ALL_IN_ONE.encode(), 5, 2),
    ],
)
def test_what_the_api_answers_is_shown_line_by_line(
    api: Listener, cli: Cli, status: int, document: Any, code: int, lines: int
) -> None:
    by_handler = "of the handler" if status in (200, 422, 500) else None
    api.answers = lambda sent: Answer(status, document, by_handler, (("x-request-id", "a\x1b[2J\x9b"),))
    shown = checked(cli("invoke", "5.1", "3.5", "1.4", "0.2", "--stage", "prod"), code)
    assert len((shown.out + shown.err).splitlines()) == lines
    as_json = checked(cli("invoke", "5.1", "3.5", "1.4", "0.2", "--stage", "prod", "--json"), code)
    assert as_json.out.count("\n") == 1


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        3,
        {},
        {"latency_ms": 1},
        {"predictions": [], "latency_ms": 1},
        {"predictions": [PREDICTION, {"prediction": 1.0}], "latency_ms": 1},
        {"predictions": 3, "latency_ms": 1},
        {**PREDICTION, "latency_ms": "x"},
        {**PREDICTION, "probabilities": [1.0]},
        {**PREDICTION, "probabilities": ["x", 0.0, 0.0]},
        {**PREDICTION, "warnings": [{}]},
        {"prediction": "x", "latency_ms": 1},
        {"prediction": {"a": [1]}, "latency_ms": 1},
        {"prediction": 10**400, "latency_ms": 1},
        b"no JSON",
    ],
)
def test_an_answer_that_is_no_prediction_is_an_error_and_no_defect(api: Listener, cli: Cli, document: Any) -> None:
    api.answers = lambda sent: Answer(200, document, "of the handler")
    shown = checked(cli("invoke", "5.1", "3.5", "1.4", "0.2", "--stage", "prod"), 5)
    assert shown.err.splitlines()[0] == "Error: The API answered 200 with something other than a prediction."


def refusal(code: str, message: str) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise ClientError({"Error": {"Code": code, "Message": message}}, "GetFunction")

    return refuse


@pytest.mark.parametrize("words", ["status", "deploy", "releases", "rollback", "logs", "doctor", "destroy --yes"])
@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException", hostile.ALL_IN_ONE])
def test_what_aws_refuses_with_takes_two_lines(api: Listener, cloud: Cloud, cli: Cli, words: str, code: str) -> None:
    denial = f"not authorized to perform: lambda:GetFunction on resource: {hostile.TITLE}x{hostile.C1}"
    for message in (hostile.ALL_IN_ONE, f"{denial} {hostile.FORGED}", hostile.LONG + hostile.TITLE):
        cloud.on_call = refusal(code, message)
        result = cli(*words.split(), "--stage", "prod")
        assert result.code == 5, result.err
        hostile.assert_harmless(result)
        errors = result.err.splitlines()
        assert [line.split()[0] for line in errors[-2:]] == ["Error:", "Next:"]
        assert len("".join(errors[-2:])) < 9000


def test_what_stands_on_aws_is_shown_line_by_line(api: Listener, cloud: Cloud, cli: Cli, iris: ModelVersion) -> None:
    function = cloud.lambda_.functions["iris-prod"]
    by = "\x1b]0;owned\x07\x9b\u202e[red]x[/]\\"
    function.versions["1"].config["Description"] = f"mlctl model={iris.id} package={'ab' * 32} by={by}"
    function.aliases["live"] = replace(
        function.aliases["live"], description=AliasText(previous=by, verified=frozenset({"1"})).to_description()
    )
    shown = checked(cli("releases", "--stage", "prod"))
    assert len(shown.out.splitlines()) == 2
    for words in ("status", "deploy --dry-run", "doctor", "rollback 1", "rollback"):
        hostile.assert_harmless(cli(*words.split(), "--stage", "prod"))


def test_the_log_of_a_release_that_fails_is_indented(
    api: Listener, cloud: Cloud, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked(cli("train", "-p", "n_estimators=3"))
    cloud.break_release("2")
    run = cloud.execution._runner.run

    def loud(*given: Any) -> tuple[Any, str]:
        answer, _ = run(*given)
        return answer, f"one\nError: forged {hostile.TITLE}\n\x9b31m\n"

    monkeypatch.setattr(cloud.execution._runner, "run", loud)
    shown = checked(cli("deploy", "--stage", "prod"), 4)
    tail = shown.err[shown.err.index("Error: Release 2 answers") :].splitlines()
    assert tail[2:5] == ["  one", "  Error: forged \\x1b]0;owned\\x07", "  \\x9b31m"]
    assert tail[-1].startswith("Next:")


def test_a_model_with_hostile_classes_is_served_and_asked(
    table: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import zipfile

    checked(cli("package", "-o", str(tmp_path / "p.zip")))
    zipfile.ZipFile(tmp_path / "p.zip").extractall(tmp_path / "unpacked")
    handler = import_handler(tmp_path / "unpacked")
    bodies = [{"features": [f"v0{NAME}", 1]}, {"features": {NAME: 1}}, {"features": [f"new{NAME}", 10**6]}]
    answers = [handler.lambda_handler(http_event("POST", "/predict", json.dumps(body)), None) for body in bodies]
    assert [each["statusCode"] for each in answers] == [200, 422, 200]
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert [json.loads(line)["status"] for line in lines] == [200, 422, 200]
    assert all(hostile.obeyed(line) <= {"\x7f"} for line in lines)


def test_a_completion_offers_nothing_that_a_shell_evaluates(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlctl.cli import completion
    from mlctl.registry import manifest

    name = "sklearn.x'`$(touch owned)\x1b[2J\n"
    read = manifest.Manifest.from_document
    monkeypatch.setattr(
        manifest.Manifest, "from_document", classmethod(lambda cls, document: replace(read(document), estimator=name))
    )
    for value, meaning in completion.versions(""):
        assert value.isalnum()
        assert meaning.replace(" ", "").isalnum() or meaning == ""
    (trained / "mlctl.toml").write_text('[stage."a$(x)\\u001b"]\nmemory = 512\n')
    assert completion.stages("") == ["local"]
