"""Durations in command-line options."""

from pathlib import Path

import pytest

from mlctl.durations import parse_seconds
from mlctl.errors import ExitCode, MlctlError
from tests.conftest import Cli


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("2d", 172_800), (" 5m ", 300), ("0s", 0)]
)
def test_a_number_with_a_unit_is_a_duration(text: str, expected: float) -> None:
    assert parse_seconds(text) == expected


@pytest.mark.parametrize("text", ["10", "m", "10x", "-5m", "", "1e3s", "9" * 400 + "d"])
def test_any_other_text_is_an_error(text: str) -> None:
    with pytest.raises(MlctlError, match="Invalid duration") as caught:
        parse_seconds(text)
    assert (caught.value.code, caught.value.exit_code) == ("duration_invalid", ExitCode.USAGE)


@pytest.mark.parametrize("words", [("logs", "--since", "abc"), ("deploy", "--canary", "10", "--bake", "abc")])
def test_every_option_reports_the_same_error(project: Path, cli: Cli, words: tuple[str, ...]) -> None:
    result = cli(*words, "--json")
    assert (result.code, result.json["error"]) == (
        2,
        {
            "code": "duration_invalid",
            "message": "Invalid duration 'abc'.",
            "hint": "Give a number with a unit (s, m, h or d), such as 10m.",
        },
    )
