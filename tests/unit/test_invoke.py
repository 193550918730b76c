"""Rows from words, CSV and JSON."""

from typing import Any

import pytest

from mlctl.core.invoke import payload_from_text, payload_from_words
from mlctl.errors import MlctlError
from tests.conftest import Cli


def test_words() -> None:
    assert payload_from_words(["5.1", "-3.5", "1e-3", "2"]) == {"features": [5.1, -3.5, 0.001, 2]}
    assert payload_from_words(["a=1", "b=-2.5"]) == {"features": {"a": 1, "b": -2.5}}
    assert payload_from_words(["5.1", "abc", "5_1"]) == {"features": [5.1, "abc", "5_1"]}
    assert payload_from_words(["5.1,3.5, 1.4"]) == {"features": [5.1, 3.5, 1.4]}
    assert payload_from_words(["a=1,b=2"]) == {"features": {"a": 1, "b": 2}}
    with pytest.raises(MlctlError, match="Some values have a name and some have none"):
        payload_from_words(["a=1", "2"])


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x holds no rows."),
        ("  \n", "x holds no rows."),
        ("a,b\n", "x holds a header but no rows."),
        ("a,b\n\n1,2\n\n3\n", "x, line 5: 1 values"),
        ("a,b\n1,2\n3\n", "x, line 3: 1 values, but 2 in the first line."),
        ("[1, 2", "x is not valid JSON"),
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
