"""Makes standard input, output and error usable if they are closed, full or in another encoding."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast


class _RecordingStream:
    """Standard output that records the errors of writes."""

    def __init__(self, stream: Any, errors: list[OSError]) -> None:
        self._stream = stream
        self.write_errors = errors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def buffer(self) -> "_RecordingStream":
        """The binary stream, which Typer uses directly if the encoding is ASCII."""
        return _RecordingStream(self._stream.buffer, self.write_errors)

    def write(self, text: Any) -> int:
        """Write ``text``. Raises OSError."""
        with self._handle_errors():
            return int(self._stream.write(text))

    def flush(self) -> None:
        """Flush the stream. Raises OSError."""
        with self._handle_errors():
            self._stream.flush()

    @contextlib.contextmanager
    def _handle_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.write_errors.append(error)
            raise


class _LossyStream(_RecordingStream):
    """Standard error that ignores the errors of writes."""

    @contextlib.contextmanager
    def _handle_errors(self) -> Iterator[None]:
        with contextlib.suppress(OSError):
            yield

    @property
    def buffer(self) -> "_LossyStream":
        """The binary stream."""
        return _LossyStream(self._stream.buffer, self.write_errors)

    def write(self, text: Any) -> int:
        """Write ``text`` if possible."""
        with self._handle_errors():
            self._stream.write(text)
        return len(text)


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Replace the standard streams while the block runs.

    A closed stream becomes the null device; otherwise the next opened file would get its descriptor. Characters that
    the encoding does not have become ``?``. Errors of writes to standard error are ignored, because results do not go
    there and a deploy must not stop for it.
    """
    original_streams = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = sys.stdin or _null(os.O_RDONLY, "r")
    sys.stdout = sys.stdout or _null(os.O_WRONLY, "w")
    sys.stderr = sys.stderr or _null(os.O_WRONLY, "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.stdout = cast("TextIO", _RecordingStream(sys.stdout, []))
    sys.stderr = cast("TextIO", _LossyStream(sys.stderr, []))
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = original_streams


def output_error() -> OSError | None:
    """Flush standard output. Return the first error of a write to it, if there was one."""
    with contextlib.suppress(OSError, ValueError):  # the stream records OSError; ValueError: the stream is closed
        sys.stdout.flush()
    errors: list[OSError] = getattr(sys.stdout, "write_errors", [])
    return errors[0] if errors else None


def discard_output() -> None:
    """Send unwritten output to the null device. Otherwise Python writes it at exit, and reports the error."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _null(flags: int, mode: str) -> TextIO:
    # The system uses the lowest free descriptor, which is that of the closed stream.
    return cast("TextIO", open(os.open(os.devnull, flags), mode, encoding="utf-8", closefd=False))
