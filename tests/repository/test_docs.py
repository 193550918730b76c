"""The documents say what the code does."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import typer.main
from pydantic import BaseModel

from mlctl import __version__, settings
from mlctl.aws.stack.names import AliasText, ReleaseText
from mlctl.cli.app import app
from mlctl.errors import ExitCode
from mlctl.registry import gates
from mlctl.settings.deploy import Alarms, CanaryLimits, Cors, DeploySettings, Domain, Throttle, Vpc
from mlctl.settings.sources import TOKEN_VARIABLE, USER_VARIABLES
from tests.conftest import ROOT
from tests.pictures.terminal import screen

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


def test_every_command_is_in_the_table() -> None:
    page = text("docs/COMMANDS.md")
    for command in commands():
        assert re.search(rf"^\|.*`mlctl {command}\b", page, re.MULTILINE), command


@pytest.mark.parametrize("name", READMES + DOCS)
def test_every_command_and_option_shown_exists(name: str) -> None:
    root: Any = typer.main.get_command(app)
    command: Any
    shown = re.findall(r"`mlctl (?!model=)([^`]+)`", text(name)) + re.findall(
        r"^\$ (?:.*?\b)?mlctl (.+)$", text(name), re.MULTILINE
    )
    for line in shown:
        command, known = root, options(root)
        words = shlex.split(line)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
            known |= options(command)
        # Without a command: `mlctl --version`, `mlctl COMMAND --help`.
        assert command is not root or words[0].startswith("-") or words[0] == "COMMAND", line
        for option in re.findall(r"(?<!\S)-{1,2}[a-zA-Z][\w-]*", " ".join(words)):
            assert option in known or words[0] == "COMMAND", line


def options(command: Any) -> set[str]:
    return {each for parameter in command.params for each in parameter.opts} | {"--help"}


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
    for shown in (r"^```console\n(.*?)\n```$", r'(?:src|srcset)="([^"]+)"', r"\]\(([^)]+\.md[^)]*)\)", r"^#+ "):
        english, spanish = (
            [each for each in re.findall(shown, text(name), re.MULTILINE | re.DOTALL) if each not in READMES]
            for name in READMES
        )
        assert english == spanish
        assert english


@pytest.mark.parametrize("name", READMES)
def test_a_readme_is_short(name: str) -> None:
    assert text(name).count("\n") <= 160


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_pictures_are_small_and_load_nothing(theme: str) -> None:
    path = ROOT / "docs" / "images" / f"terminal-{theme}.svg"
    picture = path.read_text(encoding="utf-8")
    assert all(f"docs/images/{path.name}" in text(name) for name in READMES)
    assert len(picture) < 50_000
    assert not re.search(r"@font-face|@import|href|<image|<script|url\((?!#)", picture)
    assert "mlctl&#160;up" in picture
    assert "mlctl&#160;invoke" in picture


def test_a_line_that_was_drawn_again_is_in_the_picture_once() -> None:
    written = "a\r\n\x1b[?25l⠋ fit\r\x1b[2K⠙ fit\r\n\r\x1b[2K\x1b[1A\x1b[2K✓ fitted\r\n\x1b[?25h"
    assert screen(written) == ["a", "✓ fitted", ""]


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


def test_exit_codes_are_documented() -> None:
    for code in ExitCode:
        assert re.search(rf"^\| {int(code)} \|", text("docs/COMMANDS.md"), re.MULTILINE), code


def settings_shown() -> str:
    (example,) = re.findall(r"^```toml\n(.*?)\n```$", text("docs/SETTINGS.md"), re.MULTILINE | re.DOTALL)
    return str(example)


def test_the_settings_shown_are_accepted(tmp_path: Path) -> None:
    example = settings_shown()
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


def test_each_setting_behind_a_hash_is_accepted_without_it(tmp_path: Path) -> None:
    example = settings_shown()
    hidden = commented(example)
    assert len(hidden) > 5
    for key, line in hidden.items():
        (tmp_path / "mlctl.toml").write_text(example.replace(f"# {line}", line), encoding="utf-8")
        assert getattr(settings.load(tmp_path).deploy, key), key


def rows_under(heading: str) -> list[str]:
    """The rows of the tables in a section of the page of settings."""
    page = text("docs/SETTINGS.md") + "\n## "
    (section,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    return re.findall(r"^\| (`.+)$", section, re.MULTILINE)


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("Top level", settings.Settings),
        ("[data]", settings.DataSettings),
        ("[model]", settings.ModelSettings),
        ("[deploy] and [stage.NAME]", DeploySettings),
    ],
)
def test_every_setting_is_in_its_table_with_its_limits(heading: str, model: type[BaseModel]) -> None:
    rows = rows_under(heading)
    tables = {"data", "model", "gates", "deploy", "stage"} if model is settings.Settings else set()
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row.split(" | ")[0])} == set(
        model.model_fields
    ) - tables
    for key, field in model.model_fields.items():
        if key in tables:
            continue
        (row,) = (row for row in rows if f"`{key}`" in row.split(" | ")[0])
        rules = [
            *field.metadata,
            *(each for kind in get_args(field.annotation) for each in getattr(kind, "metadata", ())),
        ]
        told = [getattr(rule, bound, None) for rule in rules for bound in ("ge", "le", "max_length")]
        told += [*get_args(field.annotation)] if get_origin(field.annotation) is Literal else [field.default]
        for each in told:
            if isinstance(each, int | float | str) and not isinstance(each, bool):
                assert re.search(rf"(?<!\w){re.escape(str(each))}(?!\w)", row), (key, each)


def test_the_keys_of_the_tables_in_a_deploy_are_shown() -> None:
    rows = rows_under("[deploy] and [stage.NAME]")
    for group in (Alarms, CanaryLimits, Cors, Domain, Throttle, Vpc):
        for key in group.model_fields:
            assert any(re.search(rf"\b{key}\b", row) for row in rows), key


def test_every_metric_of_a_gate_is_shown_as_the_limit_that_it_is() -> None:
    least, most = rows_under("[gates]")
    assert set(re.findall(r"`(\w+)`", least)) | set(re.findall(r"`(\w+)`", most)) == set(gates.METRICS)
    assert "minimum" in least
    assert "maximum" in most


def test_every_variable_that_is_no_setting_is_shown() -> None:
    shown = {row.split(" | ")[0].strip("`") for row in rows_under("Environment variables")}
    assert shown == {*USER_VARIABLES, TOKEN_VARIABLE, "MLCTL_LOCAL_PORT", "MLCTL_LOCAL_ENDPOINT"}


def test_every_error_of_the_handler_is_shown_with_its_status() -> None:
    page = text("docs/API.md")
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "handler").glob("*.py"))
    errors = re.findall(r"RequestError\(\s*(\d+),\s*\"(\w+)\"", source)
    assert len(errors) > 5
    for status, code in errors:
        assert re.search(rf"^\| {status} \|.*`{code}`", page, re.MULTILINE), (status, code)


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
