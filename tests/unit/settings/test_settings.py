"""The precedence of flags, environment, .env, stage table, file and defaults."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlctl import settings
from mlctl.errors import MlctlError
from mlctl.settings import deploy as settings_deploy
from tests.conftest import Cli


def write(folder: Path, text: str) -> None:
    (folder / "mlctl.toml").write_text(text)


def test_without_a_file_the_project_is_iris(project: Path) -> None:
    found = settings.load(project)
    assert (found.project, found.data.source, found.model.estimator, found.model.cv) == (
        "iris",
        "iris",
        "auto",
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
        ("Project = 'x'\n", "mlctl.toml: unknown key 'Project'. Did you mean 'project'?"),
        ("[DEPLOY]\nauth = 'iam'\n", "mlctl.toml: unknown key 'DEPLOY'. Did you mean 'deploy'?"),
        ("[Stage.prod]\nauth = 'iam'\n", "mlctl.toml: unknown key 'Stage'. Did you mean 'stage'?"),
        ("[stage.pröd]\nmemory = 512\n", "mlctl.toml is not valid TOML"),
        ("[stage.'pröd']\nmemory = 512\n", "mlctl.toml: stage.pröd = 'pröd': String should match pattern"),
        ("[stage.Prod]\n[stage.prod]\n", "The stages 'Prod' and 'prod' differ only in case."),
        ("[stage.LOCAL]\n", "The stages 'local' and 'LOCAL' differ only in case."),
        ("[modle]\ncv = 3\n", "mlctl.toml: unknown key 'modle'. Did you mean 'model'?"),
        ("[model]\nestimatr = 'x'\n", "mlctl.toml: unknown key 'model.estimatr'. Did you mean 'estimator'?"),
        ("[stage.prod]\nmemroy = 512\n", "mlctl.toml: unknown key 'stage.prod.memroy'. Did you mean 'memory'?"),
        ("[deploy.throttle]\nburts = 5\n", "mlctl.toml: unknown key 'deploy.throttle.burts'. Did you mean 'burst'?"),
        ("[deploy]\nmemory = 5\n", "mlctl.toml: deploy.memory = 5: Input should be greater than or equal to 128."),
        ("[deploy]\nlog_retention = 2\n", "mlctl.toml: deploy.log_retention = 2: Input should be 1, 3, 5"),
        ("[data]\ntest_size = 1.5\n", "mlctl.toml: data.test_size = 1.5: Input should be less than 1."),
        ("project = 'a b'\n", "mlctl.toml: project = 'a b': String should match pattern"),
        ("[deploy\n", "mlctl.toml is not valid TOML"),
        ("[deploy]\nauth = 'open'\n", "mlctl.toml: deploy.auth = 'open': Input should be 'none', 'iam' or 'jwt'."),
    ],
)
def test_a_mistake_is_reported_in_one_line_with_the_nearest_key(
    project: Path, cli: Cli, text: str, message: str
) -> None:
    write(project, text)
    result = cli("train")
    assert result.code == 2
    assert result.err.startswith(f"Error: {message}")
    assert result.err.splitlines()[1].startswith("Next:")
    assert len(result.err.splitlines()) == 2


@pytest.mark.parametrize("stage", ["prod", "PROD", "Local"])
def test_a_stage_in_another_case_is_not_another_stage(project: Path, cli: Cli, stage: str) -> None:
    """It would be deployed without what its table sets: open to all, or on AWS instead of this machine."""
    write(project, "[stage.Prod]\nauth = 'iam'\nregion = 'eu-west-1'\n")
    for words in ("deploy --dry-run", "status", "export", "rollback", "logs", "doctor", "config"):
        refused = cli(*words.split(), "--stage", stage)
        assert (refused.code, f"and '{stage}' differ only in case" in refused.err) == (2, True), words
    assert settings.load(project, stage="Prod").deploy.auth == "iam"


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
    assert settings_deploy.default_python() in settings_deploy.LAMBDA_PYTHONS

    class Version(tuple[int, ...]):
        major, minor = 3, 99

    monkeypatch.setattr("sys.version_info", Version())
    assert settings_deploy.default_python() == settings_deploy.LAMBDA_PYTHONS[-1]


def test_tables_of_a_stage_are_laid_over_table_by_table(project: Path) -> None:
    write(project, "[deploy.throttle]\nrate = 10\nburst = 20\n[stage.prod.throttle]\nrate = 5\n")
    assert settings.load(project, stage="prod").deploy.throttle == settings_deploy.Throttle(rate=5, burst=20)


def test_parameters_in_variables_are_values_not_text(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".env").write_text("MLCTL_MODEL__PARAMS__MAX_DEPTH=3\n")
    monkeypatch.setenv("MLCTL_MODEL__PARAMS__N_ESTIMATORS", "5")
    monkeypatch.setenv("MLCTL_MODEL__PARAMS__CRITERION", "entropy")
    found = settings.load(project).model.params
    assert found == {"n_estimators": 5, "criterion": "entropy", "max_depth": 3}
    monkeypatch.setenv("MLCTL_MODEL__PARAMS", '{"n_estimators": 7}')
    monkeypatch.delenv("MLCTL_MODEL__PARAMS__N_ESTIMATORS")
    assert settings.load(project).model.params["n_estimators"] == 7


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("MLCTL_DEPLOY__MEMORY", "5", "MLCTL_DEPLOY__MEMORY: deploy.memory = '5': Input should be greater"),
        ("MLCTL_MEMORY", "1", "Unknown variable MLCTL_MEMORY."),
        ("MLCTL_LOCAL_PRT", "1", "MLCTL_LOCAL_PRT. Did you mean 'MLCTL_LOCAL_PORT'?"),
        ("MLCTL_STAGE", "prod", "Unknown variable MLCTL_STAGE."),
        ("MLCTL_MODEL__PARAMS", "{bad", "A MLCTL_* variable cannot be read"),
        ("MLCTL_LOCAL_ENDPOINT", "localhost:4566", "MLCTL_LOCAL_ENDPOINT: local_endpoint = 'localhost:4566'"),
    ],
)
def test_variables_that_cannot_be_used(
    project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    write(project, "[deploy]\nmemory = 256\n")
    monkeypatch.setenv(name, value)
    result = cli("models")
    assert result.code == 2
    assert message in result.err
    assert len(result.err.splitlines()) == 2


def test_a_typo_in_the_dotenv_is_found_and_a_broken_one_told(project: Path, cli: Cli) -> None:
    (project / ".env").write_text("MLCTL_LOCAL_PRT=1\n")
    assert "Did you mean 'MLCTL_LOCAL_PORT'?" in cli("models").err
    (project / ".env").write_bytes(b"A=\xff\n")
    assert cli("models").code == 2
    (project / ".env").unlink()
    (project / "mlctl.toml").write_bytes(b"project = '\xff'\n")
    assert cli("models").code == 2


def test_the_variable_of_the_cache_folder_is_known(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLCTL_CACHE_DIR", "/somewhere")
    settings.load(project)


def test_config_shows_every_value_and_where_it_came_from(
    project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        project, "project = 'mine'\n[model.params]\nmax_depth = 3\n[deploy]\ntimeout = 7\n[stage.prod]\nmemory = 512\n"
    )
    (project / ".env").write_text("MLCTL_DATA__SEED=7\n")
    monkeypatch.setenv("MLCTL_DEPLOY__THROTTLE__RATE", "5")
    found = {each["key"]: (each["value"], each["from"]) for each in cli("config", "--stage", "prod", "--json").json}
    assert found["project"] == ("mine", "mlctl.toml")
    assert found["model.params.max_depth"] == (3, "mlctl.toml")
    assert found["deploy.timeout"] == (7, "mlctl.toml")
    assert found["deploy.memory"] == (512, "mlctl.toml, [stage.prod]")
    assert found["data.seed"] == (7, ".env")
    assert found["deploy.throttle.rate"] == (5, "MLCTL_DEPLOY__THROTTLE__RATE")
    assert found["deploy.throttle.burst"] == (100, "default")
    assert found["model.preprocess"] == ("auto", "default")
    assert not any(key.startswith("stage") for key in found)
    local = {each["key"]: each for each in cli("config", "--json").json}
    assert local["deploy.memory"] == {"key": "deploy.memory", "value": 256, "from": "default"}
    rows = [" ".join(line.split()) for line in cli("config", "--stage", "prod").out.splitlines()]
    assert "deploy.memory 512 mlctl.toml, [stage.prod]" in rows
    assert "deploy.region not set default" in rows


def test_the_schema_describes_the_file(cli: Cli) -> None:
    schema = json.loads(cli("config", "schema").out)
    assert schema == json.loads(cli("config", "--json", "schema").out)
    assert set(schema["properties"]) == set(settings.Settings.model_fields)
    assert schema["additionalProperties"] is False
    assert schema["properties"]["stage"]["additionalProperties"] == {"$ref": "#/$defs/DeploySettings"}
    deploy = schema["$defs"]["DeploySettings"]["properties"]
    assert (deploy["memory"]["minimum"], deploy["memory"]["maximum"], deploy["memory"]["default"]) == (128, 10240, 256)


def test_a_flag_is_blamed_for_its_own_value(project: Path) -> None:
    with pytest.raises(MlctlError, match=r"^a flag: model\.cv = 1: Input should be greater"):
        settings.load(project, flags={"model": {"cv": 1}})


def test_a_rule_between_keys_is_reported_in_its_own_words(project: Path) -> None:
    write(project, '[data]\nsplit = "time"\n')
    with pytest.raises(MlctlError, match=r'^mlctl.toml: \[data\] split = "group" or "time" and split_by = ') as error:
        settings.load(project)
    assert error.value.exit_code == 2
