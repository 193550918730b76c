"""A regression with several targets, from the metrics to the answer of the package."""

import json
import zipfile
from io import BytesIO, StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from sklearn import metrics as measures
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier

from mlctl import settings
from mlctl.bench import dependency_size, worker
from mlctl.cli.views import tables
from mlctl.core import bench, train
from mlctl.core.invoke import payload_from_text
from mlctl.core.shared import held_out
from mlctl.errors import MlctlError
from mlctl.packaging import build
from mlctl.registry import answers
from mlctl.registry.answers import Answer, Example
from mlctl.registry.store import ModelVersion, Registry
from mlctl.settings import DataSettings
from mlctl.training import metrics, significance
from tests.conftest import Cli, LambdaContext, http_event, import_handler
from tests.support.two_targets import FEATURES, TARGETS, body, load, write

MULTI = """from sklearn.ensemble import GradientBoostingRegressor
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.compose import make_column_transformer


def make():
    columns = make_column_transformer((OneHotEncoder(), ["plan"]), remainder="passthrough")
    return make_pipeline(columns, MultiOutputRegressor(GradientBoostingRegressor(n_estimators=5)))
"""


@pytest.fixture
def gym(project: Path) -> Path:
    """A project with that table, quick to train by."""
    write(project)
    return project


def newest(folder: Path) -> ModelVersion:
    return Registry(folder, "body").get()


class TestMetrics:
    def test_each_is_the_plain_mean_over_the_targets(self, gym: Path, cli: Cli) -> None:
        done = cli("train", "--json")
        assert done.code == 0, done.err
        dataset, rows = held_out.load(newest(gym), settings.load(gym), gym)
        expected = dataset.answers(rows)
        predicted = newest(gym).load_pipeline().predict(dataset.frame(rows))
        found = done.json["metrics"]
        assert found["r2"] == pytest.approx(measures.r2_score(expected, predicted), rel=1e-14)
        assert found["mae"] == pytest.approx(measures.mean_absolute_error(expected, predicted), rel=1e-14)
        assert found["rmse"] == pytest.approx(measures.root_mean_squared_error(expected, predicted), rel=1e-14)
        assert found["median_error"] == pytest.approx(measures.median_absolute_error(expected, predicted), rel=1e-14)
        for at, name in enumerate(TARGETS):
            assert found["outputs"][name] == {
                key: value
                for key, value in metrics.of_numbers(expected[:, at], predicted[:, at]).items()
                if key != "rows"
            }
        assert set(found) == {"rows", "r2", "mae", "rmse", "median_error", "outputs"}
        assert set(done.json["cv"]) == {"folds", "r2", "mae", "rmse", "median_error"}
        assert newest(gym).read_json("metrics.json") == {**found, "cv": done.json["cv"]}
        evaluated = cli("evaluate", "--json").json
        assert (evaluated["metrics"], evaluated["confusion_matrix"]) == (found, None)

    def test_those_of_each_target_are_shown(self, gym: Path, cli: Cli) -> None:
        for shown in (cli("train").out, cli("evaluate").out):
            lines = [line.split() for line in shown.splitlines()]
            assert ["target", "r2", "mae", "rmse", "median_error"] in lines
            assert [line[0] for line in lines if line and line[0] in TARGETS] == TARGETS

    def test_gates_are_of_the_mean(self, gym: Path, cli: Cli) -> None:
        with (gym / "mlctl.toml").open("a") as file:
            file.write("[gates]\nr2 = 0.999\n")
        assert cli("train", "--json").json["gates"][0]["passed"] is False
        assert cli("evaluate").code == 4

    def test_one_row_has_no_r2(self, gym: Path) -> None:
        dataset, rows = load(gym), np.array([3])
        found = metrics.compute(dataset, rows, metrics.Predictions(dataset.answers(rows) + 1.0))
        assert found["outputs"]["waist"] == {"mae": 1.0, "rmse": 1.0, "median_error": 1.0}
        assert "r2" not in found

    def test_a_target_too_large_is_named(self, gym: Path) -> None:
        dataset, rows = load(gym), np.arange(5)
        off = dataset.answers(rows) + np.array([0.0, 1e200])
        with pytest.raises(MlctlError, match="weight cannot be measured: the squared errors"):
            metrics.compute(dataset, rows, metrics.Predictions(off))

    def test_versions_are_compared_by_the_mean_over_the_targets(self, gym: Path, cli: Cli) -> None:
        cli("train")
        cli("train", "-p", "max_depth=1")
        found = cli("compare", "--json").json
        for name in ("r2", "mae", "rmse", "median_error"):
            difference = found["second_metrics"][name] - found["first_metrics"][name]
            assert found["differences"][name]["difference"] == pytest.approx(difference, rel=1e-9)
        assert found["wilcoxon"]["first_nearer"] + found["wilcoxon"]["second_nearer"] == found["rows"] == 12
        assert cli("compare").code == 0

    def test_the_error_of_a_row_is_the_mean_over_its_targets(self) -> None:
        expected = np.zeros((3, 2))
        first, second = np.array([[1.0, 5.0], [0.0, 1.0], [2.0, 2.0]]), np.array([[4.0, 1.0], [1.0, 1.0], [1.0, 3.0]])
        found = significance.wilcoxon(expected, first, second)
        assert (found.first_nearer, found.second_nearer) == (1, 1)


class TestTraining:
    def test_an_estimator_of_one_target_is_refused_with_the_way_round(self, gym: Path, cli: Cli) -> None:
        write(gym, model='estimator = "sklearn.ensemble.GradientBoostingRegressor"')
        said = cli("train").err
        assert "scikit-learn cannot train sklearn.ensemble.GradientBoostingRegressor: y should be a 1d array" in said
        assert "[model] pipeline" in said
        assert "sklearn.multioutput.MultiOutputRegressor" in said

    def test_which_a_function_may_return(self, gym: Path, cli: Cli) -> None:
        write(gym, model='pipeline = "several_of_one:make"')
        (gym / "several_of_one.py").write_text(MULTI)
        done = cli("train", "--json")
        assert (done.json["engine"], done.json["engine_reason"]) == (
            "portable",
            "the whole pipeline compiles; parity close",
        )

    def test_the_version_is_the_same_again(self, gym: Path, cli: Cli) -> None:
        first, again = cli("train", "--json").json, cli("train", "--json").json
        assert (first["version"], again["created"]) == (again["version"], False)

    def test_another_number_of_outputs_is_refused(self, gym: Path, cli: Cli) -> None:
        frame = body()
        joblib.dump(LinearRegression().fit(frame[["age", "height"]], frame[TARGETS]), gym / "model.joblib")
        for target, said in (
            ("waist", "The model predicts 2 numbers for each row, but [data] target has 1: waist."),
            (
                "waist,weight,plan_cost",
                "The model predicts 2 numbers for each row, but [data] target has 3: waist, weight, plan_",
            ),
        ):
            frame.assign(plan_cost=1.5 * frame.age % 7)[["age", "height", *target.split(",")]].to_csv(
                gym / "given.csv", index=False
            )
            done = cli("import", "model.joblib", "--data", "given.csv", "--target", target, "--trust")
            assert (done.code, said in done.err) == (3, True), done.err

    def test_a_fitted_model_is_imported(self, gym: Path, cli: Cli) -> None:
        frame = body()
        forest = RandomForestRegressor(n_estimators=3, random_state=0).fit(frame[["age", "height"]], frame[TARGETS])
        joblib.dump(forest, gym / "model.joblib")
        frame[["age", "height", *TARGETS]].to_csv(gym / "given.csv", index=False)
        (gym / "mlctl.toml").write_text('project = "body"\n')
        words = ("--data", "given.csv", "--target", "waist,weight", "--trust", "--json")
        done = cli("import", "model.joblib", *words)
        assert done.code == 0, done.err
        assert (done.json["task"], done.json["engine"]) == ("regression", "portable")
        assert set(done.json["metrics"]["outputs"]) == set(TARGETS)
        assert cli("evaluate", "--source", "given.csv", "--json").json["metrics"] == done.json["metrics"]

    def test_a_classifier_has_one_target(self, gym: Path, cli: Cli) -> None:
        frame = body()
        joblib.dump(DecisionTreeClassifier().fit(frame[["age"]], frame.plan), gym / "model.joblib")
        done = cli("import", "model.joblib", "--data", "body.csv", "--target", "plan,weight", "--trust")
        assert done.code == 3
        assert "several targets must be numbers." in done.err

    def test_a_model_of_one_target_that_was_a_column_is_one_of_a_number(self, gym: Path, cli: Cli) -> None:
        frame = body()
        joblib.dump(LinearRegression().fit(frame[["age", "height"]], frame[["waist"]]), gym / "model.joblib")
        frame[["age", "height", "waist"]].to_csv(gym / "given.csv", index=False)
        done = cli("import", "model.joblib", "--data", "given.csv", "--target", "waist", "--trust", "--json")
        assert done.code == 0, done.err
        assert done.json["engine"] == "portable"
        assert "value" in newest(gym).read_json("golden.json")["examples"][0]


class TestAnswers:
    WANT = Answer(values={"waist": 30.0, "weight": 190.0})

    @pytest.mark.parametrize(
        ("prediction", "exact", "close"),
        [
            ({"waist": 30.0, "weight": 190.0}, True, True),
            ({"weight": 190.0, "waist": 30.0}, True, True),
            ({"waist": 30.0 + 1e-8, "weight": 190.0}, False, True),
            ({"waist": 30.0 + 1e-6, "weight": 190.0}, False, False),
            ({"waist": 190.0, "weight": 30.0}, False, False),
            ({"waist": 30.0}, False, False),
            ({"waist": 30.0, "weight": 190.0, "more": 1.0}, False, False),
            ({"waist": 30.0, "weight": None}, False, False),
            ([30.0, 190.0], False, False),
            (30.0, False, False),
            (None, False, False),
        ],
    )
    def test_the_number_of_each_must_agree(self, prediction: Any, exact: bool, close: bool) -> None:
        assert answers.agrees({"prediction": prediction}, self.WANT, [], "exact") is exact
        assert answers.agrees({"prediction": prediction}, self.WANT, [], "close") is close

    def test_they_are_written_read_and_told(self) -> None:
        document = answers.to_document([Example((1.0,), self.WANT)])
        assert document["examples"] == [{"features": [1.0], "values": {"waist": 30.0, "weight": 190.0}}]
        assert answers.from_document(json.loads(json.dumps(document))) == [Example((1.0,), self.WANT)]
        assert answers.describe(self.WANT, []) == "waist 30.0, weight 190.0"
        assert bench._answer({"prediction": {"waist": 30.0, "weight": 190.0}}, []) == self.WANT

    def test_an_answer_is_drawn_with_the_names(self) -> None:
        answered = [{"prediction": {"waist": 35.125, "we[ig]ht": 1904567.8}}, {"prediction": {"waist": 1.0, "b": 2.0}}]
        assert tables.in_a_line(answered[0]) == ("waist [bold green]35.125[/]  we\\[ig]ht [bold green]1.90457e+06[/]")
        for rows, lines in ((answered[:1], ["waist 35.125  we[ig]ht 1.90457e+06"]), (answered, None)):
            console = Console(file=StringIO(), width=100)
            tables.predictions(console, rows, [])
            assert isinstance(console.file, StringIO)
            drawn = console.file.getvalue().splitlines()
            assert drawn == (lines or ["1  waist 35.125  we[ig]ht 1.90457e+06", "2  waist 1  b 2"])

    def test_rows_of_a_file_may_hold_the_targets(self) -> None:
        features = [{"name": "a", "kind": "number", "nullable": False}]
        text, want = "a,x,y\n1,2,3\n", {"instances": [{"a": 1}]}
        assert payload_from_text(text, "rows", features, targets=["x", "y"]) == want
        assert payload_from_text(text, "rows", features, DataSettings(target="x,y")) == want
        assert payload_from_text(text, "rows", features, DataSettings(target=("x", "y"))) == want
        assert payload_from_text(text, "rows", features, DataSettings(target="x")) != want


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelVersion, build.Package]:
    """A version of several targets, trained as the command line does, and its package. Only to be read."""
    folder = tmp_path_factory.mktemp("gym")
    write(folder)
    train.run(folder, settings.load(folder))
    version = newest(folder)
    return version, build.build_package(version, engine="portable", python=settings.load(folder).deploy.python)


@pytest.fixture
def app(package: tuple[ModelVersion, build.Package], tmp_path: Path) -> ModuleType:
    """``handler.app`` of the package."""
    zipfile.ZipFile(BytesIO(package[1].zip)).extractall(tmp_path / "zip")
    return import_handler(tmp_path / "zip")


def ask(app: ModuleType, document: dict[str, Any]) -> tuple[int, Any]:
    response = app.lambda_handler(http_event("POST", "/predict", json.dumps(document)), LambdaContext())
    return response["statusCode"], json.loads(response["body"], parse_constant=pytest.fail)


class TestPackage:
    def test_the_zip_answers_as_scikit_learn(
        self, package: tuple[ModelVersion, build.Package], app: ModuleType
    ) -> None:
        version, _ = package
        frame = body()
        schema = version.read_json("schema.json")
        assert schema["task"] == "regression"
        assert [each["name"] for each in schema["target"]["outputs"]] == TARGETS
        assert set(schema["target"]) == {"outputs"}
        assert version.manifest.portable == {"compiled": True, "parity": "exact"}
        for each in version.read_json("golden.json")["examples"]:
            status, answer = ask(app, {"features": each["features"]})
            assert status == 200
            assert {*answer} - {"warnings"} == {"prediction", "latency_ms"}
            assert list(answer["prediction"]) == TARGETS
            assert answer["prediction"] == each["values"]
            row = pd.DataFrame([each["features"]], columns=FEATURES)
            assert [*answer["prediction"].values()] == version.load_pipeline().predict(row)[0].tolist()
        rows = [list(row) for row in frame[FEATURES].head(3).itertuples(index=False)]
        status, answer = ask(app, {"instances": rows})
        assert (status, [[*each["prediction"]] for each in answer["predictions"]]) == (200, [TARGETS] * 3)
        # The ranges are those of the training part.
        dataset, test = held_out.load(version, settings.load(version.path.parents[2]), version.path.parents[2])
        trained = np.delete(dataset.answers(), test, axis=0)
        assert [(each["min"], each["max"]) for each in schema["target"]["outputs"]] == [
            (low, high) for low, high in zip(trained.min(axis=0), trained.max(axis=0), strict=True)
        ]

    @pytest.mark.parametrize("bad", [float("nan"), float("inf")])
    def test_every_number_is_finite_or_none_is_reported(
        self, app: ModuleType, monkeypatch: pytest.MonkeyPatch, bad: float
    ) -> None:
        for numbers in ([1.0, bad], [bad, 1.0]):
            monkeypatch.setattr(app.SERVICE.model, "predict", lambda row, numbers=numbers: numbers)
            status, answer = ask(app, {"features": [30, 170.5, "a"]})
            assert status == 422
            assert answer["error"]["details"] == [{"problem": "the model has no finite result for these values"}]

    def test_another_count_of_numbers_is_a_defect(self, app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(app.SERVICE.model, "predict", lambda row: [1.0])
        assert ask(app, {"features": [30, 170.5, "a"]})[0] == 500

    def test_the_kind_of_the_model_must_be_that_of_the_schema(self, app: ModuleType) -> None:
        service = app.SERVICE
        one = {**service.schema.document, "target": {"name": "waist", "min": 0.0, "max": 1.0}}
        kind = service.model.kind
        assert (kind, service.outputs) == ("regressors", TARGETS)
        service.model.kind = "regressor"
        type(service)(service.package, one, {}, service.model)
        with pytest.raises(ValueError, match="the schema's task is regression of several targets; the model is a reg"):
            type(service)(service.package, service.schema.document, {}, service.model)

    def test_new_rows_are_held_against_the_features_alone(self, gym: Path, cli: Cli) -> None:
        assert cli("train").code == 0
        (gym / "mlctl.toml").write_text('project = "body"\n')
        body().to_csv(gym / "new.csv", index=False)
        checked = cli("data", "validate", "new.csv", "--json").json
        assert (checked["valid"], [each for each in checked["warnings"] if each["row"] is None]) == (True, [])

    def test_both_sides_of_bench_answer_alike(
        self, package: tuple[ModelVersion, build.Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        version, _ = package
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "model.joblib").write_bytes(version.read("model.joblib"))
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        job = {"takes": "frame", "names": FEATURES, "texts": [False, False, True], "regression": True}
        side = worker.Fitted({**job, "several": True, "one_call": False, "project": str(tmp_path), "modules": {}})
        assert side.kind == "regressors"
        for each in answers.from_document(version.read_json("golden.json")):
            assert each.answer.values == dict(zip(TARGETS, side.predict(list(each.features)), strict=True))


def test_bench_measures_such_a_version(gym: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "WARM_SECONDS", 0.05)
    monkeypatch.setattr(dependency_size, "weigh", lambda needed, advance: None)
    assert cli("train").code == 0
    done = cli("bench", "--runs", "1", "--json")
    assert done.code == 0, done.err
    assert done.json["agree"] is True
