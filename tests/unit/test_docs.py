"""The documents say what the code does."""

import re
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from mlctl import __version__, settings
from mlctl.aws.names import AliasText, ReleaseText
from mlctl.cli.app import app
from mlctl.errors import ExitCode
from mlctl.settings_deploy import Alarms, CanaryLimits, Cors, DeploySettings, Domain, Throttle, Vpc
from tests.conftest import ROOT

READMES = ("README.md", "README.es.md")
DOCS = ("SECURITY.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))


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
        "python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/pytest -n 2 --dist worksteal",
    ]


def test_the_two_readmes_link_to_each_other_and_show_the_same() -> None:
    assert "(README.es.md)" in text("README.md")
    assert "(README.md)" in text("README.es.md")
    english, spanish = (re.findall(r"^```console\n(.*?)\n```$", text(name), re.M | re.S) for name in READMES)
    assert english == spanish


def headings(path: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a file."""
    found = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in found}


@pytest.mark.parametrize("name", READMES + DOCS)
def test_links_lead_somewhere(name: str) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]+))?\)", text(name)):
        if not target.startswith("https://"):
            path = (ROOT / name).parent / target if target else ROOT / name
            assert path.exists(), target
            assert not anchor or anchor in headings(path), f"{target}#{anchor}"


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
    in_stage = shown["stage"]["prod"].keys()
    assert shown["deploy"].keys() | in_stage | commented(example).keys() == set(DeploySettings.model_fields)
    assert shown["model"].keys() == set(settings.ModelSettings.model_fields) - {"pipeline"}
    assert shown["data"].keys() == set(settings.DataSettings.model_fields) - {"split_by"}


def commented(example: str) -> dict[str, str]:
    """The keys of ``[deploy]`` that are shown behind a #, each with its line."""
    deploy = example[example.index("[deploy]") :]
    return {key: line for line, key in re.findall(r"^# ((\w+) = .*)$", deploy, re.MULTILINE)}


@pytest.mark.parametrize("name", READMES)
def test_each_setting_behind_a_hash_is_accepted_without_it(name: str, tmp_path: Path) -> None:
    (example,) = re.findall(r"^```toml\n(.*?)\n```$", text(name), re.MULTILINE | re.DOTALL)
    hidden = commented(example)
    assert len(hidden) > 5
    for key, line in hidden.items():
        (tmp_path / "mlctl.toml").write_text(example.replace(f"# {line}", line), encoding="utf-8")
        assert getattr(settings.load(tmp_path).deploy, key), key


def test_every_setting_of_a_deploy_is_in_the_table_with_its_limits() -> None:
    (section,) = re.findall(r"^## Settings\n(.*?)^## ", text("docs/RELEASES.md"), re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| (`.+)$", section, re.MULTILINE)
    for key, field in DeploySettings.model_fields.items():
        (row,) = (row for row in rows if f"`{key}`" in row.split(" | ")[0])
        told = [getattr(rule, bound, None) for rule in field.metadata for bound in ("ge", "le", "max_length")]
        told += [*get_args(field.annotation)] if get_origin(field.annotation) is Literal else [field.default]
        for each in told:
            if isinstance(each, int | str) and not isinstance(each, bool):
                assert re.search(rf"\b{re.escape(str(each))}\b", row), (key, each)
    for group in (Alarms, CanaryLimits, Cors, Domain, Throttle, Vpc):
        for key in group.model_fields:
            assert any(re.search(rf"\b{key}\b", row) for row in rows), key


def test_the_descriptions_shown_are_those_that_the_code_reads_and_writes() -> None:
    (shown,) = re.findall(r"^```text\n(.*?)\n```$", text("docs/RELEASES.md"), re.MULTILINE | re.DOTALL)
    release, *aliases = shown.splitlines()
    found = ReleaseText.from_description(release)
    assert found is not None
    assert found.to_description() == release
    assert [AliasText.from_description(each).to_description() for each in aliases] == aliases
    assert len(aliases) == 2


def test_the_version_is_the_same_everywhere() -> None:
    assert tomllib.loads(text("pyproject.toml"))["project"]["version"] == __version__


def test_there_is_a_command_line_to_document() -> None:
    assert len(commands()) >= 16
