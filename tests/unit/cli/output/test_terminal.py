"""Terminals, pipes and files: colours, widths, readers that leave, completion."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlctl.cli.views import tables
from tests.conftest import ROOT, Cli


def test_bars() -> None:
    assert tables.bar(0, 4) == "    "
    assert tables.bar(1, 4) == "████"
    assert tables.bar(0.5, 4) == "██  "
    assert tables.bar(1 / 32, 4) == "▏   "
    assert tables.bar(2, 4) == "████"
    assert tables.histogram([0, 1, 8]) == " ▂█"


def test_no_color_and_no_terminal_mean_no_escape_codes(project: Path, cli: Cli) -> None:
    shown = cli("data", "describe")
    assert "\x1b" not in shown.out + shown.err


def test_a_closed_pipe_is_no_error(project: Path) -> None:
    finished = subprocess.run(
        f"{sys.executable} -m mlctl data describe --source breast_cancer | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert finished.stderr == ""
    assert finished.stdout.startswith("breast_cancer: 569 rows")


def test_a_file_gets_no_padding_and_no_cut_lines(trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    lines = cli("models", "show").out.splitlines()
    assert all(line == line.rstrip() for line in lines)
    (folder,) = [line for line in lines if line.startswith("folder")]
    assert len(folder.split()[1]) == len("artifacts/iris/") + 64


def run_in_terminal(project: Path, **env: str) -> str:
    """What a failing command writes to a terminal."""
    command = f"script -qec '{sys.executable} -m mlctl models show zzz' /dev/null"
    finished = subprocess.run(
        command, shell=True, capture_output=True, text=True, check=False, cwd=project,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm", **env}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return finished.stdout


def test_errors_are_coloured_on_a_terminal_but_not_with_no_color(trained: Path) -> None:
    if shutil.which("script") is None:
        pytest.skip("script (of util-linux) is not installed")
    assert "\x1b[31m" in run_in_terminal(trained)
    plain = run_in_terminal(trained, NO_COLOR="1")
    assert "Error: No model version begins with" in plain
    assert "\x1b[3" not in plain


@pytest.mark.parametrize("words", ["models", "models show", "data describe --json"])
def test_a_reader_that_leaves_at_once_is_no_error(trained: Path, words: str) -> None:
    line = f"{sys.executable} -m mlctl {words} | true; exit ${{PIPESTATUS[0]}}"
    finished = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=False, cwd=trained,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (finished.returncode, finished.stderr) == (0, "")


def test_a_terminal_without_unicode_gets_question_marks(project: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "mlctl", "data", "describe"], capture_output=True, check=True, cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert b"sepal_length" in finished.stdout


def completed(project: Path, words: str) -> list[str]:
    """What bash is offered after ``words``."""
    finished = subprocess.run(
        [sys.executable, "-m", "mlctl"], capture_output=True, text=True, check=False, cwd=project,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "_MLCTL_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - (0 if words.endswith(" ") else 1)),
        },
    )  # fmt: skip
    return finished.stdout.split()


def test_a_shell_completes_ids_and_stages(trained: Path, iris_folder: Path) -> None:
    (trained / "mlctl.toml").write_text("[stage.prod]\nmemory = 512\n[stage.dev]\nmemory = 512\n")
    (version,) = [path.name for path in (trained / "artifacts" / "iris").iterdir() if len(path.name) == 64]
    assert completed(trained, "mlctl evaluate ") == ["latest", version[:12]]
    assert completed(trained, f"mlctl deploy {version[:3]}") == [version[:12]]
    assert completed(trained, "mlctl compare lat") == ["latest"]
    assert completed(trained, "mlctl status --stage ") == ["local", "prod", "dev"]
    assert completed(trained, "mlctl tra") == ["train"]
    (trained / "mlctl.toml").write_text("[stage")
    assert completed(trained, "mlctl status --stage ") == ["local"]
