"""The examples do what their README says."""

import re
import shlex
import shutil

import pytest

from tests.conftest import ROOT
from tests.e2e.conftest import Project

EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/README.md"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_commands_of_an_example_run_as_printed(empty: Project, name: str) -> None:
    shutil.copytree(ROOT / "examples" / name, empty.folder, dirs_exist_ok=True)
    commands = re.findall(r"^\$ mlctl (.*)$", (empty.folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert commands
    for command in commands:
        result = empty.run(*shlex.split(command))
        assert result.code == 0, f"mlctl {command}\n{result.err}"


def test_the_gate_of_the_iris_example_stops_a_bad_model(empty: Project) -> None:
    shutil.copytree(ROOT / "examples" / "iris", empty.folder, dirs_exist_ok=True)
    assert empty.run("train", "-p", "n_estimators=1", "-p", "max_depth=1").code == 0
    refused = empty.run("deploy")
    assert refused.code == 4
    assert "misses its gates: accuracy 0." in refused.err
