"""Pipelines: nested parameters, and a function from the project folder."""

import ctypes
import importlib
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlctl import settings
from mlctl.core import workflows
from mlctl.data import loading
from mlctl.registry.store import Registry
from mlctl.training import pipeline
from tests.conftest import Cli
from tests.support.tables import write_customers, write_settings

_names = (f"own_pipeline_{number}" for number in itertools.count())


@pytest.fixture
def shop(project: Path) -> Path:
    """A project with the table of customers."""
    write_customers(project)
    write_settings(project)
    return project


@pytest.fixture
def own(shop: Path) -> Callable[..., str]:
    """Writes a module and names it in the settings; a module of its own for each, since Python keeps them."""

    def write(source: str, *, function: str = "make", target: str = "churned", more: str = "") -> str:
        name = next(_names)
        (shop / f"{name}.py").write_text(source)
        write_settings(shop, target, model=f'pipeline = "{name}:{function}"\n{more}')
        return name

    return write


def kept(folder: Path) -> Any:
    return Registry(folder, "shop").get().load_pipeline()


def test_parameters_reach_any_step(shop: Path, cli: Cli) -> None:
    done = cli(
        "train", "-p", "preprocess__numbers__with_mean=false", "-p", "max_depth=2",
        "-p", "preprocess__numbers_with_gaps__imputer__strategy=mean", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["engine"] == "portable"
    params = kept(shop).get_params()
    assert params["preprocess__numbers__with_mean"] is False
    assert params["preprocess__numbers_with_gaps__imputer__strategy"] == "mean"
    assert (params["model__max_depth"], params["model__n_estimators"], params["model__random_state"]) == (2, 5, 42)
    # The same from the file is the same version.
    write_settings(
        shop,
        model="params = { n_estimators = 5, max_depth = 2, preprocess__numbers__with_mean = false, "
        'preprocess__numbers_with_gaps__imputer__strategy = "mean" }',
    )
    assert cli("train", "--json").json["created"] is False


def test_steps_of_a_list_have_names_too(shop: Path, cli: Cli) -> None:
    write_settings(
        shop,
        data='ignore = ["plan", "age"]',
        model='preprocess = ["sklearn.preprocessing.StandardScaler", "sklearn.preprocessing.MinMaxScaler"]\n'
        "params = { n_estimators = 5, standardscaler__with_std = false }",
    )
    done = cli("train", "-p", "minmaxscaler__clip=true", "--json")
    assert done.code == 0, done.err
    assert kept(shop).get_params()["standardscaler__with_std"] is False
    assert kept(shop).get_params()["minmaxscaler__clip"] is True


@pytest.mark.parametrize(
    ("word", "code", "message"),
    [
        (
            "preprocess__numbers__with_maen=false",
            2,
            "The pipeline has no parameter 'preprocess__numbers__with_maen'. "
            "Did you mean 'preprocess__numbers__with_mean'?",
        ),
        ("max_dept=3", 2, "RandomForestClassifier has no parameter 'max_dept'. Did you mean 'max_depth'?"),
        ("model=5", 2, "'model' is a step of the pipeline, not a parameter."),
        ("preprocess=none", 2, "'preprocess' is a step of the pipeline, not a parameter."),
        ("steps=1", 2, "'steps' is a step of the pipeline, not a parameter."),
        ("preprocess__numbers__with_mean=maybe", 3, "The 'with_mean' parameter of StandardScaler must be"),
    ],
)
def test_parameters_that_cannot_be_set(shop: Path, cli: Cli, word: str, code: int, message: str) -> None:
    refused = cli("train", "-p", word)
    assert (refused.code, message in refused.err) == (code, True), refused.err
    assert not (shop / "artifacts").exists()


PLAIN = """
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

def make():
    print("a word from the module")
    columns = ColumnTransformer([("numbers", StandardScaler(), ["spend", "active"])])
    return Pipeline([("columns", columns), ("answer", LogisticRegression())])
"""


def test_an_own_pipeline(shop: Path, cli: Cli, own: Callable[..., str]) -> None:
    name = own(PLAIN)
    done = cli("train", "--json")
    assert done.code == 0, done.err
    # What the module prints does not end up in the JSON.
    assert "a word from the module" in done.err
    assert (done.json["engine"], done.json["estimator"]) == ("portable", "sklearn.linear_model.LogisticRegression")
    recorded = Registry(shop, "shop").get().manifest.settings["model"]
    assert recorded["pipeline"] == f"{name}:make"
    assert kept(shop).get_params()["answer__random_state"] == 42
    assert cli("train", "--json").json["created"] is False
    assert cli("evaluate", "--json").json["metrics"] == done.json["metrics"]


def test_parameters_reach_an_own_pipeline(shop: Path, cli: Cli, own: Callable[..., str]) -> None:
    own(PLAIN, more="params = { C = 0.5, columns__numbers__with_mean = false }")
    assert cli("train").code == 0
    params = kept(shop).get_params()
    assert (params["answer__C"], params["columns__numbers__with_mean"]) == (0.5, False)
    refused = cli("train", "-p", "answer__CC=1")
    assert (refused.code, "Did you mean 'answer__C'?" in refused.err) == (2, True)


def test_one_estimator_alone_will_do(shop: Path, cli: Cli, own: Callable[..., str]) -> None:
    own(
        "from sklearn.ensemble import HistGradientBoostingRegressor\n"
        "def make():\n    return HistGradientBoostingRegressor(max_iter=3, categorical_features=['plan', 'churned'])\n",
        target="spend",
    )
    done = cli("train", "--json")
    assert done.code == 0, done.err
    assert (done.json["task"], done.json["engine"]) == ("regression", "portable")


FUNCTION = """
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

def wanted(frame):
    from {helpers} import COLUMNS
    return frame[COLUMNS]

def make():
    return make_pipeline(FunctionTransformer(wanted), DecisionTreeClassifier(max_depth=2))
"""


def test_functions_of_the_projects_modules(shop: Path, cli: Cli, own: Callable[..., str]) -> None:
    helpers = next(_names)
    (shop / f"{helpers}.py").write_text("COLUMNS = ['spend', 'active']\n")
    name = own(FUNCTION.format(helpers=helpers))
    done = cli("train", "--json")
    assert done.code == 0, done.err
    assert done.json["engine"] == "sklearn"
    # A later run has imported nothing of the project yet.
    for each in (name, helpers):
        del sys.modules[each]
    evaluated = cli("evaluate", "--json")
    assert (evaluated.code, evaluated.json["metrics"]) == (0, done.json["metrics"]), evaluated.err
    for each in (name, helpers):
        del sys.modules[each]
    compared = cli("compare", "latest", "--json")
    assert (compared.code, compared.json["noise"]) == (0, True), compared.err
    found = settings.load(shop)
    current = workflows._current(shop, found, None)
    assert current is not None
    assert current.id == done.json["version"]
    # Another pipeline in the same file: `up` trains again.
    path = shop / f"{name}.py"
    path.write_text(path.read_text().replace("max_depth=2", "max_depth=3"))
    assert workflows._current(shop, found, None) is None


def test_code_that_was_changed_since_is_told_of(shop: Path, cli: Cli, own: Callable[..., str]) -> None:
    helpers = next(_names)
    (shop / f"{helpers}.py").write_text("COLUMNS = ['spend', 'active']\n")
    name = own(FUNCTION.format(helpers=helpers))
    version = cli("train", "--json").json["version"]
    path = shop / f"{name}.py"
    path.write_text(path.read_text() + "\n# A word more.\n")
    for words in (("evaluate",), ("compare", "latest"), ("bench", "--runs", "1")):
        refused = cli(*words, "--json")
        assert (refused.code, refused.json["error"]["code"]) == (4, "code_changed"), refused.err
        assert refused.json["error"]["message"].startswith(f"{name}.py, which model version {version[:12]} runs")
    assert cli("models", "show", "--json").json["trusted"] is False
    assert sorted(cli("models", "trust", version, "--json").json["modules"]) == sorted([f"{name}.py", f"{helpers}.py"])
    assert f"! {name}.py has changed since model version {version[:12]} was made." in cli("evaluate").err
    path.write_text(path.read_text().replace("return frame[COLUMNS]", "raise LookupError('no luck any more')"))
    assert cli("models", "trust", version).code == 0
    for words in (("evaluate",), ("compare", "latest")):
        del sys.modules[name]
        refused = cli(*words)
        assert refused.code == 3
        assert f"Error: Model version {version[:12]} cannot predict: LookupError: no luck any more\n" in refused.err
        assert f"{name}.py" in cli(*words, "--debug").err


def test_what_was_warned_of_in_training_is_not_repeated(shop: Path, cli: Cli, own: Callable[..., str]) -> None:
    own(raising("warn"))
    assert "scikit-learn warns: a word of warning" in cli("train").err
    for words in (("evaluate",), ("compare", "latest")):
        again = cli(*words)
        assert (again.code, "warning" in again.err) == (0, False), again.err


def raising(where: str) -> str:
    """A module whose estimator raises in fit or predict."""
    return f"""
import warnings
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

class Odd(ClassifierMixin, BaseEstimator):
    def fit(self, frame, answers):
        self.classes_ = np.unique(answers)
        if "{where}" == "fit":
            raise LookupError("no luck in fit\\nand more of it")
        return self

    def predict(self, frame):
        if "{where}" == "predict" or ("{where}" == "one row" and len(frame) == 1):
            raise LookupError("no luck in predict")
        if "{where}" == "warn":
            warnings.warn("a word of warning", UserWarning, stacklevel=1)
        if "{where}" == "exit":
            raise SystemExit("gone")
        return ["perhaps" if "{where}" == "class" else "yes"] * len(frame)

def make():
    return Odd()
"""


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("raise LookupError('no luck\\nand more')\n", 3, "failed: LookupError: no luck"),
        ("import sys\nsys.exit(0)\n", 3, "failed: SystemExit: 0"),
        ("def make(:\n", 3, "failed: SyntaxError: invalid syntax"),
        ("import nosuchmodule\n", 3, "failed: ModuleNotFoundError: No module named 'nosuchmodule'"),
        ("def make():\n    raise ValueError('no columns')\n", 3, "failed: ValueError: no columns"),
        ("def make(columns):\n    return None\n", 3, "failed: TypeError: make() missing 1 required positional"),
        ("def mke():\n    return None\n", 3, "has no function 'make'. Did you mean 'mke'?"),
        ("make = 5\n", 3, "failed: TypeError: 'int' object is not callable"),
        ("def make():\n    return None\n", 2, "returned NoneType, which is not a scikit-learn estimator."),
        (
            "from sklearn.tree import DecisionTreeClassifier\ndef make():\n    return DecisionTreeClassifier\n",
            2,
            "returned the class DecisionTreeClassifier, not an instance of it.",
        ),
        (
            "from sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import StandardScaler\n"
            "def make():\n    return make_pipeline(StandardScaler())\n",
            2,
            "returned a pipeline whose last step, StandardScaler, cannot predict.",
        ),
        (
            "from sklearn.linear_model import LinearRegression\ndef make():\n    return LinearRegression()\n",
            2,
            "is not a classifier, which the target churned (binary) needs.",
        ),
        (raising("fit"), 3, "failed to train: LookupError: no luck in fit"),
        (raising("predict"), 3, "failed to train: LookupError: no luck in predict"),
        (raising("exit"), 3, "failed to train: SystemExit: gone"),
        (raising("class"), 3, "The model predicts 'perhaps', which is not a class of churned."),
        (raising("one row"), 3, "cannot predict a single row: LookupError: no luck in predict"),
        (
            "from sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import FunctionTransformer\n"
            "from sklearn.tree import DecisionTreeClassifier\ndef make():\n"
            "    return make_pipeline(FunctionTransformer(lambda frame: frame[['spend']]), DecisionTreeClassifier())\n",
            3,
            "The pipeline cannot be saved: ",
        ),
    ],
)
def test_an_own_pipeline_that_fails_is_told_of_in_its_words(
    shop: Path, cli: Cli, own: Callable[..., str], source: str, code: int, message: str
) -> None:
    name = own(source)
    refused = cli("train")
    assert (refused.code, message in refused.err) == (code, True), refused.err
    lines = refused.err.splitlines()
    assert [line.split(":")[0] for line in lines[-2:]] == ["Error", "Next"]
    assert "Traceback" not in refused.err
    assert name in lines[-2] or "The pipeline" in lines[-2] or "The model" in lines[-2]
    assert not (shop / "artifacts").exists()
    if code == 3:
        assert "Traceback" in cli("--debug", "train").err


def test_the_trace_of_the_users_own_code_is_shown_on_request(shop: Path, cli: Cli, own: Callable[..., str]) -> None:
    name = own(raising("fit"))
    shown = cli("--debug", "train").err
    assert f'{name}.py", line 10, in fit' in shown


@pytest.mark.parametrize(
    ("named", "code", "message"),
    [
        ("nosuch:make", 3, "The pipeline nosuch:make failed: ModuleNotFoundError: No module named 'nosuch'"),
        ("nosuch", 2, "model.pipeline = 'nosuch'"),
        ("my-module:make", 2, "model.pipeline = 'my-module:make'"),
    ],
)
def test_a_pipeline_that_is_not_there(shop: Path, cli: Cli, named: str, code: int, message: str) -> None:
    write_settings(shop, model=f'pipeline = "{named}"')
    refused = cli("train")
    assert (refused.code, message in refused.err) == (code, True), refused.err


def test_a_pipeline_takes_the_place_of_estimator_and_preprocess(shop: Path, cli: Cli) -> None:
    for other in ('estimator = "sklearn.tree.DecisionTreeClassifier"', "preprocess = []"):
        write_settings(shop, model=f'pipeline = "mine:make"\n{other}')
        refused = cli("train")
        assert refused.code == 2
        assert "pipeline replaces estimator and preprocess; set one or the other" in refused.err


def test_many_values_get_one_column_of_codes(shop: Path, cli: Cli) -> None:
    lines = ["town,size,t", *(f"town {at % 21},{at % 5},{'ab'[at % 2]}" for at in range(63))]
    (shop / "customers.csv").write_text("\n".join(lines) + "\n")
    write_settings(shop, "t")
    done = cli("train", "--json")
    assert done.code == 0, done.err
    assert "  codes: town: codes (ordinal): more than 20 values" in done.err
    assert done.json["engine"] == "portable"


def test_what_scikit_learn_prints_does_not_break_the_json(shop: Path, cli: Cli) -> None:
    done = cli("train", "--json", "-p", "verbose=2")
    assert done.code == 0
    assert done.json["engine"] == "portable"


def test_folds_and_seed_are_those_of_the_settings(shop: Path, cli: Cli) -> None:
    write_settings(shop, data="seed = 7", model="cv = 3\nparams = { n_estimators = 5 }")
    document = cli("train", "--json").json
    assert (document["cv"]["folds"], len(document["cv"]["accuracy"]["scores"])) == (3, 3)
    assert kept(shop).get_params()["model__random_state"] == 7
    assert cli("train", "--json", "-p", "random_state=1").json["version"] != document["version"]
    assert kept(shop).get_params()["model__random_state"] == 1


def test_an_estimator_that_can_predict_once_it_is_fitted(project: Path) -> None:
    (project / "stacked.py").write_text(
        "from sklearn.ensemble import StackingClassifier\n"
        "from sklearn.tree import DecisionTreeClassifier\n"
        "def make():\n"
        "    return StackingClassifier([('a', DecisionTreeClassifier(max_depth=1))], cv=2)\n"
    )
    found = settings.load(project, flags={"model": {"pipeline": "stacked:make"}})
    dataset = loading.load(found, project)
    assert pipeline.estimator_name(pipeline.make_pipeline(found.model, dataset, 0, project)).endswith(
        "StackingClassifier"
    )


def test_what_c_code_and_children_print_goes_to_stderr(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pipeline.project_modules(project):
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        ctypes.CDLL(None).puts(b"from C")
    print("from us")
    out, err = capfd.readouterr()
    assert out == "from us\n"
    assert err.splitlines() == ["from a child", "from C"]


def test_modules_of_the_project_come_after_those_that_are_installed(project: Path) -> None:
    for name in ("colorsys", "msvcrt", "of_the_project"):
        (project / f"{name}.py").write_text("where = 'project'\n")
    sys.modules.pop("colorsys", None)
    before, finders = [*sys.path], [*sys.meta_path]
    with pipeline.project_modules(project), pipeline.project_modules(project):
        assert not hasattr(importlib.import_module("colorsys"), "where")
        assert importlib.import_module("of_the_project").where == "project"
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("msvcrt")
        script = "import sys, os; print(os.getcwd() in sys.path, '' in sys.path)"
        child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert child.stdout == "False False\n"
    assert ([*sys.path], [*sys.meta_path]) == (before, finders)
    sys.modules.pop("of_the_project")


def test_a_path_that_holds_the_folder_already_keeps_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(project), *sys.path])
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    before = [*sys.path]
    with pipeline.project_modules(project):
        assert sys.path == [*before, str(project)]
        assert os.environ["PYTHONSAFEPATH"] == "1"
    assert sys.path == before
    assert "PYTHONSAFEPATH" not in os.environ


def test_a_module_with_the_name_of_an_installed_one_is_reported(shop: Path, cli: Cli) -> None:
    (shop / "joblib.py").write_text("def make():\n    raise AssertionError('ran')\n")
    write_settings(shop, model="pipeline = 'joblib:make'")
    result = cli("train", "--json")
    assert (result.code, result.json["error"]["code"]) == (3, "pipeline_failed")
    assert result.json["error"]["message"].startswith("The module joblib of the project has the name of an installed")


def test_a_module_that_imports_a_hidden_one_is_reported_why_it_fails(shop: Path, cli: Cli) -> None:
    (shop / "yaml.py").write_text("ours = 1\n")
    (shop / "needs_ours.py").write_text("from yaml import ours\ndef make():\n    pass\n")
    write_settings(shop, model="pipeline = 'needs_ours:make'")
    result = cli("train")
    assert result.code == 3
    assert "Modules that have the name of an installed one are not imported: yaml." in result.err
