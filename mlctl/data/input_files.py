"""Opens data files: decompresses and decodes them, reports progress, and raises the errors of a file."""

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from mlctl.errors import ExitCode, MlctlError
from mlctl.toml import toml_text

_SAMPLE_BYTES = 65_536
# The sample includes the rest of its last line, up to this size, because a header can be long.
_LINE_BYTES = 16_000_000
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")

Advance = Callable[[int], None]


@dataclass(frozen=True)
class ReadOptions:
    """How to read a file.

    ``as_text`` names the columns whose values stay text; ``all_text`` keeps every value as text.
    """

    name: str
    ignore: frozenset[str] = frozenset()
    missing: Sequence[str] = ()
    delimiter: str | None = None
    encoding: str = "utf-8"
    decimal: str = "."
    as_text: frozenset[str] = frozenset()
    all_text: bool = False

    def is_text(self, name: str) -> bool:
        """Whether the values of a column stay text."""
        return self.all_text or name in self.as_text


@contextmanager
def open_bytes(path: Path, options: ReadOptions, advance: Advance = lambda done: None) -> Iterator[IO[bytes]]:
    """Open a file for reading, and decompress gzip. ``advance`` gets the number of bytes read from the file so far.

    Raises MlctlError (exit 3) if the file cannot be decompressed or decoded.
    """
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        counted = io.BufferedReader(_Counted(raw, advance), buffer_size=1 << 20)
        with gzip.GzipFile(fileobj=counted) if is_gzip else counted as file:
            try:
                yield file  # type: ignore[misc]  # a GzipFile and a BufferedReader are both binary files
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise unreadable(
                    options, f"cannot be decompressed: {error}", "It may be truncated or damaged; download it again."
                ) from None
            except UnicodeDecodeError:
                raise _not_text(path, options) from None


class _Counted(io.RawIOBase):
    """A file that reports how many bytes were read."""

    def __init__(self, file: IO[bytes], advance: Advance) -> None:
        self._file = file
        self._advance = advance
        self._done = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer)  # type: ignore[attr-defined]  # a binary file has it
        self._done += count
        self._advance(self._done)
        return int(count)


def sample(path: Path, options: ReadOptions) -> tuple[str, ReadOptions]:
    """The first lines of a text file, and ``options`` with the encoding of the byte order mark, if there is one."""
    with open_bytes(path, options) as file:
        head = file.read(_SAMPLE_BYTES) + file.readline(_LINE_BYTES)
        is_whole = not file.read(1)
    if head.startswith(_UTF8_MARK):
        options = replace(options, encoding="utf-8-sig")
    elif head.startswith(_UTF16_MARKS):
        options = replace(options, encoding="utf-16")
    try:
        # Rejects codecs that are not text encodings, which an incremental decoder accepts.
        io.TextIOWrapper(io.BytesIO(), encoding=options.encoding)
        text = codecs.getincrementaldecoder(options.encoding)().decode(head, is_whole)
    except UnicodeDecodeError:
        is_binary = b"\0" in head and not head.startswith(_UTF16_MARKS)
        raise (_is_binary(options) if is_binary else _not_text(path, options)) from None
    except LookupError:
        raise unreadable(
            options,
            f"cannot be read: unknown encoding '{options.encoding}'",
            'Correct [data] encoding in mlctl.toml, such as encoding = "latin-1".',
        ) from None
    if "\0" in text:
        raise _is_binary(options)
    return text, options


def _not_text(path: Path, options: ReadOptions) -> MlctlError:
    """The error for bytes that cannot be decoded, with the first such line."""
    decoder = codecs.getincrementaldecoder(options.encoding)()
    line = 1
    with open_bytes(path, options) as file:
        block = b"-"
        while block:
            block = file.read(1 << 20)
            try:
                decoder.decode(block, not block)
            except UnicodeDecodeError as error:
                line += error.object.count(b"\n", 0, error.start)
                encoding = options.encoding.upper().removesuffix("-SIG")
                return unreadable(
                    options,
                    f"line {line} is not {encoding} text (byte 0x{error.object[error.start]:02x})",
                    'Save the file as UTF-8, or set [data] encoding, such as encoding = "latin-1".',
                    code="encoding_wrong",
                )
            line += block.count(b"\n")
    return _is_binary(options)


def _is_binary(options: ReadOptions) -> MlctlError:
    return unreadable(
        options,
        "is not a table: it is neither text nor Parquet",
        "Use CSV, TSV, JSON lines or Parquet (save a spreadsheet as CSV). UTF-16 without a byte order mark needs "
        '[data] encoding = "utf-16-le".',
    )


def no_rows(options: ReadOptions) -> MlctlError:
    """The error for a file without rows."""
    return unreadable(options, "has no rows", "A table needs a header line with the column names, and rows below it.")


class UnreadableColumnError(MlctlError):
    """A ``column`` holds unsupported values, such as lists (exit 3); ``why`` describes them."""

    def __init__(self, options: ReadOptions, column: str, error: Exception, location: str | None = None) -> None:
        self.column = column
        self.why = str(error).splitlines()[0]
        problem = unreadable(
            options,
            f"{location}: column {column} {self.why}" if location else f"column {column} {self.why}",
            f"Use one value per cell, or exclude the column: [data] ignore = [{toml_text(column)}].",
        )
        super().__init__(problem.message, code=problem.code, exit_code=problem.exit_code, hint=problem.hint)


def unreadable(options: ReadOptions, problem: str, hint: str, code: str = "data_unreadable") -> MlctlError:
    """The error (exit 3) for a file that cannot be read."""
    colon = ":" if problem.startswith(("line ", "item ", "column ")) else ""
    return MlctlError(f"{options.name}{colon} {problem}.", code=code, exit_code=ExitCode.BAD_INPUT, hint=hint)
