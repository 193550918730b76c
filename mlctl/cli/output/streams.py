"""Standard input, output and error, whatever they are: closed, full, of another encoding, read by nobody any more."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast


class _Noted:
    """Standard output that notes why it did not take what was written."""

    def __init__(self, stream: Any, faults: list[OSError]) -> None:
        self._stream = stream
        self.faults = faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def buffer(self) -> "_Noted":
        """The binary stream beneath, to which typer writes by itself where the encoding is ASCII."""
        return _Noted(self._stream.buffer, self.faults)

    def write(self, text: Any) -> int:
        """Write ``text``. Raises OSError."""
        with self._noting():
            return int(self._stream.write(text))

    def flush(self) -> None:
        """Flush what was written. Raises OSError."""
        with self._noting():
            self._stream.flush()

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.faults.append(error)
            raise


class _Forgiving(_Noted):
    """Standard error that drops what cannot be written."""

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        with contextlib.suppress(OSError):
            yield

    @property
    def buffer(self) -> "_Forgiving":
        """The binary stream beneath."""
        return _Forgiving(self._stream.buffer, self.faults)

    def write(self, text: Any) -> int:
        """Write ``text`` if that is possible."""
        with self._noting():
            self._stream.write(text)
        return len(text)


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Streams that a command can use, while the block runs.

    One that is closed becomes the null device: else the next file to be opened would take its place. A character that
    a stream cannot hold becomes a ``?``. What cannot be written to standard error is dropped: the result is not there,
    and a deploy must not break off over it.
    """
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = sys.stdin or _null(os.O_RDONLY, "r")
    sys.stdout = sys.stdout or _null(os.O_WRONLY, "w")
    sys.stderr = sys.stderr or _null(os.O_WRONLY, "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.stdout, sys.stderr = cast("TextIO", _Noted(sys.stdout, [])), cast("TextIO", _Forgiving(sys.stderr, []))
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


def fault_of_output() -> OSError | None:
    """Why standard output did not take what was written to it, if it did not; what is left in its buffer is written."""
    with contextlib.suppress(OSError, ValueError):  # noted by the stream; ValueError: the stream is closed
        sys.stdout.flush()
    faults: list[OSError] = getattr(sys.stdout, "faults", [])
    return faults[0] if faults else None


def abandon_output() -> None:
    """Let what is left for standard output go nowhere: Python would try to write it at the end, and complain."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _null(flags: int, mode: str) -> TextIO:
    # Of the free descriptors the system takes the lowest, which is the one that is closed.
    return cast("TextIO", open(os.open(os.devnull, flags), mode, encoding="utf-8", closefd=False))
