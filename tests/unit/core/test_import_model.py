"""`mlctl import`: somebody's fitted model becomes a version, and nothing that was not agreed to is opened."""

import importlib
import io
import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, mean_absolute_error
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mlctl.registry.store import Registry
from tests.conftest import Cli, Result
from tests.support.pickles import BEGIN, new, table
from tests.unit.pickle_audit.test_calls import CODE, CRASHES

COLUMNS = ["length", "width", "plan"]


def sample(rows: int = 24) -> pd.DataFrame:
    """Numbers, a category, and targets of several kinds."""
    frame = pd.DataFrame(
        {
            "length": [float(at % 7) for at in range(rows)],
            "width": [at % 5 / 2 for at in range(rows)],
            "plan": ["ab"[at % 2] for at in range(rows)],
        }
    )
    frame["species"] = np.where(frame["length"] > 3, "large", "small")
    frame["number"] = np.where(frame["length"] > 3, 7, 3)
    frame["truth"] = frame["length"] > 3
    frame["grams"] = frame["length"] * 2.5 + frame["width"] + (frame["plan"] == "b")
    frame["third"] = [at % 3 for at in range(rows)]
    return frame


def numbers(target: str) -> tuple[pd.DataFrame, Any]:
    frame = sample()
    return frame[["length", "width"]], frame[target].to_numpy()


def table_pipeline(estimator: BaseEstimator) -> Pipeline:
    """A pipeline that takes columns by name, one of them texts."""
    return Pipeline(
        [
            (
                "columns",
                ColumnTransformer(
                    [
                        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["length", "width"]),
                        ("plan", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["plan"]),
                    ]
                ),
            ),
            ("model", estimator),
        ]
    )


@pytest.fixture
def data(project: Path) -> Path:
    """``sample.csv`` in the project's folder."""
    path = project / "sample.csv"
    sample().to_csv(path, index=False)
    return path


@pytest.fixture
def bring(cli: Cli, data: Path, project: Path) -> Callable[..., Result]:
    """Saves a model and imports it."""

    def run(model: Any, target: str = "species", *words: str, columns: list[str] | None = None) -> Result:
        joblib.dump(model, project / "model.joblib")
        wanted = [*(columns or COLUMNS), target]
        pd.read_csv(data)[wanted].to_csv(project / "given.csv", index=False)
        return cli("import", "model.joblib", "--data", "given.csv", "--target", target, "--trust", *words)

    return run


def test_a_pipeline_by_names_becomes_a_version_that_does_all_a_version_does(
    project: Path, cli: Cli, bring: Callable[..., Result]
) -> None:
    frame = sample()
    model = table_pipeline(RandomForestClassifier(n_estimators=5, random_state=0)).fit(frame[COLUMNS], frame["species"])
    done = bring(model, "species", "--json")
    assert done.code == 0, done.err
    document = done.json
    assert document["estimator"] == "sklearn.ensemble.RandomForestClassifier"
    assert (document["task"], document["engine"], document["cv"], document["created"]) == (
        "binary",
        "portable",
        None,
        True,
    )
    said = model.predict(frame[COLUMNS])
    assert document["metrics"]["accuracy"] == accuracy_score(frame["species"], said)
    assert document["metrics"]["rows"] == 24
    assert "sklearn.pipeline.Pipeline" in document["types"]
    assert (document["not_recognised"], document["calls_code"]) == ([], [])
    version = Registry(project, "iris").get()
    schema = version.read_json("schema.json")
    assert [(each["name"], each["kind"]) for each in schema["features"]] == [
        ("length", "number"), ("width", "number"), ("plan", "category"),
    ]  # fmt: skip
    assert schema["target"] == {"name": "species", "labels": ["large", "small"], "class_names": ["large", "small"]}
    assert version.manifest.portable == {"compiled": True, "parity": "exact"}
    recorded = version.manifest.settings["model"]
    assert recorded["imported"] == "model.joblib"
    assert len(recorded["sha256"]) == 64
    assert len(version.read_json("golden.json")["examples"]) == 8
    # And everything else works on it.
    again = cli("evaluate", "--json")
    assert (again.code, again.json["metrics"]) == (0, document["metrics"]), again.err
    assert cli("models", "verify", "--json").json["intact"] is True
    shown = cli("models", "show")
    assert shown.code == 0
    assert "sklearn.ensemble.RandomForestClassifier" in shown.out
    assert cli("models", "export", "-o", "version.zip").code == 0
    assert cli("package", "--json").json["engine"] == "portable"
    assert cli("compare", version.id, version.id, "--json").json["noise"] is True
    assert cli("data", "validate", "given.csv", "--json").json["problems"] == []
    # The same file again is the same version.
    assert bring(model, "species", "--json").json["created"] is False


def test_a_person_is_told_of_the_names_the_rows_and_what_the_metrics_are_worth(
    project: Path, bring: Callable[..., Result]
) -> None:
    x, y = numbers("species")
    shown = bring(DecisionTreeClassifier(random_state=0).fit(x, y), columns=["length", "width"])
    assert shown.code == 0
    assert "recognised by mlctl: " in shown.err
    assert "sklearn.tree._classes.DecisionTreeClassifier" in shown.err
    assert "✓ Measuring on 24 rows: accuracy 1.000" in shown.err
    assert "If the model was trained on these rows, its metrics are better than they should be." in shown.err
    assert "Model version " in shown.out
    assert "cross-validation" not in shown.out


@pytest.mark.parametrize(
    ("target", "labels"),
    [("species", ["large", "small"]), ("number", [3, 7]), ("truth", [False, True]), ("third", [0, 1, 2])],
)
@pytest.mark.parametrize("by_name", [True, False])
def test_classes_are_the_labels_that_the_model_answers(
    project: Path, bring: Callable[..., Result], cli: Cli, target: str, labels: list[Any], by_name: bool
) -> None:
    x, y = numbers(target)
    model = LogisticRegression().fit(x if by_name else x.to_numpy(), y)
    done = bring(model, target, "--json", columns=["length", "width"])
    assert done.code == 0, done.err
    version = Registry(project, "iris").get()
    assert version.read_json("schema.json")["target"]["labels"] == labels
    assert version.manifest.data["takes"] == ("frame" if by_name else "array")
    assert done.json["metrics"]["accuracy"] == model.score(x if by_name else x.to_numpy(), y)
    assert cli("evaluate", "--json").json["metrics"] == done.json["metrics"]


@pytest.mark.parametrize("target", ["grams", "third"])
def test_a_regressor_makes_it_a_regression_whatever_the_numbers_look_like(
    project: Path, bring: Callable[..., Result], cli: Cli, target: str
) -> None:
    x, y = numbers(target)
    model = RandomForestRegressor(n_estimators=4, max_depth=2, random_state=0).fit(x, y)
    done = bring(model, target, "--json", columns=["length", "width"])
    assert done.code == 0, done.err
    assert done.json["task"] == "regression"
    assert done.json["metrics"]["mae"] == mean_absolute_error(y, model.predict(x))
    evaluated = cli("evaluate", "--json")
    assert evaluated.code == 0, evaluated.err
    assert (evaluated.json["task"], evaluated.json["metrics"]) == ("regression", done.json["metrics"])


def test_of_a_search_its_best_estimator_is_taken(project: Path, bring: Callable[..., Result]) -> None:
    x, y = numbers("species")
    search = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 3]}, cv=2).fit(x, y)
    done = bring(search, "species", "--json", columns=["length", "width"])
    assert done.json["estimator"] == "sklearn.tree.DecisionTreeClassifier"
    kept = Registry(project, "iris").get().load_pipeline()
    assert kept.named_steps["model"].get_params() == search.best_estimator_.get_params()


def test_texts_that_look_like_numbers_stay_the_models_classes(
    project: Path, bring: Callable[..., Result], cli: Cli
) -> None:
    x, y = numbers("number")
    done = bring(DecisionTreeClassifier(random_state=0).fit(x, y.astype(str)), "number", columns=["length", "width"])
    assert done.code == 0, done.err
    assert Registry(project, "iris").get().read_json("schema.json")["target"]["labels"] == ["3", "7"]
    assert cli("evaluate").code == 0


def test_rows_may_have_more_columns_another_order_and_lack_a_class(project: Path, cli: Cli, data: Path) -> None:
    frame = sample()
    model = DecisionTreeClassifier(random_state=0).fit(frame[["width", "length"]], frame["third"])
    joblib.dump(model, "model.joblib")
    part = frame[frame["third"] != 1][["plan", "length", "third", "width", "grams"]]
    part.to_csv("part.csv", index=False)
    done = cli("import", "model.joblib", "--data", "part.csv", "--target", "third", "--trust", "--json")
    assert done.code == 0, done.err
    schema = Registry(project, "iris").get().read_json("schema.json")
    assert [each["name"] for each in schema["features"]] == ["width", "length"]
    assert schema["target"]["labels"] == [0, 1, 2]
    assert (schema["task"], done.json["metrics"]["per_class"]["1"]["support"]) == ("multiclass", 0)
    evaluated = cli("evaluate", "--json")
    assert evaluated.code == 0, evaluated.err
    assert evaluated.json["metrics"] == done.json["metrics"]
    part.assign(width=1.0).to_csv("part.csv", index=False)
    assert "is not the data that model version" in cli("evaluate").err


def test_a_built_in_set_keeps_its_names(project: Path, cli: Cli) -> None:
    x, y = load_iris(return_X_y=True)
    joblib.dump(DecisionTreeClassifier(max_depth=2, random_state=0).fit(x, y), "model.joblib")
    done = cli("import", "model.joblib", "--trust", "--json")
    assert done.code == 0, done.err
    assert list(done.json["metrics"]["per_class"]) == ["setosa", "versicolor", "virginica"]
    assert cli("evaluate").code == 0


def test_a_model_that_needs_a_module_of_the_project(
    project: Path, cli: Cli, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = {
        "their_steps": "def doubled(frame):\n"
        "    from their_helpers import factor\n    return frame[['length']] * factor()\n",
        "their_helpers": "def factor():\n    return 2\n",
    }

    def forget() -> None:
        for name in modules:
            sys.modules.pop(name, None)

    for name, source in modules.items():
        (project / f"{name}.py").write_text(source)
    with monkeypatch.context() as patched:
        patched.syspath_prepend(str(project))
        steps: Any = importlib.import_module("their_steps")
        model = make_pipeline(FunctionTransformer(steps.doubled), DecisionTreeClassifier(random_state=0))
        joblib.dump(model.fit(*numbers("species")), project / "model.joblib")
    forget()
    words = ("import", "model.joblib", "--data", "sample.csv", "--target", "species", "--trust")
    done = cli(*words)
    assert done.code == 0, done.err
    assert "! not recognised by mlctl: their_steps.doubled" in done.err
    forget()
    assert cli("evaluate").code == 0
    # Without the module it is told what is missing.
    forget()
    for name in modules:
        (project / f"{name}.py").unlink()
    refused = cli(*words)
    assert refused.code == 3
    assert "model.joblib cannot be opened: ModuleNotFoundError: No module named 'their_steps'" in refused.err
    assert "Put modules of your own in the project folder" in refused.err
    assert cli("evaluate").code == 4


class Writes:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, (f"open({str(self.path)!r}, 'w').close()",))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def malicious(project: Path, data: Path) -> Path:
    """A pickle that leaves a trace when it is opened: the trace's path."""
    trace = project / "trace"
    (project / "model.joblib").write_bytes(pickle.dumps(Writes(trace)))
    return trace


WORDS = ("import", "model.joblib", "--data", "sample.csv", "--target", "species")


def test_nothing_is_opened_without_the_users_word(
    project: Path, cli: Cli, malicious: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = cli(*WORDS)
    assert refused.code == 2
    assert "! never needed by a model, and able to run anything: builtins.exec" in refused.err
    assert (
        "Error: model.joblib was not opened: opening a pickle runs the code in it. It names builtins.exec.\n"
        "Next:  Give --trust if you know who made it.\n"
    ) in refused.err
    failed = cli(*WORDS, "--json")
    assert (failed.code, failed.json["error"]["code"]) == (2, "not_trusted")
    assert "builtins.exec" in failed.json["error"]["message"]
    # On a terminal it asks, and no means no.
    for answer in ("n\n", "\n"):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        asked = cli(*WORDS)
        assert asked.code == 2
        assert "Opening it runs the code in it. Do you trust the person who made it? [y/N]:" in asked.err
        assert "Error: model.joblib was not opened.\nNext:  Nothing was imported.\n" in asked.err
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    assert cli(*WORDS).code == 130
    # Not even with --json on a terminal.
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert cli(*WORDS, "--json").code == 2
    assert not malicious.exists()
    assert not (project / "artifacts").exists()


@pytest.mark.parametrize("program", [CODE["a class made while loading"], CRASHES["a list that is too short"]])
def test_known_names_that_call_code_are_said_and_not_opened(
    project: Path, cli: Cli, data: Path, program: bytes
) -> None:
    (project / "model.joblib").write_bytes(BEGIN + program + b".")
    refused = cli(*WORDS)
    assert refused.code == 2
    assert "recognised by mlctl: " in refused.err
    assert "! calls code: " in refused.err
    assert "Opening a pickle may run code, even if mlctl recognises everything in it." in refused.err
    for word in ("safe", "harmless", "stands on"):
        assert word not in refused.err
    failed = cli(*WORDS, "--json").json["error"]
    assert failed["code"] == "not_trusted"
    assert "It names " in failed["message"] or "It calls code: numpy.ndarray (its state: a list" in failed["message"]
    assert not (project / "artifacts").exists()


def test_many_calls_are_counted(project: Path, cli: Cli, data: Path) -> None:
    states = [new("sklearn.dummy", "DummyClassifier") + table(**{f"__{at}": b"N"}) + b"b0" for at in range(20)]
    (project / "model.joblib").write_bytes(BEGIN + b"".join(states) + b"N.")
    refused = cli(*WORDS)
    assert refused.err.count("! calls code: sklearn.dummy.DummyClassifier (its state: sets __") == 12
    assert "! calls code: … (20 in total)" in refused.err


def test_yes_on_a_terminal_opens_it(project: Path, cli: Cli, malicious: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    refused = cli(*WORDS)
    # It ran, since it was agreed to. Where the kernel keeps it from writing that is an error, else it left no model.
    assert refused.code == 3
    if malicious.exists():
        assert "model.joblib holds NoneType, which is not a scikit-learn classifier or regressor." in refused.err
    else:
        assert "model.joblib cannot be opened: PermissionError" in refused.err


def test_a_file_that_was_changed_after_it_was_looked_at_is_not_opened(
    project: Path, cli: Cli, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = numbers("species")
    joblib.dump(DecisionTreeClassifier().fit(x, y), "model.joblib")
    trace = project / "trace"

    def exchange(*_: Any, **__: Any) -> bool:
        Path("model.joblib").write_bytes(pickle.dumps(Writes(trace)))
        return True

    monkeypatch.setattr(sys, "stdin", Terminal(""))
    monkeypatch.setattr("typer.confirm", exchange)
    refused = cli(*WORDS)
    assert (refused.code, "was changed after mlctl examined it" in refused.err) == (3, True)
    assert not trace.exists()


class Exits:
    def __reduce__(self) -> tuple[Any, ...]:
        return (sys.exit, (0,))


def _unfitted() -> Any:
    return DecisionTreeClassifier()


def _scaler() -> Any:
    return StandardScaler().fit(numbers("species")[0])


def _several() -> Any:
    frame = sample()
    return DecisionTreeClassifier().fit(frame[["length", "width"]], frame[["number", "third"]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_unfitted, "model.joblib holds DecisionTreeClassifier that was never fitted."),
        (_scaler, "model.joblib holds StandardScaler, which is not a scikit-learn classifier or regressor."),
        (lambda: {"model": 1}, "model.joblib holds dict, which is not a scikit-learn classifier or regressor."),
        (_several, "model.joblib predicts several targets at once."),
        (Exits, "model.joblib cannot be opened: SystemExit: 0."),
    ],
)
def test_what_is_no_fitted_model(
    project: Path, bring: Callable[..., Result], make: Callable[[], Any], message: str
) -> None:
    refused = bring(make(), columns=["length", "width"])
    assert (refused.code, message in refused.err) == (3, True), refused.err
    assert not (project / "artifacts").exists()


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (None, 6, "There is no file model.joblib."),
        (b"", 3, "model.joblib"),
        (b"a,b\n1,2\n", 3, "model.joblib: no readable pickle or joblib file"),
        (pickle.dumps([1] * 100)[:50], 3, "model.joblib: no readable pickle or joblib file"),
    ],
)
def test_what_is_no_pickle(project: Path, cli: Cli, data: Path, content: bytes | None, code: int, message: str) -> None:
    if content is not None:
        (project / "model.joblib").write_bytes(content)
    refused = cli(*WORDS, "--trust")
    assert (refused.code, message in refused.err) == (code, True), refused.err
    assert json.loads(cli(*WORDS, "--trust", "--json").out)["error"]["message"]


def test_data_that_does_not_fit_the_model(project: Path, cli: Cli, data: Path) -> None:
    frame = sample()
    by_name = DecisionTreeClassifier().fit(
        frame[["length", "width"]].rename(columns={"width": "widths"}), frame["species"]
    )
    joblib.dump(by_name, "model.joblib")
    refused = cli(*WORDS, "--trust")
    assert refused.code == 3
    assert "sample.csv has no column 'widths', which the model was fitted on. Did you mean 'width'?\n" in refused.err
    joblib.dump(DecisionTreeClassifier().fit(frame[["length"]].to_numpy(), frame["species"]), "model.joblib")
    refused = cli(*WORDS, "--trust")
    assert refused.code == 3
    assert "has 7 columns besides the target species, but the model was fitted on 1.\n" in refused.err
    joblib.dump(DecisionTreeClassifier().fit(frame[["length"]], frame["species"].str.upper()), "model.joblib")
    refused = cli(*WORDS, "--trust")
    assert refused.code == 3
    assert "has the class 'large' in species, but the model knows only 'LARGE', 'SMALL'.\n" in refused.err
    joblib.dump(RandomForestRegressor(n_estimators=2).fit(frame[["length"]], frame["grams"]), "model.joblib")
    refused = cli(*WORDS, "--trust")
    assert (refused.code, "has a target species of kind category" in refused.err) == (3, True)
    joblib.dump(table_pipeline(LogisticRegression()).fit(frame[COLUMNS], frame["species"]), "model.joblib")
    frame.assign(length="long").to_csv("sample.csv", index=False)
    refused = cli(*WORDS, "--trust")
    assert refused.code == 3
    assert "model.joblib cannot predict the rows of sample.csv: ValueError: " in refused.err
    assert cli(*WORDS[:-1], "speices", "--trust").code == 3
    assert not (project / "artifacts").exists()


def test_a_model_of_another_scikit_learn_is_refused_before_it_is_opened(
    project: Path, bring: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = numbers("species")
    model = DecisionTreeClassifier().fit(x, y)
    original = BaseEstimator.__getstate__

    def forged(self: Any) -> dict[str, Any]:
        return {**original(self), "_sklearn_version": "1.2.3"}

    monkeypatch.setattr(BaseEstimator, "__getstate__", forged)
    joblib.dump(model, project / "model.joblib")
    monkeypatch.setattr(joblib, "load", lambda *_: pytest.fail("it was opened"))
    refused = bring(model, columns=["length", "width"])
    assert refused.code == 3
    assert (
        f"Error: model.joblib was saved by scikit-learn 1.2.3, and {sklearn.__version__} is installed: "
        "its predictions may silently differ.\n"
        "Next:  Install scikit-learn==1.2.3, or save the model again with the installed version.\n"
    ) in refused.err


def test_an_inner_part_of_another_scikit_learn_is_refused(
    project: Path, bring: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = sample()
    model = table_pipeline(LogisticRegression()).fit(frame[COLUMNS], frame["species"])
    original = StandardScaler.__getstate__

    def forged(self: Any) -> dict[str, Any]:
        return {**original(self), "_sklearn_version": "1.2.3"}

    monkeypatch.setattr(StandardScaler, "__getstate__", forged)
    refused = bring(model)
    assert (refused.code, "was saved by scikit-learn 1.2.3" in refused.err) == (3, True), refused.err


def test_gates_are_told_of_and_impossible_ones_refused(project: Path, bring: Callable[..., Result]) -> None:
    x, y = numbers("grams")
    model = DecisionTreeRegressor(max_depth=1, random_state=0).fit(x, y)
    (project / "mlctl.toml").write_text("[gates]\nmae = 0.001\n")
    assert bring(model, "grams", "--json", columns=["length", "width"]).json["gates"][0]["passed"] is False
    (project / "mlctl.toml").write_text("[gates]\naccuracy = 0.9\n")
    refused = bring(model, "grams", columns=["length", "width"])
    assert (refused.code, "The metric 'accuracy' is not measured for this model." in refused.err) == (2, True)
    assert len(Registry(project, "iris").versions()) == 1


def test_a_path_is_meant_from_where_it_is_typed(
    project: Path, cli: Cli, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "mlctl.toml").write_text('project = "shop"\n')
    inner = project / "inner"
    inner.mkdir()
    x, y = numbers("species")
    joblib.dump(DecisionTreeClassifier().fit(x, y), inner / "model.joblib")
    data.rename(inner / "sample.csv")
    monkeypatch.chdir(inner)
    assert cli(*WORDS, "--trust").code == 0
    version = Registry(project, "shop").get()
    assert version.origin.source == "inner/sample.csv"
    monkeypatch.chdir(project)
    assert cli("evaluate").code == 0


def test_a_search_without_a_best_estimator(project: Path, bring: Callable[..., Result]) -> None:
    x, y = numbers("species")
    search = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, refit=False, cv=2).fit(x, y)
    refused = bring(search, columns=["length", "width"])
    assert refused.code == 3
    assert "model.joblib holds GridSearchCV without a best estimator." in refused.err
