"""The child process that opens model files, forked from the test's own process: it has scikit-learn already.

A new interpreter imports scikit-learn for seconds. The fork confines itself and does all else as the real child does.
tests/e2e/test_opening*.py test the real child.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from mlctl.model_loading import child, process


class ForkedChild:
    """The part of subprocess.Popen that ``mlctl.model_loading.process`` uses."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], pass_fds: Sequence[int], **_: Any
    ) -> None:
        assert command[:2] == [sys.executable, "-I"]
        assert process.BOOT in command
        request = json.loads(Path(command[-1]).read_text(encoding="ascii"))
        read, write = os.pipe()
        self.returncode: int | None = None
        self.stdout: IO[bytes] | None = os.fdopen(read, "rb", buffering=0)
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._become(request, cwd, env, write, parent)
            finally:
                os._exit(70)
        os.close(write)

    @staticmethod
    def _become(request: dict[str, Any], cwd: Path, env: Mapping[str, str], output: int, parent: int) -> None:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, number in ((0, nothing), (1, output), (2, output)):
            os.dup2(number, target)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        sys.path[:] = request["path"]
        assert request["parent"] == parent
        child.main(request)

    def poll(self) -> int | None:
        """The exit code, negative for a signal, or None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int:
        """Wait for its end."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode


class ForkedSubprocess:
    """Stands for the module ``subprocess`` in ``mlctl.model_loading.process``."""

    Popen = ForkedChild
    DEVNULL, PIPE, STDOUT = subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT
