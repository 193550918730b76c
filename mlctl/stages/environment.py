"""The Python environment of the emulator: made once in the user's cache folder, from locked hashes.

It is apart from mlctl's own for two reasons: the emulator pins botocore exactly, and it runs the
functions with its own interpreter, so only an environment without scikit-learn shows that a
package carries all that it needs.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event, Report
from mlctl.stages.environment_variables import ISOLATED, PRIVATE_UMASK, installing_environment
from mlctl.stages.locking import held
from mlctl.user_folders import cache_folder, private_folder

REQUIREMENTS = Path(__file__).with_name("emulator-requirements.txt")
_COMPLETE = ".complete"


def python_for_emulator(report: Report) -> Path:
    """The interpreter of the environment, which is made first where it is missing.

    Raises MlctlError (exit 1) when it cannot be made.
    """
    locked = REQUIREMENTS.read_bytes()
    name = f"py{sys.version_info.major}.{sys.version_info.minor}-{hashlib.sha256(locked).hexdigest()[:12]}"
    # What is in there is executed: nobody else may write to it.
    folder = private_folder(cache_folder() / "emulator") / name
    python = folder / "bin" / "python"
    # Two first uses at once: the second waits, and finds it made.
    with held(folder.with_name(f"{name}.lock")):
        if (folder / _COMPLETE).is_file() and python.exists():
            return python
        report(Event("start", "environment", "Preparing the local AWS emulator (once on this machine)"))
        try:
            _make(folder, python)
        except (subprocess.CalledProcessError, OSError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise _explain(error) from None
        report(Event("finish", "environment", "ready"))
    return python


def _make(folder: Path, python: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _execute(sys.executable, "venv", "--symlinks", str(folder), folder=folder.parent)
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--require-hashes", "--only-binary=:all:"]
    _execute(str(python), "pip", "install", *options, "--requirement", str(REQUIREMENTS), folder=folder)
    (folder / _COMPLETE).touch(mode=0o600)


def _execute(python: str, *module: str, folder: Path) -> None:
    """Execute a module of that Python, away from the current folder, which may be a project from anywhere."""
    subprocess.run(
        [python, ISOLATED, "-m", *module],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
        env=installing_environment(),
        umask=PRIVATE_UMASK,
    )


def _explain(error: subprocess.CalledProcessError | OSError) -> MlctlError:
    output = (
        f"{error.stdout or ''}\n{error.stderr or ''}"
        if isinstance(error, subprocess.CalledProcessError)
        else str(error)
    )
    errors = [line for line in output.strip().splitlines() if "ERROR" in line] or output.strip().splitlines()[-1:]
    reason = errors[0] if errors else "no message"
    if "ensurepip" in output:
        reason = "this Python has no ensurepip module (on Debian and Ubuntu: install python3-venv)"
    return MlctlError(
        f"The local AWS emulator could not be installed: {reason}",
        code="emulator_not_installed",
        exit_code=ExitCode.UNEXPECTED,
        hint="It is installed once with pip, from your package index; check the network and run the command again.",
    )
