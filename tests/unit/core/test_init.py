"""`mlctl init`: what it guesses of a table, and that what it writes can be read and trained."""

import gzip
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlctl import settings
from tests.conftest import Cli
from tests.support.tables import customers, write_customers


def written(folder: Path) -> dict[str, Any]:
    """The ``[data]`` table of what ``init`` wrote, after the settings took all of it."""
    settings.load(folder)
    document = tomllib.loads((folder / "mlctl.toml").read_text(encoding="utf-8"))
    return dict(document["data"])


def trains(cli: Cli) -> None:
    done = cli("train", "-p", "n_estimators=3")
    assert done.code == 0, done.err


def table(*lines: str, ending: str = "\n") -> str:
    return ending.join(lines) + ending


def rows_of(*forms: str, count: int = 40) -> Iterator[str]:
    """Lines from forms with a place for the row's number."""
    for at in range(count):
        yield forms[at % len(forms)].format(at=at, part=at % 7, half=at % 2)


def test_a_csv_is_written_down_and_trains(project: Path, cli: Cli) -> None:
    write_customers(project)
    shown = cli("init", "customers.csv")
    assert shown.code == 0
    text = (project / "mlctl.toml").read_text()
    assert text.startswith("# customers.csv: 60 rows. Every key is optional; `mlctl config` shows all of them.\n")
    assert 'project = "customers"' in text
    assert written(project) == {"source": "customers.csv", "target": "churned", "test_size": 0.2, "seed": 42}
    for line in (
        'target = "churned"                 # binary: no 40%, yes 60%',
        '# task = "binary"                  # found from the target; binary, multiclass or regression',
        "#   joined   date",
        "#   age      whole number, 7 missing",
        "#   plan     category, 5 missing",
        "#   active   boolean",
        "#   spend    number",
        "# params = { n_estimators = 300 }  # of the estimator; STEP__NAME for a step before it",
        "# roc_auc = 0.75",
    ):
        assert line in text.splitlines(), text
    found = settings.load(project)
    assert (found.model.estimator, found.model.params) == ("sklearn.ensemble.RandomForestClassifier", {})
    assert (found.model.preprocess, found.model.cv, found.gates, found.deploy.memory) == ("auto", 5, {}, 256)
    shown_rows = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert shown_rows[0] == "Wrote mlctl.toml from 60 rows:"
    assert "age whole number 11.7% 18 to 79, median 45" in shown_rows
    assert "churned category yes, no target" in shown_rows
    assert "churned is the class to predict (binary). If this is wrong, edit the file." in shown_rows
    trains(cli)


def test_json_tells_what_was_found(project: Path, cli: Cli) -> None:
    write_customers(project)
    assert cli("init", "customers.csv", "--json").json == {
        "path": str(project / "mlctl.toml"),
        "source": "customers.csv",
        "rows": 60,
        "target": "churned",
        "task": "binary",
        "ignore": [],
        "columns": [
            {"name": "joined", "kind": "date", "missing": 0},
            {"name": "age", "kind": "number", "missing": 7},
            {"name": "plan", "kind": "category", "missing": 5},
            {"name": "active", "kind": "boolean", "missing": 0},
            {"name": "spend", "kind": "number", "missing": 0},
            {"name": "churned", "kind": "category", "missing": 0},
        ],
    }


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-8-sig"])
def test_semicolons_and_decimal_commas(project: Path, cli: Cli, encoding: str) -> None:
    # Whole numbers among those with a comma are written without one.
    lines = table("Größe;Preis;kauft", *rows_of("{part};{part},5;ja", "{at};{half};nein"))
    (project / "käufe.csv").write_bytes(lines.encode(encoding))
    assert cli("init", "käufe.csv").code == 0
    data = written(project)
    assert (data["delimiter"], data["decimal"], data["target"]) == (";", ",", "kauft")
    assert data.get("encoding") == ("latin-1" if encoding == "latin-1" else None)
    kinds = {each["name"]: each["kind"] for each in cli("data", "describe", "--json").json["columns"]}
    assert kinds == {"Größe": "number", "Preis": "number"}
    trains(cli)


def _tsv(path: Path) -> None:
    path.write_text(table(*(line.replace(",", "\t") for line in customers())))


def _bars(path: Path) -> None:
    path.write_text(table(*(line.replace(",", "|") for line in customers())))


def _csv_gz(path: Path) -> None:
    path.write_bytes(gzip.compress(table(*customers()).encode()))


def _csv(path: Path) -> None:
    path.write_text(table(*customers()))


def _frame() -> pd.DataFrame:
    names, *lines = (line.split(",") for line in customers())
    frame = pd.DataFrame(lines, columns=names)
    return frame.assign(
        age=pd.to_numeric(frame["age"]),
        spend=frame["spend"].astype(float),
        active=frame["active"] == "true",
        joined=pd.to_datetime(frame["joined"]),
        plan=frame["plan"].where(frame["plan"] != ""),
    )


def _parquet(path: Path) -> None:
    _frame().to_parquet(path)


def _json_lines(path: Path) -> None:
    _frame().assign(joined=_frame()["joined"].dt.date.astype(str)).to_json(path, orient="records", lines=True)


@pytest.mark.parametrize(
    ("name", "write", "delimiter"),
    [
        ("shop.tsv", _tsv, None),
        # Tabs and commas are told by the header, not by the name alone.
        ("shop.csv", _tsv, "\t"),
        ("shop.tsv", _csv, ","),
        ("shop.txt", _bars, "|"),
        ("shop.csv.gz", _csv_gz, None),
        ("shop.parquet", _parquet, None),
        ("shop.jsonl", _json_lines, None),
    ],
)
def test_every_format_is_told_by_its_content(
    project: Path, cli: Cli, name: str, write: Any, delimiter: str | None
) -> None:
    write(project / name)
    found = cli("init", name, "--json").json
    assert [(each["kind"], each["missing"]) for each in found["columns"]] == [
        ("date", 0), ("number", 7), ("category", 5), ("boolean", 0), ("number", 0), ("category", 0),
    ]  # fmt: skip
    assert written(project).get("delimiter") == delimiter
    assert settings.load(project).project == "shop"
    trains(cli)


@pytest.mark.parametrize(
    ("header", "forms", "target"),
    [
        ("a,Label,b", ("{part},yes,{half}", "{half},no,{part}"), "Label"),
        ("y,a,b", ("{half},{part},{half}", "{half},{half},{part}"), "y"),
        # A constant, an identifier, a date and one with gaps cannot be the target; the last other column is.
        (
            "a,b,gaps,same,id,day",
            (
                "{part},{half},1,x,C{at},2024-01-0{part}".replace("0{part}", "1{part}"),
                "{half},{half},,x,D{at},2024-01-11",
            ),
            "b",
        ),
        # A date by a likely name is none either.
        ("target,a,b", ("2024-01-1{part},{part},{half}", "2024-02-1{part},{half},{half}"), "b"),
    ],
)
def test_the_target_is_guessed(project: Path, cli: Cli, header: str, forms: tuple[str, ...], target: str) -> None:
    (project / "t.csv").write_text(table(header, *rows_of(*forms)))
    assert cli("init", "t.csv", "--json").json["target"] == target


def test_columns_that_cannot_help_are_left_out_with_the_reason(project: Path, cli: Cli) -> None:
    lines = rows_of("C{at},{part},x,,{part},yes", "C{at},{half},x,,{part},no")
    (project / "t.csv").write_text(table("id,a,same,empty,b,bought", *lines))
    found = cli("init", "t.csv", "--json").json
    assert found["ignore"] == ["id", "same", "empty"]
    assert written(project)["ignore"] == ["id", "same", "empty"]
    assert (
        "# id: looks like an identifier; same: the same value in every row; empty: no value in any row"
        in (project / "mlctl.toml").read_text()
    )
    shown = [" ".join(line.split()) for line in cli("init", "t.csv", "--force").out.splitlines()]
    assert any(line.startswith("id category C0, C1, C10, ") for line in shown)
    assert any(line.endswith("… (40 values) looks like an identifier") for line in shown)
    trains(cli)


def test_a_target_may_be_given_and_sets_the_task(project: Path, cli: Cli) -> None:
    write_customers(project)
    found = cli("init", "customers.csv", "--target", "spend", "--json").json
    assert (found["target"], found["task"]) == ("spend", "regression")
    text = (project / "mlctl.toml").read_text()
    assert 'target = "spend"                   # regression: a number to predict' in text
    assert "RandomForestRegressor" in text
    assert "# r2 = 0.7" in text
    trains(cli)
    wrong = cli("init", "customers.csv", "--target", "spent", "--force")
    assert wrong.code == 3
    assert "customers.csv has no column 'spent'" in wrong.err
    assert "Did you mean 'spend'?" in wrong.err


def test_a_given_target_is_not_left_out_though_it_looks_useless(project: Path, cli: Cli) -> None:
    (project / "t.csv").write_text(table("id,a,b", *rows_of("{at},{part},{half}")))
    assert cli("init", "t.csv", "--json").json["ignore"] == ["id"]
    assert cli("init", "t.csv", "--target", "id", "--force", "--json").json["ignore"] == []
    assert cli("init", "t.csv", "--target", "id", "--force", "--json").json["task"] == "regression"


def test_texts_that_stand_for_no_value(project: Path, cli: Cli) -> None:
    lines = [line.replace(",basic,", ",?,") for line in customers()]
    lines[3] = lines[3].replace("2024-", "?", 1).split(",", 1)[1]
    lines[3] = f"?,{lines[3]}"
    (project / "t.csv").write_text(table(*lines))
    refused = cli("init", "t.csv")
    assert refused.code == 3
    assert "t.csv: joined, row 3: '?' is not an ISO 8601 date, unlike the other values." in refused.err
    assert "Next:  Correct the row, or give --missing TEXT if that text means a missing value." in refused.err
    assert not (project / "mlctl.toml").exists()
    found = cli("init", "t.csv", "--missing", "?", "--missing", "unknown", "--json").json
    assert {each["name"]: each["missing"] for each in found["columns"]}["plan"] == 24
    assert written(project)["missing"] == ["?", "unknown"]
    trains(cli)


def test_folds_are_no_more_than_the_rarest_class_has_rows(project: Path, cli: Cli) -> None:
    lines = [*rows_of("{part},{half},x", "{half},{part},y"), "1,2,rare", "2,1,rare", "0,0,rare", "3,3,rare"]
    (project / "t.csv").write_text(table("a,b,t", *lines))
    cli("init", "t.csv")
    assert settings.load(project).model.cv == 3
    trains(cli)
    # A class of one row cannot be held out and trained on; that is told by the check, not by init.
    (project / "t.csv").write_text(table("a,b,t", *lines[:-3]))
    assert cli("init", "t.csv", "--force").code == 0
    assert settings.load(project).model.cv == 5
    assert cli("data", "validate").code == 3


def test_folds_of_a_small_regression_are_no_more_than_there_are_rows_to_train_on(project: Path, cli: Cli) -> None:
    (project / "t.csv").write_text("a,price\n" + "".join(f"{at}.5,{at * at}.25\n" for at in range(1, 6)))
    assert cli("init", "t.csv").code == 0
    assert settings.load(project).model.cv == 4
    trains(cli)


def test_nothing_is_written_over_without_force(project: Path, cli: Cli) -> None:
    write_customers(project)
    (project / "mlctl.toml").write_text("[model]\ncv = 3\n")
    refused = cli("init", "customers.csv")
    assert (refused.code, refused.err) == (
        2,
        "Error: mlctl.toml already exists.\nNext:  Edit it, or give --force to overwrite it.\n",
    )
    assert (project / "mlctl.toml").read_text() == "[model]\ncv = 3\n"
    assert cli("init", "customers.csv", "--force").code == 0
    assert written(project)["target"] == "churned"


NAMES = [
    'say "hi"',
    "two\nlines",
    "back\\slash",
    "naïve 列 🎈",
    "del\x7f",
    "line\u2028end",
    "[bold]x[/]",
    "# no",
    "a=b",
    "tab\tx",
]


def test_no_name_breaks_the_file(project: Path, cli: Cli) -> None:
    """Names and classes end up in keys and in comments; both must stay what they are."""
    frame = pd.DataFrame({name: [at % 5 for at in range(40)] for name in NAMES})
    frame['id\r"'] = [f"C{at}" for at in range(40)]
    frame['what "is"\nit'] = ['a "quoted"\nclass', "\x1b[31mred\x07"] * 20
    frame.to_parquet(project / "odd.parquet")
    assert cli("init", "odd.parquet").code == 0
    data = written(project)
    assert data["target"] == 'what "is"\nit'
    assert data["ignore"] == ['id\r"']
    described = cli("data", "describe", "--json").json
    assert [each["name"] for each in described["columns"]] == NAMES
    trains(cli)


def test_names_in_quotes_in_a_csv(project: Path, cli: Cli) -> None:
    (project / "t.csv").write_text(table('"a ""b""","two\nlines",t', *rows_of("{part},{half},x", "{half},{part},y")))
    assert cli("init", "t.csv", "--target", "two\nlines").code == 0
    assert written(project)["target"] == "two\nlines"
    trains(cli)


def test_a_file_name_may_be_anything(project: Path, cli: Cli) -> None:
    for name, expected in (("été 2024 (v2).csv", "t-2024-v2"), ("__.csv", "model"), ("a" * 60 + ".csv", "a" * 40)):
        (project / name).write_text(table(*customers()))
        assert cli("init", name, "--force").code == 0
        assert settings.load(project).project == expected
        assert settings.load(project).data.source == name


def test_a_built_in_set(project: Path, cli: Cli) -> None:
    found = cli("init", "--dataset", "wine", "--json").json
    assert (found["source"], found["target"], found["task"], found["rows"]) == ("wine", "cultivar", "multiclass", 178)
    assert written(project) == {"source": "wine", "target": "cultivar", "test_size": 0.2, "seed": 42}
    text = (project / "mlctl.toml").read_text()
    assert "# multiclass: class_0 33%, class_1 40%, class_2 27%" in text
    assert cli("data", "validate").code == 0
    assert cli("init", "--dataset", "iris", "--target", "price", "--force").code == 3


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "Give a file, or --dataset with a built-in dataset."),
        (("t.csv", "--dataset", "wine"), 2, "Give a file, or --dataset with a built-in dataset."),
        (
            ("--dataset", "wien"),
            3,
            "There is no built-in dataset 'wien', and no file of that name. Did you mean 'wine'?",
        ),
        (("none.csv",), 6, "There is no file none.csv."),
        (("folder",), 6, "folder is a folder, not a file."),
        (("s3://bucket/t.csv",), 6, "init reads a file on this machine, which s3://bucket/t.csv is not."),
        (("-",), 6, "Without init: `mlctl train --source - --target COLUMN`."),
        (("empty.csv",), 3, "empty.csv is empty."),
        (("header.csv",), 3, "header.csv has no rows."),
        (("one.csv",), 3, "one.csv has no column but the target a."),
        (("book.xlsx",), 3, "book.xlsx is not a table: it is neither text nor Parquet."),
        (("same.csv",), 3, "same.csv has no column that can be a target"),
        (("twice.csv",), 3, "twice.csv has more than one column named 'a'."),
    ],
)
def test_what_cannot_be_looked_at(project: Path, cli: Cli, words: tuple[str, ...], code: int, message: str) -> None:
    (project / "folder").mkdir()
    for name, content in {
        "t.csv": table(*customers()),
        "empty.csv": "",
        "header.csv": "a,b\n",
        "one.csv": "a\n1\n2\n",
        "same.csv": "a,b\n1,2\n1,2\n",
        "twice.csv": "a,a\n1,2\n",
    }.items():
        (project / name).write_text(content)
    (project / "book.xlsx").write_bytes(b"PK\x03\x04\x14\x00\x06\x00\x08\x00" + bytes(range(256)) * 4)
    result = cli("init", *words)
    assert (result.code, message in result.err) == (code, True), result.err
    assert len(result.err.splitlines()[-2:]) == 2
    assert "Traceback" not in result.err
    assert not (project / "mlctl.toml").exists()
    failed = cli("init", *words, "--json")
    assert json.loads(failed.out)["error"]["message"]


def test_a_project_is_made_in_the_current_folder_whatever_lies_above(project: Path, cli: Cli, monkeypatch: Any) -> None:
    (project / "mlctl.toml").write_text("[model]\ncv = 3\n")
    inner = project / "inner"
    inner.mkdir()
    write_customers(inner)
    monkeypatch.chdir(inner)
    assert cli("init", "customers.csv").code == 0
    assert written(inner)["source"] == "customers.csv"
    assert (project / "mlctl.toml").read_text() == "[model]\ncv = 3\n"


def test_a_path_is_meant_from_where_it_is_typed(project: Path, cli: Cli) -> None:
    write_customers(project)
    for folder in ("new", "data"):
        (project / folder).mkdir()
    (project / "customers.csv").rename(project / "data" / "customers.csv")
    assert cli("-C", "new", "init", "data/customers.csv").code == 0
    assert Path(written(project / "new")["source"]) == project / "data" / "customers.csv"
    assert cli("init", "data/customers.csv").code == 0
    assert written(project)["source"] == "data/customers.csv"


def test_another_estimator_or_a_pipeline_needs_no_other_change(project: Path, cli: Cli) -> None:
    write_customers(project)
    cli("init", "customers.csv")
    text = (project / "mlctl.toml").read_text()
    (project / "mlctl.toml").write_text(text.replace("ensemble.RandomForestClassifier", "linear_model.RidgeClassifier"))
    assert cli("train").code == 0
    lines = [line for line in text.splitlines() if not line.startswith(("estimator", "preprocess"))]
    at = lines.index("[model]") + 1
    (project / "mlctl.toml").write_text("\n".join([*lines[:at], 'pipeline = "mine:make"', *lines[at:]]))
    (project / "mine.py").write_text(
        "from sklearn.dummy import DummyClassifier\n"
        "from sklearn.pipeline import make_pipeline\n\n"
        "def make():\n"
        "    return make_pipeline(DummyClassifier())\n"
    )
    done = cli("train")
    assert done.code == 0, done.err


CODES = ("01067,{part},{half},yes", "{part}1069,{half},{part},no")


def _codes_csv(path: Path) -> None:
    path.write_text(table("zip code,a,b,t", *rows_of(*CODES)))


def _codes_json(path: Path) -> None:
    lines = (line.split(",") for line in rows_of(*CODES))
    path.write_text(
        table(*(json.dumps({"zip code": code, "a": int(a), "b": int(b), "t": t}) for code, a, b, t in lines))
    )


def _codes_parquet(path: Path) -> None:
    frame = pd.DataFrame([line.split(",") for line in rows_of(*CODES)], columns=["zip code", "a", "b", "t"])
    frame.to_parquet(path)


@pytest.mark.parametrize(
    ("name", "write"), [("t.csv", _codes_csv), ("t.jsonl", _codes_json), ("t.parquet", _codes_parquet)]
)
def test_numbers_with_leading_zeros_are_codes(project: Path, cli: Cli, name: str, write: Any) -> None:
    write(project / name)
    shown = cli("init", name)
    assert shown.code == 0, shown.err
    assert written(project)["kinds"] == {"zip code": "category"}
    line = next(line for line in (project / "mlctl.toml").read_text().splitlines() if line.startswith("kinds = "))
    assert line == ("""kinds = { "zip code" = "category" } # zip code: codes, for some have leading zeros ('01067')""")
    assert any(line.startswith("zip code category 01067, ") for line in map(_words, shown.out.splitlines()))
    assert "#   zip code  category" in (project / "mlctl.toml").read_text()
    trains(cli)
    assert cli("data", "validate", name, "--json").json["problems"] == []


def _words(line: str) -> str:
    return " ".join(line.split())


def test_zeros_that_are_no_sign_of_a_code(project: Path, cli: Cli) -> None:
    (project / "t.csv").write_text(table("a,b,t", *rows_of("0,0.5{part},x", "-{part},00.5,y")))
    assert cli("init", "t.csv").code == 0
    assert "kinds" not in written(project)
    assert '# kinds = { zip = "category" }' in (project / "mlctl.toml").read_text()


def test_codes_that_name_the_rows_are_left_out(project: Path, cli: Cli) -> None:
    (project / "t.csv").write_text(table("id,a,b,t", *rows_of("00{at},{part},{half},x", "00{at},{half},{part},y")))
    assert cli("init", "t.csv").code == 0
    assert (written(project)["ignore"], written(project).get("kinds")) == (["id"], None)


def test_other_notations_are_warned_of_and_kept(project: Path, cli: Cli) -> None:
    forms = ('"{at},{at:03}.50",0{part}.1{half}.20{at:02},{part},yes', '"1,{at:03}.50",11.06.20{at:02},{half},no')
    lines = [line.format(at=at + 10, part=at % 7 + 1, half=at % 2) for at in range(40) for line in [forms[at % 2]]]
    (project / "t.csv").write_text(table("price,joined,a,t", *lines))
    shown = cli("init", "t.csv")
    assert shown.code == 0
    told = _words(shown.err)
    assert (
        "price looks like numbers written with separators or signs ('10,010.50'): it is read as categories. "
        "Write plain numbers."
    ) in told
    assert (
        "joined looks like dates that are not ISO 8601 ('01.10.2010'): it is read as categories. "
        "Write dates like 2022-06-07."
    ) in told
    assert "ignore" not in written(project)
    # It is no class to predict either, unless it is named.
    (project / "t.csv").write_text(table("a,t,price", *rows_of("{part},{half},${at}")))
    assert cli("init", "t.csv", "--force", "--json").json["target"] == "t"


def test_columns_without_values_are_left_out_with_a_warning(project: Path, cli: Cli) -> None:
    took = 'took "long"'
    frame = _frame()
    frame.insert(0, took, pd.to_timedelta(range(60), unit="s").astype("timedelta64[ns]"))
    frame.insert(1, "tags", pd.Series([["a", "b"]] * 60))
    frame.to_parquet(project / "t.parquet")
    shown = cli("init", "t.parquet")
    assert shown.code == 0, shown.err
    assert 'took "long" holds values of type duration[ns]: it is left out.' in _words(shown.err)
    assert "tags holds values of type list<" in _words(shown.err)
    assert written(project)["ignore"] == [took, "tags"]
    assert '# took "long": holds values of type duration[ns]; tags: holds' in (project / "mlctl.toml").read_text()
    trains(cli)
    refused = cli("init", "t.parquet", "--target", "tags", "--force")
    assert (refused.code, "column tags holds values of type list<" in refused.err) == (3, True)


def test_nested_json_is_left_out(project: Path, cli: Cli) -> None:
    rows = [{"a": at % 7, "b": {"c": at} if at > 20 else None, "t": "xy"[at % 2]} for at in range(40)]
    (project / "t.jsonl").write_text(table(*map(json.dumps, rows)))
    shown = cli("init", "t.jsonl", "--json")
    assert shown.json["ignore"] == ["b"]
    assert "# b: holds lists or objects" in (project / "mlctl.toml").read_text()
    trains(cli)


def test_columns_may_be_named_to_be_left_out(project: Path, cli: Cli) -> None:
    write_customers(project)
    words = ("init", "customers.csv", "--ignore", "age", "--ignore", "plan", "--json")
    found = cli(*words).json
    assert found["ignore"] == ["age", "plan"]
    assert [each["name"] for each in found["columns"]] == ["joined", "active", "spend", "churned"]
    assert written(project)["ignore"] == ["age", "plan"]
    assert "# age: left out by --ignore; plan: left out by --ignore" in (project / "mlctl.toml").read_text()
    trains(cli)
    both = cli("init", "customers.csv", "--ignore", "spend", "--target", "spend", "--force")
    assert (both.code, both.err.splitlines()[0]) == (2, "Error: spend is in both --target and --ignore.")
    unknown = cli("init", "customers.csv", "--ignore", "plam", "--force")
    assert (unknown.code, "customers.csv has no column 'plam'" in unknown.err) == (3, True)


def test_columns_of_a_built_in_set_may_be_left_out(project: Path, cli: Cli) -> None:
    assert cli("init", "--dataset", "wine", "--ignore", "ash", "--json").json["ignore"] == ["ash"]
    assert written(project)["ignore"] == ["ash"]
    assert "#   ash " not in (project / "mlctl.toml").read_text()
    trains(cli)
    assert cli("init", "--dataset", "wine", "--ignore", "ashes", "--force").code == 3
