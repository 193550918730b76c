"""Landlock: Linux (5.13 and later) lets a process give up rights for good, without being root.

After ``restrict`` this process and all that it starts write to files below one folder alone, and reach no other
process: neither its memory nor its environment (``ptrace``, ``/proc/PID``), nor, since Linux 6.12, with a signal. Files
that are open already stay so. Reading is not limited; modes, owners and times of files are not covered by Landlock.

Source: https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os
import struct
from pathlib import Path

# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_GIVE_VERSION = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
# linux/landlock.h: to write to a file, to remove folders and files, and to make anything; later REFER and TRUNCATE.
_WRITE_FILE = 1 << 1
_WRITES = _WRITE_FILE | 0b1_1111_1111 << 4
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_SCOPE_ABSTRACT_UNIX_SOCKET, _SCOPE_SIGNAL = 1, 2


def restrict(folder: Path) -> bool:
    """Let this process write below ``folder`` and to ``/dev/null`` alone. False where the system does not offer it."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _GIVE_VERSION)
    if version < 1:
        return False
    rights = _WRITES | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    scopes = _SCOPE_ABSTRACT_UNIX_SOCKET | _SCOPE_SIGNAL
    # struct landlock_ruleset_attr: rights for files, for the network, scopes; the last two came later.
    attributes = struct.pack("=Q", rights) if version < 6 else struct.pack("=QQQ", rights, 0, scopes)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        file_rights = _WRITE_FILE | (rights & _TRUNCATE)
        allowed = _allow(libc, ruleset, folder, rights) and _allow(libc, ruleset, Path(os.devnull), file_rights)
        if not allowed or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return False
        return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> bool:
    """Leave ``rights`` to this process for a file, or for all below a folder."""
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        # struct landlock_path_beneath_attr, which is packed.
        rule = struct.pack("=Qi", rights, descriptor)
        return bool(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0) == 0)
    finally:
        os.close(descriptor)
