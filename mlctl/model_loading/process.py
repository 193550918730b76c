"""Starts and monitors the child process, and converts its end to an error message."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import joblib

from mlctl.model_loading import answers
from mlctl.model_loading.answers import Contents, InvalidAnswer
from mlctl.model_loading.limits import Limits
from mlctl.model_loading.refusals import Unusable, printable
from mlctl.scratch import scratch_folder

Kind = Literal["pickle", "skops"]
Action = Literal["inspect", "rewrite", "predict"]
# What could not be done, and what the process did that should have done it.
_WORDS: dict[Action, tuple[str, str]] = {
    "inspect": ("cannot be read", "read it"),
    "rewrite": ("cannot be opened", "opened it"),
    "predict": ("cannot predict these rows", "tried it"),
}
# What the child keeps of the environment: where programs and libraries are, the language, the time zone.
KEPT_VARIABLES = (
    "PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_NUMERIC", "LC_MESSAGES", "TZ",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
)  # fmt: skip
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
# The first lines of the child: the paths must be right before anything of mlctl is imported.
BOOT = """
import json, sys
with open(sys.argv[1], encoding="ascii") as file:
    request = json.load(file)
sys.path[:] = request["path"]
from mlctl.model_loading.child import main
main(request)
"""
_STEP_SECONDS = 0.02
_LINES_SHOWN = 5
_LINE_SHOWN = 160
_CHUNK = 2**16
_HINT = "Open only files from people you know. A .skops file is the safer way to exchange models."


def inspect(file: Path, limits: Limits) -> Contents:
    """What a ``.skops`` file names. Raises Unusable."""
    with scratch_folder() as private:
        answer = _ask(private, limits, lambda _: None, action="inspect", kind="skops", file=file)
    try:
        return answers.contents(answer)
    except InvalidAnswer:
        raise Unusable("cannot be read: the process that read it gave an invalid answer", _HINT) from None


def rewrite(
    file: Path,
    kind: Kind,
    limits: Limits,
    *,
    trusted: tuple[str, ...] = (),
    modules: Path | None = None,
    forbidden: tuple[Path, ...] = (),
    say: Callable[[str], None] = lambda _: None,
) -> bytes:
    """Open ``file`` in a child process and return the estimator in it as ``joblib.dump`` writes it.

    ``trusted``: the names that a ``.skops`` file may hold besides those that skops trusts. ``modules``: a folder
    whose modules may be imported, after all others. ``forbidden``: folders that must not be searched for modules
    before. ``say`` is called with each line that the child wrote. The bytes come from a process that ran the
    code of the file: audit them before they are loaded. Raises Unusable.
    """
    with scratch_folder() as private, _descriptor(private / "rewritten") as rewritten:
        _ask(
            private, limits, say, action="rewrite", kind=kind, file=file, trusted=trusted, modules=modules,
            forbidden=forbidden, rewritten=rewritten,
        )  # fmt: skip
        return _read(rewritten, limits.memory)


def predict(
    model: Any, rows: Any, limits: Callable[[int], Limits], *, modules: Path | None = None, forbidden: tuple[Path, ...]
) -> None:
    """Let a child process predict ``rows`` with a fitted model, to see that it does not crash or hang.

    ``rows``: what the model takes, shape (rows, columns). ``limits``: those for a file of so many bytes. What the model
    raises is not told: whoever predicts next sees it. Raises Unusable.
    """
    with scratch_folder() as private:
        path = private / "trial"
        with path.open("xb") as file:
            joblib.dump((model, rows), file)
        _ask(
            private, limits(path.stat().st_size), lambda _: None, action="predict", kind="pickle", file=path,
            modules=modules, forbidden=forbidden,
        )  # fmt: skip


def _ask(
    private: Path,
    limits: Limits,
    say: Callable[[str], None],
    *,
    action: Action,
    kind: Kind,
    file: Path,
    trusted: tuple[str, ...] = (),
    modules: Path | None = None,
    forbidden: tuple[Path, ...] = (),
    rewritten: int | None = None,
) -> dict[str, Any]:
    """Run one child, and return what it did. Raises Unusable, however it ended."""
    work = private / "work"
    work.mkdir(mode=0o700)
    # By descriptor: what the child leaves at a path (a pipe, a link) is never opened.
    with _descriptor(private / "answer") as answer:
        request = {
            "action": action,
            "kind": kind,
            "file": str(file),
            "trusted": trusted,
            "modules": None if modules is None else str(modules),
            "path": _search_path(forbidden),
            "answer": answer,
            "rewritten": rewritten,
            "limits": asdict(limits),
            "parent": os.getpid(),
        }
        # In a file: the names of a large model are more than a command line holds.
        written = private / "request"
        written.write_text(json.dumps(request), encoding="ascii")
        child = subprocess.Popen(
            [sys.executable, "-I", "-B", "-X", "utf8", "-W", "ignore", "-c", BOOT, str(written)],
            cwd=work,
            env=_environment(work),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[each for each in (answer, rewritten) if each is not None],
            start_new_session=True,
        )
        watch = _Watch(child, limits)
        stopped = watch.wait()
        for line in watch.lines():
            say(line)
        not_done, did = _WORDS[action]
        if stopped or child.returncode != 0:
            ended = stopped or _ended(child.returncode, limits)
            raise Unusable(f"{not_done}: the process that {did} {ended}", _HINT)
        try:
            return answers.done(_read(answer, answers.MAX_BYTES))
        except InvalidAnswer:
            raise Unusable(f"{not_done}: the process that {did} ended without an answer (exit code 0)", _HINT) from None


class _Watch:
    """One running child: its output is kept as far as it is shown, and it is stopped when it does too much."""

    def __init__(self, child: subprocess.Popen[bytes], limits: Limits) -> None:
        self._child = child
        self._limits = limits
        self._kept = b""
        self._flooded = threading.Event()
        self._reader = threading.Thread(target=self._drain, daemon=True)

    def wait(self) -> str:
        """Wait for its end, and end all that it started. Why it was stopped, or an empty string."""
        self._reader.start()
        until = time.monotonic() + self._limits.seconds
        stopped = ""
        try:
            while not stopped and self._child.poll() is None:
                if self._flooded.wait(_STEP_SECONDS):
                    stopped = f"wrote more than {self._limits.output:,} bytes of output"
                elif time.monotonic() > until:
                    stopped = f"did not end within {self._limits.seconds:g} seconds"
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
            # A process that left the group may hold the pipe open; then it is left open here too.
            self._reader.join(1)
            if self._child.stdout and not self._reader.is_alive():
                self._child.stdout.close()
        if self._flooded.is_set() and not stopped:
            stopped = f"wrote more than {self._limits.output:,} bytes of output"
        return stopped

    def lines(self) -> Iterator[str]:
        """The first lines of its output, printable."""
        lines = [line for line in self._kept.decode("utf-8", "replace").splitlines() if line.strip()]
        yield from (printable(line, _LINE_SHOWN) for line in lines[:_LINES_SHOWN])
        if len(lines) > _LINES_SHOWN:
            yield "… and more"

    def _drain(self) -> None:
        if self._child.stdout is None:
            return
        total, pipe = 0, self._child.stdout.fileno()
        while chunk := os.read(pipe, _CHUNK):
            total += len(chunk)
            self._kept += chunk[: _CHUNK - len(self._kept)]
            if total > self._limits.output:
                self._flooded.set()
                return


def _ended(code: int, limits: Limits) -> str:
    """How a child ended that was not stopped, from its return code."""
    if code >= 0:
        return f"ended without an answer (exit code {code})"
    name = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
    if -code == signal.SIGXCPU:
        return f"used more than {limits.cpu} seconds of processor time"
    if -code == signal.SIGKILL:
        return "was killed (SIGKILL), which systems do when memory runs out"
    return f"crashed ({name})"


def _environment(home: Path) -> dict[str, str]:
    """The child's environment: no credentials, no proxies, no agents, and a home folder of its own."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return kept | dict.fromkeys(ONE_THREAD, "1") | {"HOME": str(home), "TMPDIR": str(home)}


def _search_path(forbidden: tuple[Path, ...]) -> list[str]:
    """Where the child finds modules: where this process does, except in the current folder and ``forbidden``."""
    excluded = {os.path.realpath(each) for each in (Path.cwd(), *forbidden)}
    here = str(Path(__file__).parents[2])
    kept = [each for each in sys.path if Path(each).is_absolute() and os.path.realpath(each) not in excluded]
    return kept if here in kept else [*kept, here]


@contextmanager
def _descriptor(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read(descriptor: int, most: int) -> bytes:
    """The content of a file that was written through a descriptor, at most ``most`` bytes and one."""
    pieces, position = [], 0
    while position <= most and (piece := os.pread(descriptor, min(2**30, most + 1 - position), position)):
        pieces.append(piece)
        position += len(piece)
    return b"".join(pieces)
