"""Several targets in the settings, and the dataset for them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlctl import settings
from mlctl.settings import DataSettings
from tests.conftest import Cli
from tests.support.two_targets import FEATURES, SETTINGS, TARGETS, body, load, write


@pytest.fixture
def gym(project: Path) -> Path:
    """A project with that table, quick to train by."""
    write(project)
    return project


def refused(cli: Cli, *words: str) -> str:
    done = cli("train", *words)
    assert done.code == 3, done.err
    return done.err


class TestNames:
    @pytest.mark.parametrize(
        ("target", "columns", "names"),
        [
            (None, ["a"], ()),
            ("a", ["a", "b"], ("a",)),
            (" a", ["a"], (" a",)),
            ("a,b", ["a", "b"], ("a", "b")),
            ("a, b ,a", ["a", "b"], ("a", "b")),
            ("a,b", ["a,b", "a", "b"], ("a,b",)),
            ("a,b", ["c"], ("a,b",)),
            ("a,c", ["a", "b"], ("a", "c")),
            (["a", "b"], ["a,b"], ("a", "b")),
            (["a"], [], ("a",)),
            (["a,b"], ["a,b"], ("a,b",)),
            (["b", "a", "b"], [], ("b", "a")),
        ],
    )
    def test_a_column_of_that_name_comes_first(self, target: Any, columns: list[str], names: tuple[str, ...]) -> None:
        assert DataSettings(target=target).target_names(columns) == names

    @pytest.mark.parametrize("value", ["5", "[]", "[1]", '["a", 1]', "{ a = 1 }"])
    def test_what_is_no_name_is_refused(self, project: Path, cli: Cli, value: str) -> None:
        (project / "mlctl.toml").write_text(f"[data]\ntarget = {value}\n")
        done = cli("config")
        assert done.code == 2
        assert "mlctl.toml: data.target = " in done.err
        assert "Input should be a column name or a list of column names." in done.err

    @pytest.mark.parametrize(
        ("text", "target"),
        [
            ("waist", "waist"),
            ("waist,weight", "waist,weight"),
            ('["waist", "weight"]', ("waist", "weight")),
            ('["waist"]', "waist"),
            ("[waist]", "[waist]"),
            ("5", "5"),
            ("5.0", "5.0"),
            ("true", "true"),
            ("null", "null"),
            ('"waist"', '"waist"'),
        ],
    )
    @pytest.mark.parametrize("in_file", [False, True])
    def test_a_variable_holds_a_name_or_a_list(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, text: str, target: Any, in_file: bool
    ) -> None:
        if in_file:
            (project / ".env").write_text(f"MLCTL_DATA__TARGET='{text}'\n")
        else:
            monkeypatch.setenv("MLCTL_DATA__TARGET", text)
        assert settings.load(project).data.target == target

    def test_of_one_target_the_settings_are_written_as_before(self) -> None:
        assert settings.Settings(data=DataSettings(target="a")).identity()["data"]["target"] == "a"
        assert settings.Settings(data=DataSettings(target=("a", "b"))).identity()["data"]["target"] == ["a", "b"]

    def test_the_schema_of_the_file_knows_both(self) -> None:
        known = settings.json_schema()["$defs"]["DataSettings"]["properties"]["target"]
        assert [each["type"] for each in known["anyOf"]] == ["string", "array", "null"]

    def test_a_flag_takes_commas(self, gym: Path, cli: Cli) -> None:
        (gym / "mlctl.toml").write_text('project = "body"\n')
        words = ("--source", "body.csv", "--target", "waist, weight", "--json")
        assert cli("data", "describe", *words).json["target"] == TARGETS


class TestDataset:
    def test_all_named_columns_are_targets_and_none_a_feature(self, gym: Path) -> None:
        found = load(gym)
        assert (found.task, found.feature_names, found.target_name) == ("regression", tuple(FEATURES), "waist, weight")
        np.testing.assert_array_equal(found.answers(), body()[TARGETS].to_numpy())
        np.testing.assert_array_equal(found.answers(np.array([4, 2])), body()[TARGETS].to_numpy()[[4, 2]])

    def test_few_whole_numbers_are_no_classes_where_there_are_several(self, project: Path) -> None:
        frame = body()
        frame["waist"] = frame.age % 3
        write(project, frame)
        assert load(project).is_regression

    def test_the_digest_knows_how_many_there_are_and_in_which_order(self, gym: Path) -> None:
        digests = set()
        for data in ("", 'target = ["weight", "waist"]', 'target = "weight"', 'split = "time"\nsplit_by = "weight"'):
            toml = SETTINGS.format(data=data, model="")
            if "target" in data or "split" in data:
                toml = toml.replace('target = ["waist", "weight"]\n', "" if "target" in data else 'target = "waist"\n')
            (gym / "mlctl.toml").write_text(toml)
            digests.add(load(gym).digest)
        assert len(digests) == 4

    @pytest.mark.parametrize(
        ("column", "values", "data", "said"),
        [
            ("waist", None, "", "has no value of the target waist in 1 of 60 rows (first: row 8)"),
            ("weight", float("inf"), "", "has an infinite target weight in row 8"),
        ],
    )
    def test_gaps_of_any_target_are_refused(
        self, project: Path, cli: Cli, column: str, values: Any, data: str, said: str
    ) -> None:
        frame = body()
        frame.loc[7, column] = values
        write(project, frame, data=data)
        assert said in refused(cli)

    @pytest.mark.parametrize(("column", "kind"), [("plan", "category"), ("day", "date"), ("truth", "boolean")], ids=str)
    @pytest.mark.parametrize("task", ["auto", "regression"])
    def test_several_targets_must_be_numbers(self, project: Path, cli: Cli, column: str, kind: str, task: str) -> None:
        frame = body().assign(day="2024-01-01", truth=[True, False] * 30)
        write(project, frame, data=f'task = "{task}"')
        said = refused(cli, "--target", f"waist,{column}")
        assert f"body.csv has a target {column} of kind {kind}: several targets must be numbers." in said

    @pytest.mark.parametrize("task", ["binary", "multiclass"])
    def test_several_targets_are_no_classes(self, project: Path, cli: Cli, task: str) -> None:
        write(project, data=f'task = "{task}"')
        problem = f'has 2 targets, but [data] task = "{task}" allows one: several targets must be numbers.'
        assert problem in refused(cli)

    def test_what_is_not_there_or_left_out_is_refused(self, project: Path, cli: Cli) -> None:
        write(project, data='ignore = ["weight"]')
        assert "has the target weight, but [data] ignore excludes it." in refused(cli)
        assert "has the target weight, but [data] ignore excludes it." in refused(cli, "--target", "waist,weight")
        said = refused(cli, "--target", "waist,wieght")
        assert "has no column 'wieght', which [data] target names." in said
        assert "Did you mean" in refused(cli, "--target", "waits")

    def test_targets_alone_are_no_table(self, project: Path, cli: Cli) -> None:
        write(project, body()[TARGETS])
        assert "has no column but the targets waist, weight." in refused(cli)

    def test_built_in_sets_have_one_target(self, project: Path, cli: Cli) -> None:
        said = refused(cli, "--target", "species,petal_width")
        assert "The target of the built-in dataset 'iris' is species, not 'species,petal_width'." in said
        (project / "mlctl.toml").write_text('[data]\ntarget = ["a", "b"]\n')
        assert "is species, not 'a, b'." in refused(cli)

    def test_each_target_is_looked_at(self, project: Path, cli: Cli) -> None:
        write(project, body().assign(twice=lambda frame: frame.weight * 2))
        warned = cli("data", "validate", "--json").json["warnings"]
        assert any(each.startswith("twice determines weight exactly. Is it known before weight is?") for each in warned)
        assert not any("tells waist" in each for each in warned)
        write(project, body().assign(weight=70.5))
        assert "the target weight is 70.5 in every row: nothing can be learned." in refused(cli)
        frame = body()
        write(project, pd.concat([frame, frame[:1]]))
        assert any("1 row repeats another row" in each for each in cli("data", "validate", "--json").json["warnings"])
        frame = pd.concat([frame, frame[:1]]).reset_index(drop=True)
        frame.loc[60, "weight"] = 1.5
        write(project, frame)
        assert cli("data", "validate", "--json").json["warnings"] == []

    def test_they_are_described(self, gym: Path, cli: Cli) -> None:
        found = cli("data", "describe", "--json").json
        assert found["target"] == TARGETS
        assert [each["name"] for each in found["target_column"]] == TARGETS
        shown = cli("data", "describe").out
        assert "3 features, target waist, weight (regression)" in shown
        assert all(f"{name} (target)" in shown for name in TARGETS)

    @pytest.mark.parametrize(
        ("data", "way"),
        [("", "plain"), ('split = "group"\nsplit_by = "plan"', "group"), ('split = "time"\nsplit_by = "age"', "time")],
    )
    def test_every_split_of_numbers_works(self, project: Path, cli: Cli, data: str, way: str) -> None:
        frame = body().assign(plan=lambda frame: "p" + (frame.age % 9).astype(str))
        write(project, frame, data=data)
        assert cli("data", "split", "--json").json["split"] == way
        assert cli("train", "--json").code == 0
        write(project, data='split = "stratified"')
        assert "needs classes, but waist, weight are numeric." in refused(cli)

    def test_init_writes_them_down(self, project: Path, cli: Cli) -> None:
        body().assign(constant=1).to_csv(project / "body.csv", index=False)
        done = cli("init", "body.csv", "--target", "waist,weight", "--json")
        assert (done.json["target"], done.json["task"], done.json["ignore"]) == (TARGETS, "regression", ["constant"])
        text = (project / "mlctl.toml").read_text()
        line = 'target = ["waist", "weight"]'
        assert f"{line.ljust(34)} # regression: several numbers to predict" in text
        assert load(project).target_name == "waist, weight"
        shown = cli("init", "body.csv", "--target", "waist,weight", "--force").out
        assert "waist, weight are the numbers to predict (regression)." in shown
        left_out = cli("init", "body.csv", "--target", "waist,weight", "--ignore", "weight", "--force")
        assert left_out.code == 2
        assert "weight is in both --target and --ignore." in left_out.err
