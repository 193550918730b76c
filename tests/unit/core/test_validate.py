"""`mlctl data validate FILE`: new rows against a version's schema, each breach with row, column and reason."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from mlctl import settings
from mlctl.core import train
from mlctl.registry.store import Registry
from tests.conftest import Cli
from tests.support.tables import HEADER, customers, write_customers, write_settings

FITS = "2024-03-11,40,basic,true,20.15"
FEATURES = HEADER.removesuffix(",churned")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one model version of customers. Only to be read."""
    folder = tmp_path_factory.mktemp("shop")
    write_customers(folder)
    write_settings(folder)
    train.run(folder, settings.load(folder))
    return folder


@pytest.fixture
def rows(shop: Path, tmp_path: Path) -> Any:
    """Writes rows to a file and gives its path."""

    def write(*lines: str, header: str = FEATURES, name: str = "new.csv") -> str:
        path = tmp_path / name
        path.write_text("\n".join((header, *lines)) + "\n")
        return str(path)

    return write


def found(cli: Cli, shop: Path, file: str, *words: str) -> Any:
    return cli("-C", str(shop), "data", "validate", file, "--json", *words)


def breach(row: int | None, column: str, reason: str) -> dict[str, Any]:
    return {"row": row, "column": column, "reason": reason}


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("2024-03-11,forty,basic,true,20.15", "age", "'forty' is not a number"),
        ("2024-03-11,1_0,basic,true,20.15", "age", "'1_0' is not a number"),
        ('2024-03-11,"40,5",basic,true,20.15', "age", "'40,5' is not a number"),
        ("2024-03-11,40,basic,true,", "spend", "has no value"),
        ("2024-03-11,40,basic,true,NA", "spend", "has no value"),
        ("2024-03-11,40,basic,true,1e39", "spend", "1e39 is not finite, or too large for float32"),
        ("2024-03-11,40,basic,true,-inf", "spend", "-inf is not finite, or too large for float32"),
        ("2024-03-11,40,gold,true,20.15", "plan", "'gold' was not seen in training"),
        ("2024-03-11,40,Basic,true,20.15", "plan", "'Basic' was not seen in training"),
        ("2024-03-11,40,basic,yes,20.15", "active", "'yes' is not true or false"),
        ("2024-03-11,40,basic,1,20.15", "active", "'1' is not true or false"),
        ("11.03.2024,40,basic,true,20.15", "joined", "'11.03.2024' is not an ISO 8601 date"),
        ("2024-02-30,40,basic,true,20.15", "joined", "'2024-02-30' is not an ISO 8601 date"),
        (",40,basic,true,20.15", "joined", "has no value"),
    ],
)
def test_what_breaks_the_schema(shop: Path, cli: Cli, rows: Any, line: str, column: str, reason: str) -> None:
    refused = found(cli, shop, rows(FITS, line, FITS))
    assert refused.code == 3
    assert refused.json["valid"] is False
    assert refused.json["problems"] == [breach(2, column, reason)]
    assert refused.json["problem_count"] == 1
    assert refused.json["error"]["code"] == "schema_broken"
    assert "new.csv does not match the schema of model version" in refused.json["error"]["message"]
    assert refused.json["error"]["message"].endswith(": 1 problem.")


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("2024-03-11,240,basic,true,20.15", "age", "240 is outside the training range 18 to 79"),
        ("2024-03-11,40.5,basic,true,20.15", "age", "40.5 has a fraction; all values in training were whole"),
        (
            "1999-01-01,40,basic,true,20.15",
            "joined",
            "1999-01-01 is outside the training range 2024-01-10 to 2024-09-15",
        ),
        (
            "2030-01-01T12:30:00+02:00,40,basic,true,20.15",
            "joined",
            "2030-01-01T10:30:00 is outside the training range 2024-01-10 to 2024-09-15",
        ),
    ],
)
def test_what_training_never_saw_is_a_warning(
    shop: Path, cli: Cli, rows: Any, line: str, column: str, reason: str
) -> None:
    done = found(cli, shop, rows(line, FITS))
    assert done.code == 0
    assert done.json["valid"] is True
    assert (done.json["problems"], done.json["problem_count"]) == ([], 0)
    assert done.json["warnings"] == [breach(1, column, reason)]
    assert done.json["warning_count"] == 1
    assert "error" not in done.json


@pytest.mark.parametrize(
    "line",
    [
        "2024-03-11T12:30:00.250Z,40,basic,true,20.15",
        "2024-03-11 12:30:00,,,FALSE,2.015e1",
        "2024-03-11,NA,n/a,False,20.15",
    ],
)
def test_what_fits(shop: Path, cli: Cli, rows: Any, line: str) -> None:
    assert found(cli, shop, rows(line)).json | {"version": ""} == {
        "source": "new.csv",
        "version": "",
        "rows": 1,
        "valid": True,
        "problems": [],
        "problem_count": 0,
        "warnings": [],
        "warning_count": 0,
    }


def test_columns_that_are_missing_or_unknown(shop: Path, cli: Cli, rows: Any) -> None:
    header = FEATURES.replace("spend", "spent") + ",note"
    refused = found(cli, shop, rows(f"{FITS},x", header=header))
    assert refused.code == 3
    assert refused.json["problems"] == [breach(None, "spend", "is missing from the file")]
    assert refused.json["warnings"] == [
        breach(None, "spent", "is not a feature of the model. Did you mean 'spend'?"),
        breach(None, "note", "is not a feature of the model: it is not used"),
    ]


def test_a_column_that_is_not_used_may_hold_anything(shop: Path, cli: Cli, rows: Any) -> None:
    lines = [f"{FITS},{'?' if number == 7 else number}" for number in range(30)]
    done = found(cli, shop, rows(*lines, header=f"{FEATURES},note"))
    assert (done.code, done.json["rows"], done.json["problems"]) == (0, 30, [])


def test_the_target_and_the_order_do_not_matter(shop: Path, cli: Cli, rows: Any) -> None:
    reordered = "spend,churned,active,plan,age,joined"
    done = found(cli, shop, rows("20.15,who knows,true,basic,40,2024-03-11", header=reordered))
    assert (done.code, done.json["warnings"]) == (0, [])


def test_the_data_that_was_trained_on_fits(shop: Path, cli: Cli) -> None:
    done = found(cli, shop, str(shop / "customers.csv"))
    assert (done.code, done.json["rows"], done.json["problems"]) == (0, 60, [])


def test_a_value_of_held_out_rows_alone_is_a_warning(project: Path, cli: Cli) -> None:
    """A category may be so rare that training never sees it; the file that it is from still fits."""
    names, *lines = (line.split(",") for line in customers())
    for at, line in enumerate(lines):
        line[2] = f"rare {at}" if at % 4 == 0 else "common"
    write_settings(project)
    (project / "customers.csv").write_text("\n".join(",".join(line) for line in [names, *lines]) + "\n")
    assert cli("train").code == 0
    schema = Registry(project, "shop").get().read_json("schema.json")
    plan = next(each for each in schema["features"] if each["name"] == "plan")
    assert sorted(plan["values"]) == sorted({line[2] for line in lines})
    assert plan["values"] == [
        name for _, name in sorted((-count, name) for name, count in zip(plan["values"], plan["counts"], strict=True))
    ]
    assert sum(plan["counts"]) == 48
    unseen = {name for name, count in zip(plan["values"], plan["counts"], strict=True) if not count}
    assert unseen
    done = cli("data", "validate", "customers.csv", "--json")
    assert (done.code, done.json["problems"]) == (0, [])
    assert [each for each in done.json["warnings"] if each["column"] == "plan"] == [
        breach(row, "plan", f"'{line[2]}' was not seen in training")
        for row, line in enumerate(lines, start=1)
        if line[2] in unseen
    ]


def test_a_person_sees_a_table_in_the_order_of_the_rows(shop: Path, cli: Cli, rows: Any) -> None:
    file = rows("2024-03-11,40,gold,true,20.15", FITS, "2024-03-11,x,basic,true,99", "x,40,basic,2,20.15")
    shown = cli("-C", str(shop), "data", "validate", file)
    assert shown.code == 3
    assert [line.split(maxsplit=2) for line in shown.out.splitlines()] == [
        ["row", "column", "problem"],
        ["1", "plan", "'gold' was not seen in training"],
        ["3", "age", "'x' is not a number"],
        ["4", "joined", "'x' is not an ISO 8601 date"],
        ["4", "active", "'2' is not true or false"],
        ["row", "column", "warning"],
        ["3", "spend", "99 is outside the training range 0.05 to 49.75"],
    ]
    assert ": 4 problems.\nNext:  Correct the rows; `mlctl models show --json` shows the schema.\n" in shown.err
    fits = cli("-C", str(shop), "data", "validate", rows(FITS))
    assert fits.out.startswith("✓ new.csv: 1 row matches the schema of model version ")


def test_a_limit_shortens_the_list_and_not_the_count(shop: Path, cli: Cli, rows: Any) -> None:
    file = rows(*["2024-03-11,x,basic,true,20.15"] * 30)
    assert [len(found(cli, shop, file).json["problems"]), found(cli, shop, file).json["problem_count"]] == [20, 30]
    assert len(found(cli, shop, file, "--limit", "2").json["problems"]) == 2
    assert "… and 28 more; --limit shows them." in cli("-C", str(shop), "data", "validate", file, "--limit", "2").out
    assert found(cli, shop, file, "--limit", "0").code == 2


def test_of_very_many_problems_it_says_that_there_are_more(shop: Path, cli: Cli, rows: Any) -> None:
    refused = found(cli, shop, rows(*["2024-03-11,x,gold,true,20.15"] * 10_001))
    assert refused.json["problem_count"] == 10_000
    assert "10000 or more problems." in refused.json["error"]["message"]


def test_rows_from_standard_input(shop: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    given = f"{FEATURES}\n2024-03-11,40,gold,true,20.15\n".encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(given), isatty=lambda: False))
    refused = found(cli, shop, "-")
    assert refused.json["source"] == "standard input"
    assert refused.json["problems"] == [breach(1, "plan", "'gold' was not seen in training")]


def test_parquet_and_json_lines(shop: Path, cli: Cli, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "joined": pd.to_datetime(["2024-03-11T00:00:00", "2024-03-12T10:00:00"]),
            "age": [40.0, None],
            "plan": ["basic", "gold"],
            "active": [True, False],
            "spend": [20.15, 20.25],
        }
    )
    frame.to_parquet(tmp_path / "new.parquet")
    frame.assign(joined=["2024-03-11", "2024-03-12"]).to_json(tmp_path / "new.jsonl", orient="records", lines=True)
    for name in ("new.parquet", "new.jsonl"):
        refused = found(cli, shop, str(tmp_path / name))
        assert refused.json["problems"] == [breach(2, "plan", "'gold' was not seen in training")], name
        assert refused.json["warnings"] == [], name


def test_single_precision_is_no_news(project: Path, cli: Cli) -> None:
    tenths = [at % 7 / 10 + 0.1 for at in range(40)]
    frame = pd.DataFrame({"a": tenths, "b": range(40), "t": ["x", "y"] * 20}).astype({"a": "float32"})
    frame.to_parquet("t.parquet")
    (project / "mlctl.toml").write_text(
        '[data]\nsource = "t.parquet"\ntarget = "t"\nignore = ["b"]\n[model]\ncv = 2\nparams = { n_estimators = 3 }\n'
    )
    cli("train")
    assert cli("data", "validate", "t.parquet", "--json").json["warnings"] == []


def test_another_version_has_its_own_schema(project: Path, cli: Cli) -> None:
    write_customers(project)
    write_settings(project, data='ignore = ["plan"]')
    first = cli("train", "--json").json["version"]
    write_settings(project)
    cli("train")
    (project / "new.csv").write_text(f"{FEATURES}\n2024-03-11,40,gold,true,20.15\n")
    assert cli("data", "validate", "new.csv").code == 3
    done = cli("data", "validate", "new.csv", "--version", first[:8], "--json")
    assert (done.code, done.json["version"]) == (0, first)
    assert cli("data", "validate", "new.csv", "--version", "zzz").code == 6
    assert cli("data", "validate", "none.csv").code == 6


def test_columns_that_the_settings_leave_out_are_no_news(project: Path, cli: Cli) -> None:
    write_customers(project)
    write_settings(project, data='ignore = ["plan"]\nsplit = "group"\nsplit_by = "age"')
    (project / "customers.csv").write_text((project / "customers.csv").read_text().replace(",,", ",30,"))
    cli("train")
    # Its text in a column that was left out does not matter either.
    (project / "new.csv").write_text(f"{FEATURES}\n2024-03-11,x,,true,20.15\n2024-03-11,5,gold,true,20.15\n")
    done = cli("data", "validate", "new.csv", "--json")
    assert (done.code, done.json["problems"], done.json["warnings"]) == (0, [], [])


def test_values_are_read_as_the_settings_read_the_training_data(project: Path, cli: Cli) -> None:
    lines = [f"{at % 9},5;{at % 2};{'true' if at % 3 else 'false'};{at % 5}0;{'ab'[at % 2]}" for at in range(40)]
    (project / "t.csv").write_text("\n".join(("a;flag;truth;zip;t", *lines)) + "\n")
    (project / "mlctl.toml").write_text(
        '[data]\nsource = "t.csv"\ntarget = "t"\ndelimiter = ";"\ndecimal = ","\nmissing = ["?"]\n'
        'kinds = { flag = "boolean", truth = "number", zip = "category" }\n'
        "[model]\ncv = 2\nparams = { n_estimators = 3 }\n"
    )
    assert cli("train").code == 0
    assert cli("data", "validate", "t.csv", "--json").json["problems"] == []
    (project / "new.csv").write_text("a;flag;truth;zip\n1,5;2;true;7\n?;1;maybe;10\n")
    assert cli("data", "validate", "new.csv", "--json").json["problems"] == [
        breach(1, "flag", "'2' is not true or false"),
        breach(1, "zip", "'7' was not seen in training"),
        breach(2, "a", "has no value"),
        breach(2, "truth", "'maybe' is not a number"),
    ]


def test_a_file_that_cannot_be_read_at_all(shop: Path, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    refused = found(cli, shop, str(tmp_path / "empty.csv"))
    assert (refused.code, json.loads(refused.out)["error"]["code"]) == (3, "data_unreadable")


def test_a_path_is_meant_from_where_it_is_typed(
    shop: Path, cli: Cli, rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows(FITS)
    monkeypatch.chdir(tmp_path)
    assert found(cli, shop, "new.csv").code == 0
    # One that lies in the project's folder is found from anywhere too.
    assert found(cli, shop, "customers.csv").json["rows"] == 60


def test_before_there_is_a_version(project: Path, cli: Cli) -> None:
    write_customers(project)
    assert cli("data", "validate", "customers.csv").code == 6
