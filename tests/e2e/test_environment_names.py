"""Paths of any characters and length, locales without them, and terminals that are none."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import tier
from tests.support.surroundings import COMMAND, Surroundings, check_told, check_whole

_AWKWARD = '-rf it\'s "q" $HOME `x` [b] 한국어 عربي e\u0301 👩\u200d🔬'
_NAMES = {
    "200 characters of everything": "/".join([_AWKWARD] * 5),
    "a component of 255 bytes": "ü" * 127 + "x",
    "a line break": "a\nb\tc",
    "markup": "[bold]x[/] {0} %s \u202e",
    "no text": os.fsdecode(b"\xff\xfe"),
}
_LOCALES: dict[str, dict[str, str | None]] = {
    "C": {"LANG": "C", "LC_ALL": None},
    "UTF-8": {"LC_ALL": "C.UTF-8"},
    # Python uses UTF-8 here by itself, unless PYTHONUTF8 forbids it.
    "POSIX": {"LC_ALL": "POSIX"},
    "ASCII": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
_CASES = [(name, locale) for name in _NAMES for locale in _LOCALES]
_SOME = [("200 characters of everything", "ASCII")]
_LABELS = ("ja", "não")
_ROWS = "größe,색,target\n" + "".join(f"{row % 7},{('빨강', 'blå')[row % 2]},{_LABELS[row % 2]}\n" for row in range(60))


@pytest.mark.parametrize(("name", "locale"), _CASES if tier.current is tier.FULL else _SOME)
def test_a_project_in_a_folder_of_any_name(tmp_path: Path, name: str, locale: str) -> None:
    project = tmp_path / _NAMES[name]
    project.mkdir(parents=True)
    (project / "rows.csv").write_text(_ROWS, encoding="utf-8")
    user = Surroundings(project, _LOCALES[locale])
    user.ok("init", "rows.csv")
    version = user.ok("train", "-p", "n_estimators=3", "--json").json["version"]
    assert version[:12] in user.ok("models").out
    user.ok("package")
    user.ok("models", "export", "-o", "version.zip")
    assert check_whole(project) == {version}
    if tier.current is tier.FULL:
        user.ok("export", "--stage", "prod")
        user.ok("evaluate")
        user.ok("data", "describe")
        user.ok("models", "import", "version.zip")


def test_a_stage_of_a_project_in_a_folder_of_any_name(tmp_path: Path, seed: Path) -> None:
    project = tmp_path / _AWKWARD / "a\nb"
    project.parent.mkdir()
    shutil.copytree(seed, project)
    user = Surroundings(project, {"LC_ALL": "C.UTF-8"})
    try:
        user.ok("deploy")
        user.ok("invoke", "5.1", "3.5", "1.4", "0.2")
        assert user.ok("status", "--json").json["healthy"] is True
        user.ok("destroy", "--yes")
    finally:
        user.run("local", "stop")


@pytest.mark.parametrize("locale", tier.some(list(reversed(_LOCALES)), 1))
@pytest.mark.parametrize(
    "name", ["d" * 251, "한" * 83, _AWKWARD, os.fsdecode(b"\xff")], ids=("long", "한국어", "awkward", "bytes")
)
def test_a_data_file_of_any_name_is_taken_or_refused(tmp_path: Path, name: str, locale: str) -> None:
    (tmp_path / f"{name}.csv").write_text(_ROWS, encoding="utf-8")
    user = Surroundings(tmp_path, _LOCALES[locale])
    result = user.run("init", "--", f"{name}.csv")
    check_told(result)
    is_text = "\udcff" not in name
    if not is_text or (locale == "ASCII" and not name.isascii()):
        assert result.code == 2
        told = "is not valid UTF-8", "cannot be used: this system reads and writes names as"
        assert any(words in result.err for words in told), result.err
        assert not (tmp_path / "mlctl.toml").exists()
    else:
        assert result.code == 0, result.err
        assert "rows" in (tmp_path / "mlctl.toml").read_text(encoding="utf-8")


def test_a_name_in_the_settings_that_the_locale_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "rów.csv").write_text(_ROWS, encoding="utf-8")
    (tmp_path / "mlctl.toml").write_text('[data]\nsource = "rów.csv"\ntarget = "target"\n', encoding="utf-8")
    refused = Surroundings(tmp_path, _LOCALES["ASCII"]).refused("data", "describe")
    assert refused.code == 2
    assert "Unset PYTHONUTF8, or set LC_ALL=C.UTF-8." in refused.err


_TERMINALS: dict[str, dict[str, str | None]] = {
    "dumb": {"TERM": "dumb", "COLUMNS": "0"},
    "none": {"TERM": None, "COLUMNS": None, "NO_COLOR": None, "LINES": "x"},
    "odd": {"TERM": "no-such-terminal", "COLUMNS": "wide", "NO_COLOR": ""},
    "negative": {"COLUMNS": "-5", "FORCE_COLOR": "1"},
}


@pytest.mark.parametrize("name", tier.some(list(_TERMINALS), 2))
def test_any_terminal_or_none_shows_the_same(seed: Path, name: str) -> None:
    user = Surroundings(seed, _TERMINALS[name])
    assert "RandomForestClassifier" in user.ok("models", "show").out
    refused = user.refused("models", "show", "nothing") if "FORCE_COLOR" not in _TERMINALS[name] else None
    assert refused is None or refused.code == 6


def test_nothing_waits_for_an_answer_without_a_terminal(seed: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(seed, project)
    for closed in ((), (0,)):
        refused = Surroundings(project, closed=closed).refused("destroy", "--stage", "local")
        assert "--yes" in refused.err
    with (tmp_path / "progress").open("wb") as progress:
        code = subprocess.run(
            [COMMAND, "train", "-p", "n_estimators=4"],
            cwd=project,
            env=Surroundings(project).environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=progress,
            check=False,
            timeout=240,
        ).returncode
    assert code == 0
    # Without a terminal nothing moves a cursor.
    assert b"\x1b" not in (tmp_path / "progress").read_bytes()
