"""A folder full of modules with the names of installed ones: no command runs any of them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.conftest import Result
from tests.e2e.conftest import Project, make_project
from tests.support import tier

SCRIPT = str(Path(sys.executable).with_name("mlctl"))
ROW = ("5.1", "3.5", "1.4", "0.2")
# Installed nowhere here; libraries look for them.
OPTIONAL = ("bottleneck", "numexpr", "cython", "lz4", "uarray", "sksparse", "scikits", "nt", "_winapi", "msvcrt")
# Everything but `train` and `up`, which are to run the project's own pipeline.
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("--help",),
    ("status",),
    ("config",),
    ("doctor",),
    ("data", "describe"),
    ("data", "split"),
    ("models",),
    ("models", "show"),
    ("package",),
    ("deploy",),
    ("invoke", *ROW),
    ("logs",),
    ("releases",),
    ("export",),
    ("local", "status"),
    ("evaluate",),
    ("compare", "latest", "latest"),
    ("bench", "--runs", "1"),
    ("init",),
    ("destroy", "--yes"),
)
# One of each kind: what reads, packages, asks the stage, and opens a pickle.
SOME = tuple(
    words
    for words in COMMANDS
    if words[0] in ("status", "doctor", "package", "invoke", "evaluate", "destroy") or words == ("models",)
)
OWN = """
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

def make():
    return GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, cv=2, n_jobs=2)
"""


def plant(folder: Path, ran: Path, optional: tuple[str, ...] = OPTIONAL) -> None:
    """A module by each name of the standard library and of what is installed, which leaves a file when it runs."""
    ran.mkdir()
    names = {
        *sys.stdlib_module_names,
        *packages_distributions(),
        *optional,
        "sitecustomize",
        "usercustomize",
        "conftest",
    }
    for name in names:
        if name.isidentifier() and name != "handler":
            code = f"open({str(ran)!r} + '/{name}', 'a').close()\n"
            (folder / f"{name}.py").write_text(code)
    (folder / "handler").mkdir()
    (folder / "handler" / "__init__.py").write_text(f"open({str(ran)!r} + '/handler', 'a').close()\n")
    (folder / "planted.pth").write_text(f"import os; open({str(ran)!r} + '/pth', 'a').close()\n")
    (folder / "setup.cfg").write_text("[mypy]\nplugins = planted\n")


def before_main() -> set[str]:
    """What Python itself imports for ``-m`` with the working directory first on its path: no program can help it."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", "import runpy, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {"mlctl", *(name.partition(".")[0] for name in done.stdout.split())}


def told(result: Result, words: tuple[str, ...]) -> str:
    return f"{' '.join(words)}: {result.code}\n{result.out[-500:]}\n{result.err[-1500:]}"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A trained and deployed project into which the modules were put."""
    folder = tmp_path_factory.mktemp("planted")
    for project in make_project(folder):
        project.ok("up", "-p", "n_estimators=2")
        plant(folder, folder.parent / "ran")
        yield project


@pytest.mark.parametrize("way", ["the command", "-C", "python -m"])
def test_no_command_runs_a_module_of_the_folder(planted: Project, way: str, tmp_path: Path) -> None:
    ran = planted.folder.parent / "ran"
    command = [SCRIPT]
    if way == "python -m":
        command = [sys.executable, "-m", "mlctl"]
        for name in before_main():
            (planted.folder / f"{name}.py").unlink(missing_ok=True)
    elif way == "-C":
        command = [SCRIPT, "-C", str(planted.folder)]
    there = Project(tmp_path if way == "-C" else planted.folder, command)
    there._env = {**planted._env, "PYTHONDONTWRITEBYTECODE": "1"}
    there._env.pop("PYTHONSAFEPATH", None)
    commands = COMMANDS if tier.current.grids_whole else SOME
    for words in commands if way == "the command" else commands[1:8:3]:
        result = there.run(*words)
        assert not list(ran.iterdir()), told(result, words)
        # `init` finds a settings file, or makes the one that the next round finds; a status may be of what is gone.
        assert result.code in (0, 2, 6), told(result, words)
        assert "Traceback" not in result.err
    (planted.folder / "mlctl.toml").unlink(missing_ok=True)


def test_training_runs_the_module_that_the_settings_name_and_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    # The folder is on the path while its own pipeline is trained, so what is installed nowhere is found there.
    plant(folder, tmp_path / "ran", optional=())
    (folder / "my_pipeline.py").write_text(OWN)
    (folder / "mlctl.toml").write_text("[model]\npipeline = 'my_pipeline:make'\ncv = 2\n")
    project = Project(folder, [SCRIPT])
    trained = project.run("train", "--json")
    assert trained.code == 0, trained.err
    for words in (("evaluate",), ("bench", "--runs", "1")):
        result = project.run(*words)
        assert result.code == 0, told(result, words)
    assert [each.name for each in (tmp_path / "ran").iterdir()] == []


def test_a_pipeline_in_a_module_with_the_name_of_an_installed_one(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text(OWN)
    (tmp_path / "mlctl.toml").write_text("[model]\npipeline = 'json:make'\n")
    result = Project(tmp_path, [SCRIPT]).run("train")
    assert result.code == 3
    assert result.err.splitlines()[-2:] == [
        "Error: The module json of the project has the name of an installed module, which Python would import instead.",
        'Next:  Rename it, in the project folder and in [model] pipeline = "json:make".',
    ]


def test_a_path_variable_with_an_empty_part_runs_no_python_of_the_folder(tmp_path: Path) -> None:
    name = next(python for python in ("3.11", "3.12") if python != f"{sys.version_info.major}.{sys.version_info.minor}")
    (tmp_path / f"python{name}").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / f"python{name}").chmod(0o755)
    script = f"from mlctl.packaging.bytecode import _interpreter; print(_interpreter({name!r}))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "None\n"
