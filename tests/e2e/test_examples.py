"""The examples do what their README says."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.conftest import Project

EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/README.md"))
# Their commands take a minute: training, measuring and comparing on a real table.
_LONG = ("churn", "house-prices")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in _LONG else []) for name in EXAMPLES]
)
def test_the_commands_of_an_example_run_as_printed(empty: Project, name: str) -> None:
    shutil.copytree(ROOT / "examples" / name, empty.folder, dirs_exist_ok=True)
    text = (empty.folder / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\$ (mlctl|python) (.*)$", text, re.MULTILINE)
    assert commands
    for program, words in commands:
        if program == "python":
            subprocess.run([sys.executable, *shlex.split(words)], cwd=empty.folder, check=True)
            continue
        result = empty.run(*shlex.split(words))
        # The README tells of the one command that is to fail.
        expected = 3 if "new-customers.csv" in words else 0
        assert result.code == expected, f"mlctl {words}\n{result.err}"


@pytest.mark.parametrize(("name", "data"), [("churn", "customers.csv"), ("house-prices", "houses.csv")])
def test_the_generators_make_the_data_that_is_there(tmp_path: Path, name: str, data: str) -> None:
    shutil.copy(ROOT / "examples" / name / "generate.py", tmp_path)
    subprocess.run([sys.executable, "generate.py"], cwd=tmp_path, check=True)
    assert (tmp_path / data).read_bytes() == (ROOT / "examples" / name / data).read_bytes()


def test_the_gate_of_the_iris_example_stops_a_bad_model(empty: Project) -> None:
    shutil.copytree(ROOT / "examples" / "iris", empty.folder, dirs_exist_ok=True)
    assert empty.run("train", "-p", "n_estimators=1", "-p", "max_depth=1").code == 0
    refused = empty.run("deploy")
    assert refused.code == 4
    assert "misses its gates: accuracy 0." in refused.err
