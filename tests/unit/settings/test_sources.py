"""`.env` and `mlctl.toml` of a foreign folder: the settings that they may contain, and hostile files."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlctl import settings
from mlctl.cli import completion
from mlctl.core.shared.api_client import find_token
from mlctl.errors import MlctlError
from mlctl.settings.sources import USER_VARIABLES, read_dotenv
from mlctl.user_folders import cache_folder, state_folder
from tests.conftest import Cli

FILES = (".env", "mlctl.toml")
NOT_OURS = {
    "AWS_ENDPOINT_URL": "http://evil.example",
    "AWS_PROFILE": "evil",
    "AWS_ACCESS_KEY_ID": "evil",
    "AWS_CONFIG_FILE": "evil",
    "AWS_DATA_PATH": "evil",
    "PYTHONPATH": "evil",
    "PYTHONSTARTUP": "evil",
    "PYTHONHOME": "evil",
    "LD_PRELOAD": "evil",
    "LD_LIBRARY_PATH": "evil",
    "DYLD_INSERT_LIBRARIES": "evil",
    "HTTP_PROXY": "http://evil.example",
    "HTTPS_PROXY": "http://evil.example",
    "ALL_PROXY": "http://evil.example",
    "http_proxy": "http://evil.example",
    "no_proxy": "*",
    "HOME": "/evil",
    "XDG_STATE_HOME": "/evil",
    "XDG_CACHE_HOME": "/evil",
    "PATH": "/evil",
    "TMPDIR": "/evil",
    "PIP_INDEX_URL": "http://evil.example",
    "PIP_CONFIG_FILE": "/evil",
    "SSL_CERT_FILE": "/evil",
    "REQUESTS_CA_BUNDLE": "/evil",
    "NETRC": "/evil",
    "NO_COLOR": "1",
    "COLUMNS": "7",
}


def test_variables_of_others_in_the_dotenv_change_nothing(project: Path, cli: Cli) -> None:
    expected = cli("config", "--stage", "prod", "--json").json
    before = dict(os.environ)
    (project / ".env").write_text(
        "".join(f"{name}={value}\nexport {name}={value}\n" for name, value in NOT_OURS.items())
    )
    assert cli("config", "--stage", "prod", "--json").json == expected
    assert {**os.environ, "PYTEST_CURRENT_TEST": ""} == {**before, "PYTEST_CURRENT_TEST": ""}
    assert read_dotenv(project) == {}


@pytest.mark.parametrize("name", [*sorted(USER_VARIABLES), "mlctl_state_dir", "Mlctl_Cache_Dir"])
def test_the_dotenv_cannot_move_the_users_folders(project: Path, cli: Cli, tmp_path: Path, name: str) -> None:
    cache, state = cache_folder(), state_folder()
    (project / ".env").write_text(f"export {name} = '{tmp_path}/evil'\n")
    for words in (("config",), ("status",), ("models",)):
        result = cli(*words, "--json")
        assert (result.code, result.json["error"]["code"]) == (2, "settings_invalid")
        assert result.json["error"]["message"].startswith(f".env cannot set {name.upper()}")
    assert (cache_folder(), state_folder()) == (cache, state)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("text", ["${AWS_SECRET_ACCESS_KEY}", "$AWS_SECRET_ACCESS_KEY", "${NONE:-default}"])
@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_nothing_of_the_users_environment_is_put_into_a_setting(
    project: Path, monkeypatch: pytest.MonkeyPatch, text: str, quote: str
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    (project / ".env").write_text(
        f"A=1\nMLCTL_DATA__SOURCE={quote}s3://evil/{text}{quote}\nMLCTL_TOKEN={quote}{text}{quote}\n"
    )
    assert settings.load(project).data.source == f"s3://evil/{text}"
    assert read_dotenv(project)["MLCTL_TOKEN"] == text


def test_the_token_is_read_from_the_dotenv(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".env").write_bytes(b"\xef\xbb\xbfMLCTL_TOKEN='Bearer a.b.c'\r\nMLCTL_DEPLOY__MEMORY=512\r\n")
    assert find_token(project, None) == "a.b.c"
    assert settings.load(project).deploy.memory == 512
    monkeypatch.setenv("MLCTL_TOKEN", "mine")
    assert find_token(project, None) == "mine"
    assert find_token(project, "given") == "given"


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_link_outside(path: Path) -> None:
    secret = path.parent.parent / "credentials"
    secret.write_text("[default]\naws_secret_access_key = secret\n")
    path.symlink_to(secret)


def a_link_in_a_circle(path: Path) -> None:
    path.symlink_to(path.name)


def a_huge_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(8 << 30)


FORMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (a_pipe, "is not a regular file."),
    "device": (a_device, "is a link that leads out of the project folder."),
    "folder": (Path.mkdir, "is not a regular file."),
    "link outside": (a_link_outside, "is a link that leads out of the project folder."),
    "link to a pipe": (a_link_to_a_pipe, "is not a regular file."),
    "dangling link": (lambda path: path.symlink_to("nowhere"), "is a link to a file that does not exist."),
    "circle": (a_link_in_a_circle, "cannot be read: "),
    "huge": (a_huge_file, " kB."),
    "binary": (lambda path: path.write_bytes(b"\x7fELF\0\0\0"), "is not text: it holds a NUL character."),
    "not UTF-8": (lambda path: path.write_bytes(b"A='\xff'\n"), "is not UTF-8 text: byte 3 is 0xff."),
    "UTF-16": (lambda path: path.write_bytes("project = 'x'\n".encode("utf-16")), "is not UTF-8 text: byte 0"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("make", "words"), [pytest.param(*form, id=kind) for kind, form in FORMS.items()])
def test_no_form_of_a_file_hurts(
    project: Path, cli: Cli, name: str, make: Callable[[Path], object], words: str
) -> None:
    make(project / name)
    for command in ("models", "config", "status"):
        result = cli(command, "--json")
        assert (result.code, result.json["error"]["code"]) == (2, "settings_invalid")
        assert name in result.json["error"]["message"]
        assert words in result.json["error"]["message"]
        assert "secret" not in result.out
        assert len(result.err.splitlines()) == 2
    if name == ".env":
        with pytest.raises(MlctlError):
            find_token(project, None)
    assert completion.stages("") == ["local"]
    assert [name for name, _ in completion.versions("")] == ["latest"]


def test_links_within_the_project_and_dos_files_are_fine(project: Path) -> None:
    (project / "settings").mkdir()
    (project / "settings" / "real.toml").write_bytes(b"\xef\xbb\xbfproject = 'dos'\r\n[data]\r\nseed = 7\r\n")
    (project / "mlctl.toml").symlink_to("settings/real.toml")
    assert (settings.load(project).project, settings.load(project).data.seed) == ("dos", 7)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_may_not_be_read(project: Path, cli: Cli, name: str) -> None:
    (project / name).touch(mode=0)
    result = cli("models")
    assert result.code == 2
    assert "cannot be read: Permission denied." in result.err


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 50_000,
        "a = " + "[" * 300 + "]" * 300,
        ".".join("a" * 30_000) + " = 1",
        "a = " + "9" * 10_000,
        "[model]\nparams = { a = " + "{ a = " * 40 + "1" + " }" * 41,
        "x = 1979-99-99",
        "[[a]]\n" * 40_000,
        'a = "' + "\\u0041" * 40_000 + '"',
        ('"="' + '."="' * 250 + " = 1\n") * 200,
    ],
)
def test_a_hostile_table_is_reported_in_two_lines(project: Path, cli: Cli, text: str) -> None:
    (project / "mlctl.toml").write_text(text)
    result = cli("models")
    assert result.code == 2, result.err[:500]
    assert len(result.err.splitlines()) == 2
    assert len(result.err) < 1000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=b" + " " * 60_000 + "c\n", ".env holds hundreds of spaces in a row."),
        ("FINE=1\nMLCTL_DATA__SEED='7\n", ".env: line 2 cannot be read."),
        ("MLCTL_DATA__KINDS=" + "[" * 50_000, "A MLCTL_* variable cannot be read"),
        ("MLCTL_DATA__SEED=" + "9" * 50_000, "data.seed"),
    ],
)
def test_a_hostile_dotenv_is_reported_in_two_lines(project: Path, cli: Cli, text: str, message: str) -> None:
    (project / ".env").write_text(text)
    result = cli("models")
    assert result.code == 2
    assert message in result.err
    assert len(result.err.splitlines()) == 2
    assert len(result.err) < 1000


def test_lines_of_other_programs_are_passed_over(project: Path, cli: Cli) -> None:
    (project / ".env").write_text("not a variable at all\n= \nFOO='unclosed\nMLCTL=1\n")
    assert (cli("models").code, cli("models").err) == (0, "")


FOREIGN = ("http://evil.example:4566", "http://127.0.0.1.evil.com", "http://0x7f000001", "https://evil.example")


def test_no_key_in_another_case_gets_past_that_check(project: Path, cli: Cli) -> None:
    (project / "mlctl.toml").write_text(f"Local_endpoint = '{FOREIGN[0]}'\n")
    refused = cli("invoke", "1", "2", "3", "4")
    assert (refused.code, "unknown key 'Local_endpoint'" in refused.err) == (2, True)


@pytest.mark.parametrize("endpoint", FOREIGN)
@pytest.mark.parametrize("name", FILES)
def test_a_project_cannot_have_a_token_sent_to_another_machine(
    project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str, endpoint: str
) -> None:
    text = f"local_endpoint = '{endpoint}'\n" if name == "mlctl.toml" else f"MLCTL_LOCAL_ENDPOINT={endpoint}\n"
    (project / name).write_text(text)
    monkeypatch.setenv("MLCTL_TOKEN", "secret")
    for words in (
        ("status",),
        ("invoke", "1", "2", "3", "4"),
        ("deploy",),
        ("logs",),
        ("models", "prune"),
        ("config",),
    ):
        result = cli(*words, "--json")
        assert (result.code, result.json["error"]["code"]) == (2, "endpoint_not_local")
        assert result.json["error"]["message"].startswith(f"{name}: local_endpoint = ")
    monkeypatch.setenv("MLCTL_LOCAL_ENDPOINT", "http://127.0.0.1:4566")
    assert settings.load(project).local_endpoint == "http://127.0.0.1:4566"
    monkeypatch.setenv("MLCTL_LOCAL_ENDPOINT", endpoint)
    assert settings.load(project).local_endpoint == endpoint


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:4566", "http://localhost:1", "https://[::1]", "http://a.localhost"]
)
def test_a_project_may_name_an_emulator_on_this_machine(project: Path, endpoint: str) -> None:
    (project / "mlctl.toml").write_text(f'local_endpoint = "{endpoint}"\n')
    assert settings.load(project).local_endpoint == endpoint


@pytest.mark.parametrize(
    "endpoint", ["http://u:p@localhost", "http://a\\\\@localhost", "ftp://localhost", "http://x:99999"]
)
def test_an_endpoint_that_is_no_url(project: Path, cli: Cli, endpoint: str) -> None:
    (project / "mlctl.toml").write_text(f'local_endpoint = "{endpoint}"\n')
    result = cli("status")
    assert result.code == 2
    assert result.err.startswith("Error: mlctl.toml: local_endpoint = ")
    assert len(result.err.splitlines()) == 2


@pytest.mark.parametrize("key", ["endpoint", "endpoint_url", "aws_endpoint_url", "ca_bundle", "proxy"])
@pytest.mark.parametrize("table", ["", "[deploy]", "[stage.prod]"])
def test_no_setting_names_an_endpoint_of_aws(project: Path, cli: Cli, key: str, table: str) -> None:
    (project / "mlctl.toml").write_text(f"{table}\n{key} = 'http://evil.example'\n")
    assert "unknown key" in cli("config", "--stage", "prod").err


def test_a_profile_that_the_project_chose_is_named_before_a_stage_changes(
    trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trained / "mlctl.toml").write_text("[stage.prod]\nprofile = 'work'\nregion = 'eu-west-1'\n")
    told = "AWS profile: work (from mlctl.toml, [stage.prod])"
    for words in (("deploy",), ("rollback",), ("destroy", "--yes"), ("up", "-p", "n_estimators=2")):
        assert told in cli(*words, "--stage", "prod").err
    assert "AWS profile" not in cli("rollback", "--stage", "dev").err
    monkeypatch.setenv("MLCTL_DEPLOY__PROFILE", "mine")
    assert "AWS profile:" not in cli("deploy", "--stage", "prod").err


def test_completion_shows_no_control_characters(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = next(each for each in (trained / "artifacts" / "iris").iterdir() if each.is_dir())
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["estimator"] = "sklearn.Forest\x1b]0;owned\x07\n\u202e\x9b"
    data = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(data)
    folder.rename(folder.parent / hashlib.sha256(data).hexdigest())
    shown = completion.versions("")
    assert all(text.isprintable() for pair in shown for text in pair)


@pytest.mark.parametrize("damage", ["[]", "{}", "null", "\xff", '{"files": 7}'])
def test_completion_survives_a_broken_version(trained: Path, damage: str) -> None:
    folder = trained / "artifacts" / "iris" / ("0" * 64)
    folder.mkdir()
    (folder / "manifest.json").write_text(damage, encoding="latin-1")
    assert "latest" in [name for name, _ in completion.versions("")]


def test_completion_in_a_process_of_its_own_runs_nothing_of_the_folder(project: Path) -> None:
    canary = project / "ran"
    for name in ("json", "typer", "mlctl", "yaml", "sitecustomize"):
        (project / f"{name}.py").write_text(f"open({str(canary)!r}, 'w').close()\n")
    (project / "mlctl.toml").write_text("[stage.prod]\n")
    command = Path(sys.executable).with_name("mlctl")
    environment = os.environ | {
        "_MLCTL_COMPLETE": "complete_zsh",
        "_TYPER_COMPLETE_ARGS": "mlctl deploy --stage ",
    }
    done = subprocess.run(
        [command], cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert "prod" in done.stdout, done.stderr
    assert not canary.exists()
