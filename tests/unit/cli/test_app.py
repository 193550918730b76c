"""What a user sees: help, errors, JSON, tables."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlctl import __version__
from mlctl.cli.app import app
from mlctl.cli.help import GROUPS
from tests.conftest import ROOT, Cli


def test_help_shows_every_command_once(cli: Cli) -> None:
    shown = cli("--help")
    assert shown.code == 0
    names = [name for group in GROUPS.values() for name in group]
    registered = [command.name for command in app.registered_commands] + [group.name for group in app.registered_groups]
    assert sorted(names) == sorted(str(name) for name in registered)
    for name in names:
        assert f"\n  {name} " in shown.out


@pytest.mark.parametrize("words", [(), ("deploy",)])
def test_help_uses_the_width_of_the_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    def longest_line(columns: int) -> int:
        monkeypatch.setenv("COLUMNS", str(columns))
        return max(map(len, cli(*words, "--help").out.splitlines()))

    assert longest_line(70) <= 70
    assert 80 < longest_line(110) <= 110


@pytest.mark.parametrize("name", [name for group in GROUPS.values() for name in group])
def test_every_command_has_help_and_json(cli: Cli, name: str) -> None:
    shown = cli(name, "--help")
    assert shown.code == 0
    if name not in ("data", "local"):
        assert "--json" in shown.out


def test_version(cli: Cli) -> None:
    assert cli("--version").out == f"mlctl {__version__}\n"


def test_an_unknown_command_names_the_nearest(cli: Cli) -> None:
    result = cli("trian")
    assert result.code == 2
    assert "No such command 'trian'. Did you mean 'train'?" in result.err
    assert json.loads(cli("trian", "--json").out)["error"]["code"] == "usage"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("-p", "n_estimatrs=3"),
            "RandomForestClassifier has no parameter 'n_estimatrs'. Did you mean 'n_estimators'?",
        ),
        (("-p", "n_estimators"), "'n_estimators' is not NAME=VALUE."),
    ],
)
def test_wrong_parameters(project: Path, cli: Cli, words: tuple[str, ...], message: str) -> None:
    result = cli("train", *words)
    assert result.code == 2
    assert message in result.err


def test_a_value_that_scikit_learn_refuses_is_bad_input(project: Path, cli: Cli) -> None:
    result = cli("train", "-p", "n_estimators=-1")
    assert result.code == 3
    assert "scikit-learn cannot train sklearn.ensemble.RandomForestClassifier" in result.err
    assert list((project / "artifacts").rglob("manifest.json")) == []


@pytest.mark.parametrize(
    ("estimator", "nearest"),
    [
        ("sklearn.ensemble.RandomForestClasifier", "Did you mean 'sklearn.ensemble.RandomForestClassifier'?"),
        ("sklearn.linear.LogisticRegression", "Did you mean 'sklearn.linear_model.LogisticRegression'?"),
        ("RandomForestClasifier", "Did you mean 'sklearn.ensemble.RandomForestClassifier'?"),
        ("os.path", ""),
    ],
)
def test_an_estimator_that_does_not_exist(project: Path, cli: Cli, estimator: str, nearest: str) -> None:
    (project / "mlctl.toml").write_text(f'[model]\nestimator = "{estimator}"\n')
    result = cli("train")
    assert result.code == 2
    assert f"Unknown estimator '{estimator}'.{' ' if nearest else ''}{nearest}" in result.err


def test_train_shows_metrics_and_the_confusion_matrix(project: Path, cli: Cli) -> None:
    shown = cli("train")
    assert shown.code == 0
    rows = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert "accuracy 0.950 ± 0.031 0.900" in rows
    assert "virginica 0 2 8" in rows
    assert "mlctl deploy" in shown.out
    assert "✓ Cross-validating, 5 folds: accuracy 0.950 ± 0.031" in shown.err


def test_train_json_has_the_documented_keys(project: Path, cli: Cli) -> None:
    document = cli("train", "--json", "-p", "n_estimators=10").json
    assert {"version", "metrics", "cv", "engine", "path"} <= document.keys()
    assert {"accuracy", "precision", "recall", "f1", "per_class", "confusion_matrix"} <= document["metrics"].keys()
    assert document["cv"]["folds"] == len(document["cv"]["accuracy"]["scores"]) == 5
    assert document["engine"] == "portable"
    assert Path(document["path"]).name == document["version"]


def test_progress_as_json_lines(project: Path, cli: Cli) -> None:
    lines = [json.loads(line) for line in cli("--log-format", "json", "train", "--json").err.splitlines()]
    folds = [line["done"] for line in lines if line["event"] == "advance" and line["part"] == "cv"]
    assert folds == [1, 2, 3, 4, 5]
    assert {"timestamp", "level", "message", "event", "part"} <= lines[0].keys()


def test_data_describe_validate_split(project: Path, cli: Cli) -> None:
    described = cli("data", "describe", "--json").json
    assert [column["name"] for column in described["columns"]] == [
        "sepal_length",
        "sepal_width",
        "petal_length",
        "petal_width",
    ]
    assert described["classes"] == {"setosa": 50, "versicolor": 50, "virginica": 50}
    assert (described["columns"][0]["min"], described["columns"][0]["max"]) == (4.3, 7.9)
    assert "▃▇▅█▅█▆▃▂▃" in cli("data", "describe").out
    validated = cli("data", "validate", "--source", "digits", "--json").json
    assert validated["valid"] is True
    assert any("pixel_0_0 has the same value, 0" in warning for warning in validated["warnings"])
    parts = cli("data", "split", "--json").json
    assert parts["train"] == {"setosa": 40, "versicolor": 40, "virginica": 40}
    assert len(parts["test_rows"]) == 30
    assert parts == cli("data", "split", "--json").json
    assert "all              120    30" in cli("data", "split").out


def test_data_that_cannot_be_used(project: Path, cli: Cli) -> None:
    unknown = cli("data", "describe", "--source", "irsi")
    assert unknown.code == 3
    assert "There is no built-in dataset 'irsi', and no file of that name. Did you mean 'iris'?" in unknown.err
    (project / "mlctl.toml").write_text("[model]\ncv = 60\n")
    invalid = cli("data", "validate")
    assert invalid.code == 3
    assert "class setosa has 50 rows, fewer than the 60 folds of cross-validation. (2 more problems.)" in invalid.err
    (project / "mlctl.toml").write_text("[data]\ntest_size = 0.001\n")
    assert cli("train").code == 3


def test_models_show(trained: Path, cli: Cli) -> None:
    shown = cli("models", "show").out
    assert "sklearn.ensemble.RandomForestClassifier (defaults)" in shown
    assert "compiles, parity exact" in shown
    (listed,) = cli("models", "--json").json
    assert {"version", "created_at", "estimator", "metrics", "deployed"} <= listed.keys()
    assert listed["version"][:12] in cli("models").out


def test_an_unexpected_error_is_one_line_and_debug_shows_the_trace(
    project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("mlctl.core.data.describe", broken)
    result = cli("data", "describe")
    assert result.code == 1
    assert result.err.splitlines()[0] == "Error: Unexpected RuntimeError: boom"
    assert "Traceback" not in result.err
    assert "Traceback" in cli("--debug", "data", "describe").err


def test_ctrl_c_is_130_everywhere_but_in_a_tail(project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mlctl.core.data.describe", interrupted)
    result = cli("data", "describe")
    assert (result.code, result.err) == (130, "Error: Interrupted.\n")


def test_python_m(project: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "mlctl", "--version"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert finished.stdout == f"mlctl {__version__}\n"


@pytest.mark.parametrize("words", [(), ("data",), ("local",)])
def test_a_group_alone_shows_its_help(cli: Cli, words: tuple[str, ...]) -> None:
    shown = cli(*words)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("Usage: mlctl")


def test_debug_may_be_added_at_the_end(project: Path, cli: Cli) -> None:
    shown = cli("evaluate", "--debug")
    assert shown.code == 6
    assert "Traceback" in shown.err


@pytest.mark.parametrize(
    ("estimator", "code", "message"),
    [
        ("sklearn.ensemble.VotingClassifier", 2, "does not accept these parameters"),
        ("sklearn.cluster.KMeans", 2, "is not a classifier, which the target species (multiclass) needs."),
        (
            "sklearn.preprocessing.StandardScaler",
            2,
            "is not a classifier, which the target species (multiclass) needs.",
        ),
        (
            "sklearn.linear_model.LinearRegression",
            2,
            "is not a classifier, which the target species (multiclass) needs.",
        ),
    ],
)
def test_an_estimator_that_cannot_be_used(project: Path, cli: Cli, estimator: str, code: int, message: str) -> None:
    (project / "mlctl.toml").write_text(f'[model]\nestimator = "{estimator}"\n')
    result = cli("train")
    assert (result.code, message in result.err) == (code, True), result.err


def test_a_preprocessor_must_transform(project: Path, cli: Cli) -> None:
    (project / "mlctl.toml").write_text('[model]\npreprocess = ["sklearn.svm.SVC"]\n')
    result = cli("train")
    assert (result.code, "is not a transformer" in result.err) == (2, True)


def test_what_scikit_learn_warns_of_is_one_note(project: Path, cli: Cli) -> None:
    (project / "mlctl.toml").write_text(
        '[data]\nsource = "breast_cancer"\n[model]\nestimator = "sklearn.linear_model.LogisticRegression"\n'
        "preprocess = []\nparams = { max_iter = 5 }\n"
    )
    result = cli("train")
    assert result.code == 0
    notes = [line for line in result.err.splitlines() if "failed to converge" in line]
    assert len(notes) == 1
    assert notes[0].startswith("scikit-learn warns: lbfgs")
    assert "ConvergenceWarning" not in result.err


def test_a_version_that_cannot_be_deployed_is_not_offered_for_it(project: Path, cli: Cli) -> None:
    (project / "mlctl.toml").write_text('[model]\nestimator = "sklearn.svm.SVC"\n')
    assert "mlctl deploy" not in cli("train").out


def test_train_tells_of_missed_gates_and_refuses_impossible_ones_at_once(project: Path, cli: Cli) -> None:
    (project / "mlctl.toml").write_text("[gates]\naccuracy = 0.95\n")
    shown = cli("train")
    assert shown.code == 0
    assert "misses its gates: accuracy 0.9000 is below 0.95. It cannot be deployed." in shown.out
    assert "mlctl deploy" not in shown.out
    assert cli("train", "--json").json["gates"][0]["passed"] is False
    (project / "mlctl.toml").write_text("[gates]\naccuracy = 95\n")
    refused = cli("train")
    assert (refused.code, "Cross-validating" in refused.err) == (2, False)


def test_what_does_not_compile_is_no_success(project: Path, cli: Cli) -> None:
    (project / "mlctl.toml").write_text('[model]\nestimator = "sklearn.svm.SVC"\n')
    shown = cli("train")
    assert "! Compiling to the portable engine: SVC (step 'model') is not supported" in shown.err
    assert "sklearn, which this release cannot deploy: SVC" in shown.out


def test_a_target_that_is_not_the_sets_own(project: Path, cli: Cli) -> None:
    (project / "mlctl.toml").write_text('[data]\ntarget = "price"\n')
    refused = cli("train")
    assert (refused.code, "The target of the built-in dataset 'iris' is species" in refused.err) == (3, True)
    (project / "mlctl.toml").write_text('[data]\ntarget = "species"\n')
    assert cli("data", "validate").code == 0


def test_json_of_a_group_reaches_its_commands(trained: Path, cli: Cli) -> None:
    assert cli("models", "--json", "show").json["estimator"] == "sklearn.ensemble.RandomForestClassifier"


def test_the_operating_systems_refusals_are_told(trained: Path, cli: Cli) -> None:
    # Not even root can write there.
    result = cli("package", "-o", "/proc/folder/package.zip")
    assert result.code == 1
    assert result.err.startswith("Error: The operating system returned an error: ")
    assert json.loads(cli("package", "-o", "/proc/folder/package.zip", "--json").out)["error"]["code"] == "os_error"


def test_a_minimum_must_be_a_number(trained: Path, cli: Cli) -> None:
    assert cli("evaluate", "--min", "accuracy=nan").code == 2
