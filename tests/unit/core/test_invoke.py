"""Rows from words, CSV and JSON."""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlctl.cli import invoke as invoke_cli
from mlctl.core.invoke import payload_from_text, payload_from_words
from mlctl.core.shared.api_response import Invoked
from mlctl.errors import MlctlError
from mlctl.http import Response
from mlctl.settings import DataSettings
from tests.conftest import Cli


def test_words() -> None:
    assert payload_from_words(["5.1", "-3.5", "1e-3", "2"]) == {"features": [5.1, -3.5, 0.001, 2]}
    assert payload_from_words(["a=1", "b=-2.5"]) == {"features": {"a": 1, "b": -2.5}}
    assert payload_from_words(["5.1", "abc", "5_1"]) == {"features": [5.1, "abc", "5_1"]}
    assert payload_from_words(["5.1,3.5, 1.4"]) == {"features": [5.1, 3.5, 1.4]}
    assert payload_from_words(["a=1,b=2"]) == {"features": {"a": 1, "b": 2}}
    with pytest.raises(MlctlError, match="Some values have a name and some do not"):
        payload_from_words(["a=1", "2"])


# A number, a category of texts that look like numbers, a boolean, a date, and a name with an = in it.
SCHEMA: list[dict[str, Any]] = [
    {"name": "size", "kind": "number", "nullable": True},
    {"name": "zip", "kind": "category", "nullable": True},
    {"name": "open", "kind": "boolean", "nullable": True},
    {"name": "since", "kind": "date", "nullable": True},
    {"name": "a=b", "kind": "number", "nullable": False},
]
NAMES = ["size", "zip", "open", "since", "a=b"]
ROW = [5.5, "01067", True, "2024-03-01", 7]


@pytest.mark.parametrize(
    ("words", "row"),
    [
        (["5.5", "01067", "true", "2024-03-01", "7"], ROW),
        (["5", "1e5", "FALSE", "20240301", "7"], [5, "1e5", False, "20240301", 7]),
        (["", "", "", "", "7"], [None, None, None, None, 7]),
        (["NA", "n/a", "NaN", "null", "7"], [None, None, None, None, 7]),
        # What cannot be is left to the API, which refuses it by name.
        (["big", "x", "yes", "soon", ""], ["big", "x", "yes", "soon", ""]),
        (["5.5", "a=1", "true", "2024-03-01", "7"], [5.5, "a=1", True, "2024-03-01", 7]),
    ],
)
def test_words_are_read_by_the_kinds_of_the_schema(words: list[str], row: list[Any]) -> None:
    assert payload_from_words(words, SCHEMA) == {"features": row}
    assert payload_from_words([",".join(words)], SCHEMA) == {"features": row}
    named = [f"{name}={word}" for name, word in zip(NAMES, words, strict=True)]
    assert payload_from_words(named, SCHEMA) == {"features": dict(zip(NAMES, row, strict=True))}
    assert payload_from_words(named[::-1], SCHEMA) == {"features": dict(zip(NAMES, row, strict=True))}
    header = ",".join(NAMES)
    for text in (f"{header}\n{','.join(words)}", f"{','.join(NAMES[::-1])}\n{','.join(words[::-1])}"):
        assert payload_from_text(text, "x", SCHEMA) == {"instances": [dict(zip(NAMES, row, strict=True))]}
    assert payload_from_text(",".join(words), "x", SCHEMA) == {"instances": [row]}


def test_words_that_the_schema_does_not_explain() -> None:
    # Another number of values: the API refuses them, and tells how many there should be.
    assert payload_from_words(["5", "01067"], SCHEMA) == {"features": [5, 1067]}
    # Names that it does not know, when all have one: the API refuses them by name.
    assert payload_from_words(["sise=5", "zap=1"], SCHEMA) == {"features": {"sise": 5, "zap": 1}}
    assert payload_from_words(["size=5", "zap=1"], SCHEMA) == {"features": {"size": 5, "zap": 1}}
    with pytest.raises(MlctlError, match="Some values have a name and some do not"):
        payload_from_words(["size=5", "1"], SCHEMA)
    with pytest.raises(MlctlError, match="size is given twice"):
        payload_from_words(["size=5", "size=6"], SCHEMA)
    # Not nullable: an empty text is no value that anybody may send.
    assert payload_from_words(["", "", "", "", ""], SCHEMA)["features"][-1] == ""


def test_one_text_may_hold_commas_and_equals() -> None:
    schema = [{"name": "note", "kind": "category", "nullable": False}]
    assert payload_from_words(["red, green"], schema) == {"features": ["red, green"]}
    assert payload_from_words(["note=x=1,y=2"], schema) == {"features": {"note": "x=1,y=2"}}


@pytest.mark.parametrize(
    ("text", "instances"),
    [
        # Texts alone are no header when none of them is a name.
        ("basic,plus\npro,basic\n", [["basic", "plus"], ["pro", "basic"]]),
        ("first,second\nbasic,plus\n", [{"first": "basic", "second": "plus"}]),
        ("second,first\n1,2\n", [{"second": "1", "first": "2"}]),
        ("1,2\n3,4\n", [["1", "2"], ["3", "4"]]),
        # A misspelt header is still one where another of its names is known.
        ("first,secnd\nbasic,plus\n", [{"first": "basic", "secnd": "plus"}]),
        ('"a, b","say ""x"""\n', [["a, b", 'say "x"']]),
    ],
)
def test_a_csv_of_texts_with_a_header_and_without(text: str, instances: list[Any]) -> None:
    values = ["basic", "plus", "pro", "a, b"]
    schema = [{"name": name, "kind": "category", "nullable": False, "values": values} for name in ("first", "second")]
    assert payload_from_text(text, "x", schema) == {"instances": instances}


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_file_with_another_delimiter(delimiter: str) -> None:
    header, row = delimiter.join(NAMES), delimiter.join(["5.5", "01067", "true", "2024-03-01", "7"])
    assert payload_from_text(f"{header}\n{row}\n", "x", SCHEMA) == {"instances": [dict(zip(NAMES, ROW, strict=True))]}


def test_a_file_is_read_as_the_training_data_was() -> None:
    data = DataSettings(delimiter=";", decimal=",", missing=("?",), target="sold", ignore=("id",))
    text = "id;size;zip;open;since;a=b;sold\nC1;5,5;?;true;2024-03-01;7;yes\nC2;?;NA;;;0,5;no\n"
    assert payload_from_text(text, "x", SCHEMA, data)["instances"] == [
        dict(zip(NAMES, [5.5, None, True, "2024-03-01", 7], strict=True)),
        dict(zip(NAMES, [None, None, None, None, 0.5], strict=True)),
    ]
    # Another column is for the API to refuse by its name.
    assert "note" in payload_from_text("size;note\n1;x\n", "x", SCHEMA, data)["instances"][0]
    # A text that was a value in training is one still.
    schema = [{"name": "land", "kind": "category", "nullable": True, "values": ["NA", "DE"]}]
    assert payload_from_text("land\nNA\nnull\n", "x", schema)["instances"] == [{"land": "NA"}, {"land": None}]


def test_json_goes_as_it_is() -> None:
    body = {"features": [5.5, "01067", True, None, 7]}
    assert payload_from_text(json.dumps(body), "x", SCHEMA) == body
    assert payload_from_text('[{"zip": "1"}, {"zip": null}]', "x", SCHEMA) == {
        "instances": [{"zip": "1"}, {"zip": None}]
    }


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("5.1,3.5\n6,7\n", {"instances": [[5.1, 3.5], [6, 7]]}),
        ("a,b\n1,2\n\n3,4\n", {"instances": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}),
        ("\ufeffa, b\r\n1,2\r\n", {"instances": [{"a": 1, "b": 2}]}),
        ("[1, 2]", {"features": [1, 2]}),
        ("[[1, 2], [3, 4]]", {"instances": [[1, 2], [3, 4]]}),
        ('[{"a": 1}]', {"instances": [{"a": 1}]}),
        ('{"a": 1}', {"features": {"a": 1}}),
        ('{"features": [1]}', {"features": [1]}),
        ('{"instances": [[1]]}', {"instances": [[1]]}),
    ],
)
def test_text(text: str, payload: Any) -> None:
    assert payload_from_text(text, "x") == payload


def test_json_lines_and_the_target_of_the_model() -> None:
    assert payload_from_text('{"a": 1}\n{"a": 2}\n', "rows") == {"instances": [{"a": 1}, {"a": 2}]}
    features = [{"name": "a", "kind": "number", "nullable": False}]
    rows = payload_from_text("a,y\n1,no\n", "rows", features, targets=["y"])
    assert rows == {"instances": [{"a": 1}]}


def test_files_in_the_encoding_of_the_data_and_parquet(tmp_path: Path) -> None:
    number = {"name": "n", "kind": "number", "nullable": True}
    features = [{"name": "Straße", "kind": "category", "nullable": True}, number]
    latin = tmp_path / "rows.csv"
    latin.write_bytes("Straße,n\nMühlweg,1\n".encode("latin-1"))
    parquet = tmp_path / "rows.parquet"
    pd.DataFrame({"Straße": ["Mühlweg", None], "n": [1.5, None]}).to_parquet(parquet)
    data = DataSettings(encoding="latin-1", decimal=",", delimiter=";")
    payload = invoke_cli._payload([], latin, data.model_copy(update={"delimiter": ","}))
    assert payload({"features": features}) == {"instances": [{"Straße": "Mühlweg", "n": 1}]}
    payload = invoke_cli._payload([], parquet, data)
    rows = [{"Straße": "Mühlweg", "n": 1.5}, {"Straße": None, "n": None}]
    assert payload({"features": features}) == {"instances": rows}
    with pytest.raises(MlctlError, match="cannot be read: 'utf-8' codec"):
        invoke_cli._payload([], latin, DataSettings())


def test_every_problem_that_the_api_found_is_told() -> None:
    details = [{"feature": "a", "position": 0, "problem": "is missing"}, {"instance": 1, "problem": "must be a list"}]
    document = {"error": {"code": "too_many_instances", "message": "m", "details": details}}
    found = Invoked("url", Response(413, {}, b"", 1.0), document, {})
    assert found.problems == ["a is missing", "row 2: must be a list"]
    assert found.error is not None
    assert found.error.hint == "Split the file."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x holds no rows."),
        ("  \n", "x holds no rows."),
        ("a,b\n", "x holds a header but no rows."),
        ("a,b\n\n1,2\n\n3\n", "x, line 5: 1 values"),
        ("a,b\n1,2\n3\n", "x, line 3: 1 values, but 2 in the first line."),
        ("[1, 2", "x is not valid JSON"),
        ("[" * 100_000, "x is not valid JSON: it is nested too deeply"),
        ('{"a": 1, "b": 2, "a": 3}', "x is not valid JSON: a is given more than once in an object"),
        ('{"features": {"a": 1, "a": 1}}', "a is given more than once in an object"),
        ('{"a": 1}\n{"a": 1, "a": 1}', "a is given more than once in an object"),
        ("a,b,a\n1,2,3\n", "x: the header names the column a more than once."),
    ],
)
def test_text_that_holds_no_rows(text: str, message: str) -> None:
    with pytest.raises(MlctlError, match=message):
        payload_from_text(text, "x")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "Give the features of a row, or --file."),
        (("1", "--file", "x.csv"), 2, "Give values or --file, not both."),
        (("--stgae", "prod", "1"), 2, "No such option: --stgae"),
        (("--file", "missing.csv"), 3, "missing.csv cannot be read: No such file or directory."),
        (("1", "2", "--stage", "a b"), 2, "'a b' cannot be a stage of project 'iris'."),
        (("1", "2", "--stage", "x" * 60), 2, "cannot be a stage of project"),
    ],
)
def test_wrong_words(project: Any, cli: Cli, words: tuple[str, ...], code: int, message: str) -> None:
    result = cli("invoke", *words)
    assert (result.code, message in result.err) == (code, True), result.err


def test_rows_come_from_no_pipe_or_device_of_a_folder(project: Path, cli: Cli) -> None:
    os.mkfifo(project / "rows.csv")
    for name in ("rows.csv", "/dev/zero", "/dev/full"):
        refused = cli("invoke", "--file", name)
        assert refused.code == 3
        assert f"{name} cannot be read: it is a pipe, a socket or a device, not a file." in refused.err
    (project / "rows.csv").unlink()
    (project / "rows.csv").touch()
    os.truncate(project / "rows.csv", 10**12)
    refused = cli("invoke", "--file", "rows.csv")
    assert (refused.code, "it is larger than 100 MB" in refused.err) == (3, True)


def test_rows_of_a_pipe_that_a_shell_opened(project: Path, cli: Cli) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a,b\n")
    os.close(writing)
    # The rows are read before anything else is looked at.
    assert "holds a header but no rows" in cli("invoke", "--file", f"/dev/fd/{reading}").err
    os.close(reading)


def test_a_stage_on_aws_without_a_region_says_what_to_set(project: Any, cli: Cli, monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    result = cli("status", "--stage", "prod")
    assert result.code == 5
    assert "No AWS region is set, which every stage but local needs." in result.err
    assert "region" in result.err.splitlines()[1]
    (project / "mlctl.toml").write_text("[stage.production]\nmemory = 512\n")
    assert "Did you mean 'production'?" in cli("status", "--stage", "producton").err
    assert "Did you mean 'local'?" in cli("status", "--stage", "loca").err
    assert "Did you mean" not in cli("status", "--stage", "production").err
