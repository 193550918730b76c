"""The command line in a fork of a process that has imported everything already.

Importing scikit-learn, pandas and boto3 takes most of the time of most commands. A server process imports them once and
forks for each command, which then has its own folder, variables and streams, as any process has. Tests of what an
interpreter does when it starts (locale, ``PYTHON*`` variables, limits, users) run the real script instead.
"""

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

_LENGTH = struct.Struct("!I")
_STARTUP_VARIABLES = ("PYTHON", "LANG", "LC_", "LD_", "OMP_", "OPENBLAS_", "TZ")
_HARMLESS = {"PYTHONPATH", "PYTHONUNBUFFERED"}
_PRELOADED = (
    "boto3",
    "botocore.auth",
    "mlctl.cli.app",
    "mlctl.core.bench",
    "mlctl.core.compare",
    "mlctl.core.doctor",
    "mlctl.core.evaluate",
    "mlctl.core.export",
    "mlctl.core.import_model",
    "mlctl.core.invoke",
    "mlctl.core.logs",
    "mlctl.core.status",
    "mlctl.core.workflows",
    "rich.console",
    "rich.table",
    "sklearn.ensemble",
    "sklearn.linear_model",
)


class Finished(NamedTuple):
    """What a command left: exit code (negative: the signal that ended it), standard output and error."""

    returncode: int
    stdout: bytes
    stderr: bytes


class WarmCommand:
    """Runs ``mlctl`` in forks of one server process, which ``close`` ends."""

    def __init__(self, script: str) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno()), script],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": ""},
            )
        self._requests = ours
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the server."""
        self._requests.close()
        self._server.wait(timeout=30)

    @staticmethod
    def can_run(variables: Mapping[str, str | None]) -> bool:
        """Whether variables that differ from those of the tests take effect in an interpreter that runs."""
        return not any(name.startswith(_STARTUP_VARIABLES) and name not in _HARMLESS for name in variables)

    def run(
        self, words: Sequence[str], *, folder: Path, variables: Mapping[str, str], stdin: bytes = b"", timeout: float
    ) -> Finished:
        """Run one command to its end. Raises subprocess.TimeoutExpired after it was killed."""
        request = json.dumps({"words": list(words), "folder": os.fspath(folder), "variables": dict(variables)}).encode()
        reply, reply_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        (in_read, in_write), (out_read, out_write), (err_read, err_write) = os.pipe(), os.pipe(), os.pipe()
        passed = [in_read, out_write, err_write, reply_end.fileno()]
        try:
            with self._lock:
                socket.send_fds(self._requests, [_LENGTH.pack(len(request))], passed)
                self._requests.sendall(request)
        finally:
            for number in passed[:3]:
                os.close(number)
            reply_end.close()
        output, errors = _Reader(out_read), _Reader(err_read)
        writer = threading.Thread(target=_write, args=(in_write, stdin))
        writer.start()
        with reply:
            pid = int.from_bytes(_exactly(reply, 4))
            reply.settimeout(timeout)
            try:
                status = _exactly(reply, 4)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(words), timeout) from None
        writer.join()
        return Finished(int.from_bytes(status, signed=True), output.content(), errors.content())


@cache
def warm_command(script: str) -> WarmCommand:
    """The one server of this test process for a console script; it ends with the process."""
    command = WarmCommand(script)
    atexit.register(command.close)
    return command


class _Reader(threading.Thread):
    """Reads a pipe to its end."""

    def __init__(self, number: int) -> None:
        super().__init__(daemon=True)
        self._number, self._content = number, b""
        self.start()

    def run(self) -> None:
        with os.fdopen(self._number, "rb") as pipe:
            self._content = pipe.read()

    def content(self) -> bytes:
        self.join()
        return self._content


def _write(number: int, content: bytes) -> None:
    with os.fdopen(number, "wb") as pipe:
        try:
            pipe.write(content)
            pipe.flush()
        except BrokenPipeError:
            pass


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            raise ConnectionError("the server of commands has ended")
        received += part
    return received


def _serve(requests: socket.socket) -> list[str]:
    """Fork for each request. Returns in the fork only: the words of its command."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        try:
            header, passed, _, _ = socket.recv_fds(requests, _LENGTH.size, 4)
            if not header:
                os._exit(0)
            request = json.loads(_exactly(requests, _LENGTH.unpack(header)[0]))
        except OSError:
            os._exit(0)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            requests.close()
            reply = socket.socket(fileno=passed[3])
            pid = os.fork()
            if pid == 0:
                reply.close()
                _enter(request, passed[:3])
                return [str(word) for word in request["words"]]
            for number in passed[:3]:
                os.close(number)
            reply.sendall(pid.to_bytes(4))
            _, status = os.waitpid(pid, 0)
            reply.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))
            os._exit(0)
        for number in passed:
            os.close(number)


def _enter(request: dict[str, object], streams: Sequence[int]) -> None:
    """Take over folder, variables and streams of a command."""
    for target, number in enumerate(streams):
        os.dup2(number, target)
        os.close(number)
    os.chdir(str(request["folder"]))
    variables = request["variables"]
    assert isinstance(variables, dict)
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # open to the end
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # open to the end
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115  # open to the end
    vars(sys).update(__stdin__=sys.stdin, __stdout__=sys.stdout, __stderr__=sys.stderr)


def _run(words: Sequence[str]) -> None:
    """Run one command, and end without the destructors of all that was imported: they take longer than the command."""
    from mlctl.cli.app import main

    sys.argv = [sys.argv[2], *words]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    code = main()
    # As the interpreter does when it ends: worker processes of joblib stop here.
    threading._shutdown()  # type: ignore[attr-defined]  # private, without a public way
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


if __name__ == "__main__":
    for _name in _PRELOADED:
        importlib.import_module(_name)
    # What the forks share is not copied when they collect garbage.
    gc.freeze()
    _run(_serve(socket.socket(fileno=int(sys.argv[1]))))
