"""Odd values for every option and argument of every command end in a known exit code, never in a defect or a trace."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from mlctl.cli.app import app
from mlctl.errors import ExitCode
from tests.conftest import Cli
from tests.support import tier

VALUES = (
    *("", " ", "-1", "0", "9" * 400, "1e400", "nan", "1.5", "٣", "true", "{}", "[" * 2000, "../..", "/dev/null", "a=b"),
    *("\x1b[2J", "é\u202e", "x" * 5000, "%s", "--", "latest", "local", "prod", "2026-13-45", "\udcff"),
)
# They wait for what never ends, or answer from elsewhere.
LEFT_OUT = {"--tail", "--help", "--install-completion", "--show-completion"}


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that name it."""
    stack: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(app))]
    while stack:
        words, command = stack.pop()
        # Typer brings a copy of click of its own, so classes of click do not tell a group.
        children = getattr(command, "commands", None)
        if children is not None:
            stack += [((*words, name), child) for name, child in children.items()]
        else:
            yield words, command


def calls() -> list[tuple[str, ...]]:
    """Words for ``mlctl``: each parameter of each command with odd values; a few values each in the default tier."""
    chosen = random.Random(0)  # the same values in every run
    lines = []
    for words, command in sorted(commands(), key=lambda pair: pair[0]):
        for parameter in command.params:
            flags = [flag for flag in parameter.opts if flag.startswith("--") and flag not in LEFT_OUT]
            is_flag = getattr(parameter, "is_flag", False)
            if is_flag or (parameter.param_type_name == "option" and not flags):
                continue
            values = VALUES if tier.current.grids_whole else chosen.sample(VALUES, 3)
            lines += [(*words, *flags[:1], value) for value in values]
    return lines


@pytest.fixture
def nowhere(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose data do not exist and whose emulator is not there: no command gets far."""
    (project / "mlctl.toml").write_text('[data]\nsource = "none.csv"\n', encoding="utf-8")
    monkeypatch.setenv("MLCTL_LOCAL_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_COLOR", "1")
    return project


def test_no_value_of_any_option_is_a_defect(nowhere: Path, cli: Cli) -> None:
    assert len(calls()) > 200
    for words in calls():
        result = cli(*words)
        assert result.code in set(ExitCode) - {ExitCode.INTERRUPTED}, words
        told = result.err.lower()
        assert "defect" not in told, (words, result.err)
        assert "traceback" not in told, (words, result.err)
