"""The real console script in surroundings that a test chooses: its user, disk, limits and variables."""

import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from mlctl.errors import ExitCode
from tests.conftest import SHARED_VARIABLES, Result
from tests.support.warm_command import WarmCommand, warm_command

COMMAND = str(Path(sys.executable).with_name("mlctl"))
SMALL = ("-p", "n_estimators=3")
# A user without an entry in the list of users.
STRANGER = 54321
_VERSION = re.compile("[0-9a-f]{64}")
_OTHERS = re.compile(r"[0-9a-f]{64}\.info\.json|\.lock(\.holder)?")
# How the files and folders that are being written are called, in this release and others.
_UNFINISHED = (".new-*", ".mlctl-new-*", "tmp*")


@dataclass(frozen=True)
class Surroundings:
    """How ``mlctl`` is run. ``variables`` with None are unset; ``prefix`` is a command that runs another."""

    folder: Path
    variables: Mapping[str, str | None] = field(default_factory=dict)
    prefix: Sequence[str] = ()
    file_limit: int | None = None
    umask: int | None = None
    closed: Sequence[int] = ()
    command: Sequence[str] = (COMMAND,)

    def run(self, *words: str, stdin: str | None = None) -> Result:
        """Run the command to its end; standard input is empty unless ``stdin`` is given."""
        if self._is_ordinary():
            warm = warm_command(COMMAND).run(
                words, folder=self.folder, variables=self.environment(), stdin=(stdin or "").encode(), timeout=240
            )
            return Result(warm.returncode, warm.stdout.decode(errors="replace"), warm.stderr.decode(errors="replace"))
        finished = subprocess.run(
            [*self.prefix, *self.command, *words],
            cwd=self.folder,
            env=self.environment(),
            input="" if stdin is None else stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=240,
            check=False,
            preexec_fn=self._prepare(),  # the tests run no threads here
        )
        return Result(finished.returncode, finished.stdout, finished.stderr)

    def kill_at(self, moment: int | float, *words: str) -> None:
        """Start a command and kill it: after so many events (an int), or so many seconds (a float)."""
        with subprocess.Popen(
            [*self.prefix, *self.command, "--log-format", "json", *words],
            cwd=self.folder,
            env={**self.environment(), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stderr is not None
            if isinstance(moment, float):
                with suppress(subprocess.TimeoutExpired):
                    process.wait(moment)
            else:
                for _ in range(moment):
                    process.stderr.readline()
            process.kill()

    def ok(self, *words: str) -> Result:
        """Run a command that must succeed."""
        result = self.run(*words)
        assert result.code == 0, (words, result.err)
        return result

    def refused(self, *words: str) -> Result:
        """Run a command that must fail as a user can understand."""
        result = self.run(*words)
        assert result.code != 0, (words, result.out)
        check_told(result)
        return result

    def environment(self) -> dict[str, str]:
        """The variables: those of the tests less every setting, with the changes of this object."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MLCTL_"))}
        kept |= {name: os.environ[name] for name in SHARED_VARIABLES if name in os.environ}
        kept |= {"COLUMNS": "120", "NO_COLOR": "1", "PYTHONPATH": ""}
        changed = {**kept, **self.variables}
        return {name: value for name, value in changed.items() if value is not None}

    def _is_ordinary(self) -> bool:
        """Whether a fork of a warm process does the same as the script."""
        return (
            tuple(self.command) == (COMMAND,)
            and not self.prefix
            and not self.closed
            and (self.file_limit, self.umask) == (None, None)
            and WarmCommand.can_run(self.variables)
        )

    def _prepare(self) -> Callable[[], None]:
        def prepare() -> None:
            if self.file_limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_limit, self.file_limit))
            if self.umask is not None:
                os.umask(self.umask)
            for number in self.closed:
                os.close(number)

        return prepare


def check_told(result: Result) -> None:
    """A failure, if it is one, is one ``Error:`` and at most one ``Next:``, with an exit code that is documented."""
    if result.code == ExitCode.OK:
        return
    assert result.code in set(ExitCode), (result.code, result.err)
    assert "Traceback" not in result.err, result.err
    assert "defect of mlctl" not in result.err, result.err
    errors = [line for line in result.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, result.err
    after = result.err.splitlines()[result.err.splitlines().index(errors[0]) + 1 :]
    assert len(after) <= 2, result.err


def check_whole(folder: Path) -> set[str]:
    """Nothing unfinished lies in a project; the ids of its model versions."""
    unfinished = [path for pattern in _UNFINISHED for path in folder.glob(pattern)]
    versions = set()
    for registry in (folder / "artifacts").glob("*"):
        for path in registry.iterdir():
            if _VERSION.fullmatch(path.name):
                assert (path / "manifest.json").is_file(), sorted(path.iterdir())
                versions.add(path.name)
            elif not _OTHERS.fullmatch(path.name):
                unfinished.append(path)
    assert unfinished == []
    return versions


@cache
def ordinary_user() -> tuple[str, ...]:
    """A prefix that runs a command as a user whom permissions bind and whom the system has no name for.

    The user owns the files of whoever runs the tests. Skips the test where no such user can be had and root runs it.
    """
    prefix = ("unshare", "--user", f"--map-user={STRANGER}", f"--map-group={STRANGER}")
    if _works([*prefix, sys.executable, "-c", "pass"]):
        return prefix
    if os.geteuid() != 0:
        return ()
    pytest.skip("root is bound by no permissions, and this system allows no user namespace")


@cache
def bound_by_permissions() -> tuple[str, ...]:
    """A prefix that runs a command as the same user, without root's right to pass over permissions.

    Other than those of `ordinary_user`, such processes see each other. Skips the test where root cannot give it up.
    """
    if os.geteuid() != 0:
        return ()
    prefix = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner")
    if _works([*prefix, sys.executable, "-c", "pass"]):
        return prefix
    pytest.skip("root is bound by no permissions, and cannot give that up here")


def _works(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
    except OSError:
        return False
