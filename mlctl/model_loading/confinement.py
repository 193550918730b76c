"""Restricts the child process, before it imports anything that starts a thread.

Steps that the system does not support are skipped silently. The table in ``mlctl.model_loading`` lists the guarantees
for each system.
"""

import contextlib
import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from pathlib import Path

from mlctl.model_loading import landlock

# linux/sched.h, linux/prctl.h, linux/seccomp.h, linux/filter.h, linux/audit.h
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_LOAD_WORD = 0x20
_JUMP_EQUAL = 0x15
_JUMP_GREATER_EQUAL = 0x35
_RETURN = 0x06
_X32_BIT = 0x40000000
# Of no use to a model. io_uring opens sockets too; a session or a group of its own would outlive the child; the rest
# reaches into other processes. On every architecture: io_uring_setup, pidfd_send_signal, pidfd_getfd.
_REFUSED_EVERYWHERE = (425, 424, 438)
# By machine: the architecture as seccomp names it, and the numbers of socket, ptrace, process_vm_readv,
# process_vm_writev, setsid and setpgid.
_REFUSED = {
    "x86_64": (0xC000003E, (41, 101, 310, 311, 112, 109)),
    "aarch64": (0xC00000B7, (198, 117, 270, 271, 157, 154)),
}


def confine(memory: int, cpu: int, processes: int, parent: int) -> None:
    """Limit this process for good, to files below its current folder. ``parent``: it must not go on without it.

    Limits as in ``limits.Limits``. A limit that the user has set lower stays.
    """
    _limit(resource.RLIMIT_CORE, 0)
    # A little later the system kills: SIGXCPU, which comes first, can be ignored.
    _limit(resource.RLIMIT_CPU, cpu, cpu + 5)
    _limit(resource.RLIMIT_FSIZE, memory)
    _limit(resource.RLIMIT_AS, memory)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if _own_namespaces(libc):
            # Outside of a namespace of its own, the processes that the user has running already would count.
            _limit(resource.RLIMIT_NPROC, processes)
        # After the namespaces: a change of credentials takes this back.
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        with contextlib.suppress(OSError):
            # Where memory runs out, this process goes first.
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
        landlock.restrict(Path.cwd())
        _refuse_calls(libc)


def _limit(what: int, soft: int, hard: int | None = None) -> None:
    limits = []
    for found, most in zip(resource.getrlimit(what), (soft, hard or soft), strict=True):
        limits.append(most if found == resource.RLIM_INFINITY else min(found, most))
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(what, (min(limits), limits[1]))


def _own_namespaces(libc: ctypes.CDLL) -> bool:
    """A user and a network namespace of its own: in the latter there is not even a loopback interface."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        # Without a map, the process only sees itself as "nobody".
        with contextlib.suppress(OSError):
            Path("/proc/self", name).write_text(text, encoding="ascii")
    return True


def _refuse_calls(libc: ctypes.CDLL) -> bool:
    """A seccomp filter: the refused calls fail with EACCES. Unix sockets (agents, Docker) too; socketpair(2) works."""
    if platform.machine() not in _REFUSED or sys.maxsize < 2**32:
        return False
    architecture, calls = _REFUSED[platform.machine()]
    refused = [*calls, *_REFUSED_EVERYWHERE]
    # struct seccomp_data: the call's number at 0, the architecture at 4. Jumps count from the next instruction.
    program = [
        (_LOAD_WORD, 0, 0, 4),
        (_JUMP_EQUAL, 0, len(refused) + 3, architecture),
        (_LOAD_WORD, 0, 0, 0),
        (_JUMP_GREATER_EQUAL, len(refused) + 1, 0, _X32_BIT),
        *((_JUMP_EQUAL, len(refused) - at, 0, number) for at, number in enumerate(refused)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | errno.EACCES),
    ]
    filters = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in program))
    # struct sock_fprog: a short, padding, a pointer.
    head = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(filters)))
    libc.prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong]
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(head), 0, 0) == 0)
