"""A file system of a few kilobytes, in a mount namespace: it ends with the process that holds it, whatever happens."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_HOLD = 'mount -t tmpfs -o "size=$1k" tmpfs "$0" && echo mounted && exec cat'
_IN_IT = 'cd "$0" && exec "$@"'
_BLOCK = 4096


class SmallDisk:
    """``path``: where commands with ``prefix`` see it; ``seen``: where the tests see it."""

    def __init__(self, path: Path, holder: "subprocess.Popen[str]") -> None:
        self.path = path
        self.seen = Path(f"/proc/{holder.pid}/root{path}")
        enter = ("nsenter", f"--target={holder.pid}", "--user", "--mount", "--preserve-credentials")
        self.prefix = (*enter, "sh", "-c", _IN_IT, str(path / "project"))
        self._filler = self.seen / "filler"

    def fill(self, leave: int) -> None:
        """Use all of the disk but ``leave`` bytes, in whole blocks."""
        self.empty()
        with self._filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(_BLOCK)):
                    pass
            except OSError:
                size = self._filler.stat().st_size
            file.truncate(max(0, size - leave))

    def empty(self) -> None:
        """Give the space back."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(path: Path, kilobytes: int) -> Iterator[SmallDisk]:
    """A disk mounted at ``path``; skips the test where the system does not let its user mount one."""
    try:
        holder = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _HOLD, str(path), str(kilobytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except OSError:
        pytest.skip("there is no unshare command to mount a small disk with")
    with holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            if holder.stdout.readline() != "mounted\n":
                pytest.skip("this system does not let its user mount a small disk")
            yield SmallDisk(path, holder)
        finally:
            holder.stdin.close()
