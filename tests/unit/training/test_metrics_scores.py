"""Classifiers without probabilities: training, packaging, answers of the API and output on the terminal."""

import io
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import Pipeline

from mlctl.cli import up
from mlctl.cli.views import tables
from mlctl.registry import answers
from mlctl.registry.store import Registry
from tests.conftest import Cli, LambdaContext, http_event
from tests.unit.handler import test_kinds as kinds

LABELS = [[False, True], ["a", "b", "c"]]


@pytest.fixture(params=LABELS, ids=["two", "three"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ModuleType, Pipeline]:
    """A handler of two classes, and one of three, with the pipeline that it serves."""
    labels = request.param
    rows = kinds.ROWS.ffill()
    fitted = kinds.pipeline(RidgeClassifier()).fit(rows, [*labels, labels[0], labels[1]][:4])
    target = {"labels": labels, "class_names": [str(label) for label in labels]}
    return kinds.app_of(tmp_path, fitted, target, "binary" if len(labels) == 2 else "multiclass"), fitted


def test_the_api_answers_with_scores_in_place_of_probabilities(served: tuple[ModuleType, Pipeline]) -> None:
    app, fitted = served
    status, answer = kinds.ask(app, kinds.ROW)
    row = kinds.ROWS.iloc[:1].assign(age=30.0, income=1e3, city="Lima", paid=1.0, since=19783.0, plan="a")
    scores = np.ravel(fitted.decision_function(row)).tolist()
    label = fitted.predict(row)[0]
    assert status == 200
    assert answer.pop("latency_ms") > 0
    assert set(answer) == {"prediction", "class_name", "scores"}
    assert (answer["prediction"], answer["class_name"]) == (label, str(label))
    assert answer["scores"] == pytest.approx(scores, rel=1e-9)
    assert len(scores) == (1 if len(fitted.classes_) == 2 else 3)
    status, answer = kinds.ask(app, None, instances=[kinds.ROW, kinds.ROW])
    assert [each["scores"] for each in answer["predictions"]] == [pytest.approx(scores, rel=1e-9)] * 2


def test_a_missing_value_is_refused_by_name(served: tuple[ModuleType, Pipeline]) -> None:
    app, _ = served
    body = json.dumps({"features": kinds.with_value("age", None)})
    response = app.lambda_handler(http_event("POST", "/predict", body), LambdaContext())
    assert response["statusCode"] == 422
    message = json.loads(response["body"])["error"]["message"]
    assert message == "age (position 0) is missing, and this model accepts no missing values."


@pytest.mark.parametrize("estimator", ["sklearn.svm.LinearSVC", "sklearn.linear_model.RidgeClassifier"])
@pytest.mark.parametrize("source", ["iris", "tumours.csv"])
def test_a_model_without_probabilities_is_trained_measured_and_packaged(
    project: Path, cli: Cli, estimator: str, source: str
) -> None:
    frame = load_breast_cancer(as_frame=True).frame.iloc[::4, [0, 1, 2, 3, -1]]
    frame.assign(target=np.where(frame["target"] == 1, "benign", "malignant")).to_csv("tumours.csv", index=False)
    (project / "mlctl.toml").write_text(
        f'[data]\nsource = "{source}"\n'
        + ('target = "target"\n' if source != "iris" else "")
        + f'[model]\nestimator = "{estimator}"\nparams = {{}}\npreprocess = ["sklearn.preprocessing.StandardScaler"]\n'
    )
    trained = cli("train", "--json")
    assert (trained.code, trained.json["engine"]) == (0, "portable")
    metrics = cli("evaluate", "--json").json["metrics"]
    assert ("roc_auc" in metrics, "log_loss" in metrics) == (source != "iris", False)
    package = cli("package", "--json")
    assert (package.code, package.json["engine"], package.json["parity"]) == (0, "portable", "close")
    (version,) = Registry(project, "iris" if source == "iris" else version_project(project)).versions()
    golden = answers.from_document(version.read_json("golden.json"))
    assert all(each.answer.probabilities is None for each in golden)
    assert {len(each.answer.scores or ()) for each in golden} == {3 if source == "iris" else 1}


def version_project(project: Path) -> str:
    """The name of the one project that has model versions here."""
    (folder,) = (project / "artifacts").iterdir()
    return folder.name


def drawn(answered: list[dict[str, Any]], class_names: list[str]) -> list[str]:
    """What ``mlctl invoke`` shows, a line each, without colours."""
    console = Console(file=io.StringIO(), width=80)
    tables.predictions(console, answered, class_names)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def answer(name: str, *scores: float) -> dict[str, Any]:
    return {"prediction": name, "class_name": name, "scores": list(scores)}


def test_one_score_of_two_classes_is_shown_with_its_meaning() -> None:
    assert drawn([answer("no", -0.123456)], ["no", "[yes]"]) == ["no  score -0.1235  above 0: [yes], otherwise no"]


def test_scores_of_many_classes_are_shown_beside_their_names() -> None:
    assert drawn([answer("b", -1.5, 12.3456, 0.0)], ["a", "b", "c"]) == [
        "class  score",
        "a       -1.5",
        "b      12.35",
        "c          0",
    ]
    names = [f"class{at}" for at in range(20)]
    many = drawn([answer("class7", *(-abs(at - 7.0) for at in range(20)))], names)
    assert len(many) == 11
    assert many[1].split() == ["class7", "-0"]


def test_of_many_rows_each_is_a_line_with_its_highest_score() -> None:
    assert drawn([answer("b", 1.0, 2.0, -1.0), answer("a", 0.5, 0.25, 0.0)], ["a", "b", "c"]) == [
        "row  class  score",
        "  1  b          2",
        "  2  a        0.5",
    ]
    assert drawn([answer("no", -2.0), answer("yes", 0.5)], ["no", "yes"])[1:] == [
        "  1  no        -2",
        "  2  yes      0.5",
    ]


def test_probabilities_and_numbers_are_shown_as_before() -> None:
    likely = {"prediction": 1, "class_name": "b", "probabilities": [0.25, 0.75]}
    assert drawn([likely], ["a", "b"])[2].split()[:2] == ["b", "0.750"]
    assert drawn([likely, likely], ["a", "b"])[2].split()[:3] == ["2", "b", "0.750"]
    assert drawn([{"prediction": 1234567.8}], []) == ["1.23457e+06"]
    assert drawn([{"prediction": 1.5}, {"prediction": 2.0}], []) == ["1  1.5", "2  2"]


def test_an_answer_in_a_line() -> None:
    assert tables.in_a_line(answer("b", 1.0, 2.0)) == "[bold]b[/]  score 2"
    assert tables.in_a_line({"prediction": 2.5}) == "[bold green]2.5[/]"
    assert tables.in_a_line({"class_name": "a", "probabilities": [0.5, 0.5]}).endswith(" 0.500")


def test_the_first_prediction_after_up_is_a_class_with_its_score() -> None:
    console = Console(file=io.StringIO(), width=120)
    settings: Any = SimpleNamespace(deploy=SimpleNamespace(auth="iam"))
    deployed = SimpleNamespace(changed=True, url="http://x", example=(1.5, "a"), stage="local")
    done: Any = SimpleNamespace(
        deployed=deployed, invoked=SimpleNamespace(document=answer("yes", 0.25)), estimator="sklearn.svm.LinearSVC"
    )
    up._render(console, settings, done)
    assert isinstance(console.file, io.StringIO)
    assert "\n  yes  score 0.25\n" in console.file.getvalue()
