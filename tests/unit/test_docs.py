"""The documents say what the code does."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mlctl import __version__, settings
from mlctl.cli.app import app
from mlctl.errors import ExitCode
from tests.conftest import ROOT

READMES = ("README.md", "README.es.md")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands() -> list[str]:
    """Every command as it is typed: ``train``, ``data describe``, …"""
    found = []
    for group in app.registered_groups:
        assert group.typer_instance is not None
        found += [f"{group.name} {command.name}" for command in group.typer_instance.registered_commands]
    return [str(command.name) for command in app.registered_commands] + found + ["models", "config"]


@pytest.mark.parametrize("name", READMES)
def test_every_command_is_in_the_table(name: str) -> None:
    for command in commands():
        assert re.search(rf"^\|.*`mlctl {command}\b", text(name), re.MULTILINE), command


@pytest.mark.parametrize("name", READMES)
def test_the_first_commands_are_what_newcomers_run(name: str) -> None:
    blocks = re.findall(r"^```sh\n(.*?)\n```$", text(name), re.MULTILINE | re.DOTALL)
    assert blocks == [
        "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/mlctl up",
        "python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/pytest",
    ]


def test_the_two_readmes_link_to_each_other_and_show_the_same() -> None:
    assert "(README.es.md)" in text("README.md")
    assert "(README.md)" in text("README.es.md")
    english, spanish = (re.findall(r"^```console\n(.*?)\n```$", text(name), re.M | re.S) for name in READMES)
    assert english == spanish


@pytest.mark.parametrize("name", READMES)
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)", text(name)):
        assert target.startswith("https://") or (ROOT / target).exists(), target


@pytest.mark.parametrize("name", READMES)
def test_exit_codes_are_documented(name: str) -> None:
    for code in ExitCode:
        assert re.search(rf"^\| {int(code)} \|", text(name), re.MULTILINE), code


@pytest.mark.parametrize("name", READMES)
def test_the_settings_shown_are_accepted(name: str, tmp_path: Path) -> None:
    (example,) = re.findall(r"^```toml\n(.*?)\n```$", text(name), re.MULTILINE | re.DOTALL)
    (tmp_path / "mlctl.toml").write_text(example, encoding="utf-8")
    assert settings.load(tmp_path, stage="prod").deploy.region == "eu-west-1"
    shown: dict[str, Any] = tomllib.loads(example)
    assert shown["deploy"].keys() == set(settings.DeploySettings.model_fields) - {"auth", "region", "profile", "python"}
    assert shown["model"].keys() == set(settings.ModelSettings.model_fields) - {"pipeline"}
    assert shown["data"].keys() == set(settings.DataSettings.model_fields) - {"split_by"}


def test_the_version_is_the_same_everywhere() -> None:
    assert tomllib.loads(text("pyproject.toml"))["project"]["version"] == __version__


def test_there_is_a_command_line_to_document() -> None:
    assert len(commands()) >= 16
