"""One resolution: flags, environment, .env, the stage's table, the file, defaults."""

from pathlib import Path
from typing import Any

import pytest

from mlctl import settings
from mlctl.errors import MlctlError
from tests.conftest import Cli


def write(folder: Path, text: str) -> None:
    (folder / "mlctl.toml").write_text(text)


def test_without_a_file_the_project_is_iris(project: Path) -> None:
    found = settings.load(project)
    assert (found.project, found.data.source, found.model.estimator, found.model.cv) == (
        "iris",
        "iris",
        "sklearn.ensemble.RandomForestClassifier",
        5,
    )
    assert (found.deploy.engine, found.deploy.memory, found.gates) == ("auto", 256, {})


def test_each_place_wins_over_the_next(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def memory(**more: Any) -> int:
        return settings.load(project, stage="prod", **more).deploy.memory

    assert memory() == 256
    write(project, "[deploy]\nmemory = 300\n")
    assert memory() == 300
    write(project, "[deploy]\nmemory = 300\ntimeout = 7\n[stage.prod]\nmemory = 400\n")
    assert memory() == 400
    assert settings.load(project, stage="prod").deploy.timeout == 7
    assert settings.load(project, stage="dev").deploy.memory == 300
    (project / ".env").write_text("MLCTL_DEPLOY__MEMORY=500\nSOMETHING_ELSE=1\n")
    assert memory() == 500
    monkeypatch.setenv("MLCTL_DEPLOY__MEMORY", "600")
    assert memory() == 600
    assert memory(flags={"deploy": {"memory": 700}}) == 700


def test_a_flag_adds_to_the_parameters_of_the_file(project: Path) -> None:
    write(project, "[model]\nparams = { n_estimators = 5, max_depth = 2 }\n")
    found = settings.load(project, flags={"model": {"params": {"n_estimators": 9}}})
    assert found.model.params == {"n_estimators": 9, "max_depth": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[modle]\ncv = 3\n", "mlctl.toml: unknown key 'modle'. Did you mean 'model'?"),
        ("[model]\nestimatr = 'x'\n", "mlctl.toml: unknown key 'model.estimatr'. Did you mean 'estimator'?"),
        ("[stage.prod]\nmemroy = 512\n", "mlctl.toml: unknown key 'stage.prod.memroy'. Did you mean 'memory'?"),
        ("[deploy.throttle]\nburts = 5\n", "mlctl.toml: unknown key 'deploy.throttle.burts'. Did you mean 'burst'?"),
        ("[deploy]\nmemory = 5\n", "mlctl.toml: deploy.memory = 5: Input should be greater than or equal to 128."),
        ("[deploy]\nlog_retention = 2\n", "mlctl.toml: deploy.log_retention = 2: Input should be 1, 3, 5"),
        ("[data]\ntest_size = 1.5\n", "mlctl.toml: data.test_size = 1.5: Input should be less than 1."),
        ("project = 'a b'\n", "mlctl.toml: project = 'a b': String should match pattern"),
        ("[deploy\n", "mlctl.toml is not valid TOML"),
        ("[deploy]\nauth = 'iam'\n", "mlctl.toml: deploy.auth = 'iam': Input should be 'none'."),
    ],
)
def test_a_mistake_is_told_in_one_line_with_the_nearest_key(project: Path, cli: Cli, text: str, message: str) -> None:
    write(project, text)
    result = cli("train")
    assert result.code == 2
    assert result.err.startswith(f"Error: {message}")
    assert result.err.splitlines()[1].startswith("Next:")
    assert len(result.err.splitlines()) == 2


def test_a_mistake_in_a_variable_is_told_too(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLCTL_DEPLOY__MEMROY", "512")
    with pytest.raises(MlctlError, match=r"unknown key 'deploy\.memroy'\. Did you mean 'memory'"):
        settings.load(project)


def test_the_project_is_the_nearest_folder_with_a_file(project: Path, cli: Cli) -> None:
    write(project, "project = 'mine'\n")
    deep = project / "a" / "b"
    deep.mkdir(parents=True)
    assert settings.find_project(deep) == project
    assert settings.find_project(project.parent) == project.parent
    assert "Project 'mine'" in cli("-C", str(project), "evaluate").err
    assert cli("-C", str(project / "nowhere"), "evaluate").code == 6


def test_the_default_python_is_one_that_lambda_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.default_python() in settings.LAMBDA_PYTHONS

    class Version(tuple[int, ...]):
        major, minor = 3, 99

    monkeypatch.setattr("sys.version_info", Version())
    assert settings.default_python() == settings.LAMBDA_PYTHONS[-1]
