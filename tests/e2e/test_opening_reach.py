"""What the child process can reach outside of itself: no file to write, no other process, no life after its end."""

import contextlib
import ctypes
import json
import platform
import sys
import time
from pathlib import Path

import psutil
import pytest

from mlctl.model_loading import landlock
from tests.e2e.test_opening import ending, runs

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are parts of Linux"),
    pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="seccomp is used on these machines"),
]

# Tries everything and tells, in the message of an error, how each attempt ended.
ATTEMPTS = """
import ctypes, json, os, signal
libc = ctypes.CDLL(None, use_errno=True)
PARENT = os.getppid()
def wrote(path, flags=os.O_WRONLY):
    descriptor = os.open(path, flags, 0o600)
    try:
        os.write(descriptor, b'x')
    finally:
        os.close(descriptor)
def called(value):
    if value == -1:
        raise OSError(ctypes.get_errno(), '')
def attach():
    libc.ptrace.restype = ctypes.c_long
    called(libc.ptrace(16, PARENT, None, None))
def tried(call):
    try:
        call()
    except OSError as error:
        return type(error).__name__
    return 'done'
raise ValueError(json.dumps({
    'own': tried(lambda: wrote('mine', os.O_WRONLY | os.O_CREAT)),
    'null': tried(lambda: wrote('/dev/null')),
    'rewrite': tried(lambda: wrote(VICTIM)),
    'truncate': tried(lambda: os.truncate(VICTIM, 0)),
    'create': tried(lambda: wrote(VICTIM + '.new', os.O_WRONLY | os.O_CREAT)),
    'remove': tried(lambda: os.unlink(VICTIM)),
    'replace': tried(lambda: os.rename('mine', VICTIM)),
    'link': tried(lambda: os.symlink('mine', VICTIM + '.link')),
    'copy': tried(lambda: wrote(os.path.join('..', 'more'), os.O_WRONLY | os.O_CREAT)),
    'memory': tried(lambda: wrote(f'/proc/{PARENT}/mem')),
    'environment': tried(lambda: open(f'/proc/{PARENT}/environ').read()),
    'maps': tried(lambda: open(f'/proc/{PARENT}/maps').read()),
    'trace': tried(attach),
    'session': tried(os.setsid),
    'group': tried(lambda: os.setpgid(0, 0)),
    'signal': tried(lambda: os.kill(PARENT, 0)),
    'terminal': tried(lambda: os.open('/dev/tty', os.O_RDWR)),
}))
"""


def landlock_version() -> int:
    """As the kernel tells; 0 or less where it has none."""
    return int(ctypes.CDLL(None).syscall(landlock._CREATE_RULESET, None, ctypes.c_size_t(0), 1))


def test_the_child_writes_no_file_and_touches_no_process_but_its_own(tmp_path: Path) -> None:
    version = landlock_version()
    if version < 1:
        pytest.skip("this kernel has no Landlock")
    victim = tmp_path / "victim"
    victim.write_text("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlctl.model_loading.answers.LONGEST_SENTENCE", 10_000)
        told = ending(runs(tmp_path / "model", ATTEMPTS.replace("VICTIM", repr(str(victim)))))
    seen = json.loads(told.removeprefix("cannot be opened: ValueError: "))
    assert (seen.pop("own"), seen.pop("null")) == ("done", "done")
    assert seen.pop("terminal") != "done"
    if version < 3:
        seen.pop("truncate")
    if version < 6:
        seen.pop("signal")
    # A rename to another folder is EXDEV to a process under Landlock, which has no name of its own in Python.
    assert seen.pop("replace") in ("PermissionError", "OSError")
    assert seen == dict.fromkeys(seen, "PermissionError")
    assert version < 3 or victim.read_text() == "kept"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model", "victim"]


def test_nothing_that_it_started_outlives_it(tmp_path: Path) -> None:
    """It cannot become a daemon: neither a session nor a process group of its own is to be had."""
    source = (
        "import os, time\n"
        "read, write = os.pipe()\n"
        "daemon = os.fork()\n"
        "if daemon == 0:\n"
        "    for call in (os.setsid, os.setpgrp):\n"
        "        try: call()\n"
        "        except OSError: pass\n"
        "    os.write(write, b'x')\n"
        "    time.sleep(600)\n"
        "os.read(read, 1)\n"
        "raise ValueError(daemon)"
    )
    told = ending(runs(tmp_path / "model", source))
    number = int(told.removeprefix("cannot be opened: ValueError: "))
    deadline = time.monotonic() + 30
    try:
        while psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(number).kill()
