"""Output that cannot be written, streams that are closed, and faults of the environment that are no defects."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlctl.cli.output.errors import to_mlctl_error
from mlctl.errors import ExitCode
from tests.conftest import Cli

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="only Linux has /dev/full")


def shell(redirection: str, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """``mlctl`` with a redirection of sh."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m mlctl "$@" {redirection}', sys.executable, *words],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
        env={**os.environ, **env},
    )


@needs_full
@pytest.mark.parametrize("words", [("models",), ("models", "--json"), ("config",), ("--help",), ("--version",)])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_full_output_is_one_line(trained: Path, words: tuple[str, ...], encoding: str) -> None:
    finished = shell(">/dev/full", *words, PYTHONIOENCODING=encoding, NO_COLOR="1")
    assert finished.returncode == 1
    assert finished.stderr == "Error: The output could not be written: No space left on device.\n"


@needs_full
def test_an_error_whose_json_cannot_be_written_keeps_its_exit_code(project: Path) -> None:
    finished = shell(">/dev/full", "models", "show", "--json", NO_COLOR="1")
    assert finished.returncode == ExitCode.NOT_FOUND
    assert finished.stderr.startswith("Error: Project 'iris' has no model version yet.")
    assert "Traceback" not in finished.stderr


@needs_full
def test_a_full_standard_error_does_not_stop_the_work(project: Path) -> None:
    finished = shell("2>/dev/full", "train", "-p", "n_estimators=2", "--json")
    assert finished.returncode == 0
    assert '"version"' in finished.stdout
    assert shell("2>/dev/full", "nope").returncode == ExitCode.USAGE


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams(trained: Path, redirection: str) -> None:
    finished = shell(redirection, "models")
    assert finished.returncode == 0
    assert "Traceback" not in finished.stderr
    assert ("RandomForest" in finished.stdout) == (redirection in ("2>&-", "<&-"))


def test_a_closed_input_holds_no_rows(trained: Path) -> None:
    finished = shell("<&-", "invoke", "--file", "-", NO_COLOR="1")
    assert (finished.returncode, finished.stderr.splitlines()[0]) == (3, "Error: stdin holds no rows.")


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    finished = subprocess.run(
        ["/bin/sh", "-c", f'cd "{gone}" && rmdir "{gone}" && exec "{sys.executable}" -m mlctl models'],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert finished.returncode == ExitCode.NOT_FOUND
    assert finished.stderr.splitlines()[0] == "Error: The current folder no longer exists."


def test_a_project_that_is_named_needs_no_current_folder(
    trained: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for words in (("models",), ("models", "show"), ("models", "verify"), ("train", "-p", "n_estimators=2")):
        done = cli("-C", str(trained), *words)
        assert done.code == 0, done.err


@pytest.mark.parametrize("name", ["한국어 폴더", os.fsdecode(b"bad\xff")])
def test_folders_of_any_name_without_a_locale(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for words in (("train", "-p", "n_estimators=2"), ("package",), ("models", "--json"), ("config",)):
        finished = shell("", "-C", str(folder), *words, **plain)
        assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (MemoryError(), "out_of_memory", ExitCode.UNEXPECTED),
        (RecursionError("maximum recursion depth exceeded"), "nested_too_deeply", ExitCode.BAD_INPUT),
        (UnicodeEncodeError("utf-8", "a\udcff", 1, 2, "surrogates not allowed"), "not_text", 2),
        (RuntimeError("Could not determine home directory."), "no_home", ExitCode.UNEXPECTED),
        (OSError(30, "Read-only file system"), "os_error", ExitCode.UNEXPECTED),
    ],
)
def test_what_the_environment_does_is_no_defect(error: Exception, code: str, exit_code: int) -> None:
    failure = to_mlctl_error(error)
    assert (failure.code, failure.exit_code) == (code, exit_code)
    assert "defect" not in failure.hint


def test_settings_nested_too_deeply(project: Path, cli: Cli) -> None:
    (project / "mlctl.toml").write_text("a = " + "[" * 100_000)
    result = cli("models")
    assert result.code != 1
    assert "defect" not in result.err


def test_rows_nested_too_deeply(project: Path, cli: Cli) -> None:
    (project / "rows.json").write_text("[" * 200_000)
    result = cli("invoke", "--file", "rows.json")
    assert (result.code, "rows.json is not valid JSON" in result.err) == (3, True), result.err
