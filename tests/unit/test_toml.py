"""Strings and keys as TOML."""

import tomllib

import pytest

from mlctl.toml import toml_key, toml_text
from tests.support import hostile


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("age", '"age"'),
        ("größe", '"größe"'),
        ('say "hi"', r'"say \"hi\""'),
        ("C:\\data", r'"C:\\data"'),
        ("line\nbreak", r'"line\nbreak"'),
        ("del\x7f", r'"del\u007f"'),
        ("a\u202eb", r'"a\u202eb"'),
        ("tag\U000e0041", r'"tag\U000e0041"'),
    ],
)
def test_a_string_is_quoted_and_visible(text: str, expected: str) -> None:
    assert toml_text(text) == expected
    assert tomllib.loads(f"value = {expected}") == {"value": text}


def test_hostile_text_survives_a_round_trip() -> None:
    text = hostile.ALL_IN_ONE
    assert tomllib.loads(f"{toml_key(text)} = {toml_text(text)}") == {text: text}


@pytest.mark.parametrize(("name", "expected"), [("zip_code-2", "zip_code-2"), ("zip code", '"zip code"'), ("", '""')])
def test_a_key_is_quoted_only_if_necessary(name: str, expected: str) -> None:
    assert toml_key(name) == expected
