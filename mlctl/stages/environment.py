"""The Python environment of the emulator: made once in the user's cache folder, from locked hashes.

It is apart from mlctl's own for two reasons: the emulator pins botocore exactly, and it runs the
functions with its own interpreter, so only an environment without scikit-learn shows that a
package carries all that it needs.
"""

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from filelock import FileLock

from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event, Report
from mlctl.user_folders import cache_folder

REQUIREMENTS = Path(__file__).with_name("emulator-requirements.txt")
_COMPLETE = ".complete"


def python_for_emulator(report: Report) -> Path:
    """The interpreter of the environment, which is made first where it is missing.

    Raises MlctlError (exit 1) when it cannot be made.
    """
    locked = REQUIREMENTS.read_bytes()
    name = f"py{sys.version_info.major}.{sys.version_info.minor}-{hashlib.sha256(locked).hexdigest()[:12]}"
    folder = cache_folder() / "emulator" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    python = folder / "bin" / "python"
    # Two first uses at once: the second waits, and finds it made.
    with FileLock(folder.with_suffix(".lock")):
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
    venv.create(folder, symlinks=True, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--require-hashes", "--only-binary=:all:", "--requirement", str(REQUIREMENTS)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (folder / _COMPLETE).touch()


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
