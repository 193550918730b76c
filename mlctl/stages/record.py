"""The record of a running emulator, in the user's own state folder. What it holds is checked before it is used."""

import json
import os
import re
import stat
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mlctl.files import canonical_json, write_atomic

HOST = "127.0.0.1"
_BYTES_AT_MOST = 4096
_SECRET = re.compile(r"[A-Za-z0-9]{16,128}")
# The largest process id of Linux and macOS fits; psutil and kill() take no more.
_LARGEST_PID = 2**31 - 1


@dataclass(frozen=True)
class Emulator:
    """A running emulator: its process, the port that it listens on, and what its guard asks for."""

    pid: int
    port: int
    secret: str = field(repr=False)

    @property
    def endpoint(self) -> str:
        """The URL that AWS clients are pointed at."""
        return f"http://{HOST}:{self.port}"


def write(path: Path, emulator: Emulator) -> None:
    """Write the record, for its owner alone."""
    write_atomic(path, canonical_json(asdict(emulator)), mode=0o600)


def read(path: Path) -> Emulator | None:
    """The record at ``path``; None where there is none, or where it holds anything that ``write`` does not write."""
    try:
        document = json.loads(read_private(path) or b"null")
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.keys() != {"pid", "port", "secret"}:
        return None
    pid, port, secret = document["pid"], document["port"], document["secret"]
    if not (_is_in(pid, 2, _LARGEST_PID) and _is_in(port, 1, 65535)):
        return None
    return Emulator(pid, port, secret) if isinstance(secret, str) and _SECRET.fullmatch(secret) else None


def read_private(path: Path) -> bytes | None:
    """The bytes of a small regular file of this user; None of a link, a pipe, a large file and what cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_size > _BYTES_AT_MOST:
            return None
        return file.read(_BYTES_AT_MOST)


def process_id(text: bytes | None) -> int | None:
    """The process id that a file holds, if it is one."""
    return whole_number(text, 2, _LARGEST_PID)


def whole_number(text: bytes | None, least: int, most: int) -> int | None:
    """The number that a file holds in decimal digits, if it is between ``least`` and ``most``."""
    digits = (text or b"").strip()
    if not digits.isdigit() or len(digits) > len(str(most)):
        return None
    return number if least <= (number := int(digits)) <= most else None


def _is_in(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most
