"""What a command imports: nobody waits for a library that is not needed."""

import subprocess
import sys

import pytest

from tests.e2e.conftest import Project

HEAVY = ("sklearn", "scipy", "pandas")


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("deploy",),
        ("invoke", "5.1", "3.5", "1.4", "0.2"),
        ("logs",),
        ("status",),
        ("package",),
        ("models",),
        ("up",),
    ],
)
def test_no_scientific_library_is_imported(live: Project, words: tuple[str, ...]) -> None:
    script = (
        "import sys\nfrom mlctl.cli.app import main\ncode = main(sys.argv[1:])\n"
        f"print('IMPORTED', [name for name in {HEAVY} if name in sys.modules], code)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=live.folder,
        env=live._env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.splitlines()[-1] == "IMPORTED [] 0"


def test_help_imports_neither_boto3_nor_pydantic_nor_numpy() -> None:
    script = (
        "import sys\nfrom mlctl.cli.app import main\nmain(['--help'])\n"
        "print('IMPORTED', [n for n in ('boto3', 'pydantic', 'numpy', 'rich.console') if n in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines()[-1] == "IMPORTED []"
