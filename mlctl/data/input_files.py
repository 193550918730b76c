"""Files opened as bytes and as text: unzipped, decoded, with how far they were read; and the errors of a file."""

import codecs
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from mlctl.errors import ExitCode, MlctlError

_SAMPLE_BYTES = 65_536
# The line that a sample ends in is read to its end, for a header may be long; up to this.
_LINE_BYTES = 16_000_000
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")

Advance = Callable[[int], None]


@dataclass(frozen=True)
class ReadOptions:
    """How a file is to be read.

    ``as_text``: columns whose values are taken as they are written; with ``all_text`` those of every column.
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
        """Whether the values of a column are taken as they are written."""
        return self.all_text or name in self.as_text


@contextmanager
def opened(path: Path, options: ReadOptions, advance: Advance = lambda done: None) -> Iterator[IO[bytes]]:
    """The bytes of a file, unzipped where it is gzipped; what is through is counted in bytes of the file.

    Raises MlctlError (exit 3) where it cannot be unzipped, or is not of its encoding.
    """
    with path.open("rb") as raw:
        is_zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        counted = io.BufferedReader(_Counted(raw, advance), buffer_size=1 << 20)
        with gzip.GzipFile(fileobj=counted) if is_zipped else counted as file:
            try:
                yield file  # type: ignore[misc]  # a GzipFile and a BufferedReader are both binary files
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise bad(
                    options, f"cannot be unzipped: {error}", "It may be cut off or damaged; fetch it again."
                ) from None
            except UnicodeDecodeError:
                raise _not_text(path, options) from None


class _Counted(io.RawIOBase):
    """A file that tells how far it was read."""

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
    """The first lines of the text, and the options with the encoding that a byte order mark gives, if there is one."""
    with opened(path, options) as file:
        head = file.read(_SAMPLE_BYTES) + file.readline(_LINE_BYTES)
        is_whole = not file.read(1)
    if head.startswith(_UTF8_MARK):
        options = replace(options, encoding="utf-8-sig")
    elif head.startswith(_UTF16_MARKS):
        options = replace(options, encoding="utf-16")
    try:
        # Knows encodings of text from others, which an incremental decoder does not.
        io.TextIOWrapper(io.BytesIO(), encoding=options.encoding)
        text = codecs.getincrementaldecoder(options.encoding)().decode(head, is_whole)
    except UnicodeDecodeError:
        is_binary = b"\0" in head and not head.startswith(_UTF16_MARKS)
        raise (_is_binary(options) if is_binary else _not_text(path, options)) from None
    except LookupError:
        raise bad(
            options,
            f"cannot be read: there is no encoding '{options.encoding}'",
            'Correct [data] encoding in mlctl.toml, such as encoding = "latin-1".',
        ) from None
    if "\0" in text:
        raise _is_binary(options)
    return text, options


def _not_text(path: Path, options: ReadOptions) -> MlctlError:
    """The error for bytes that are not of the encoding, with the line of the first."""
    decoder = codecs.getincrementaldecoder(options.encoding)()
    line = 1
    with opened(path, options) as file:
        block = b"-"
        while block:
            block = file.read(1 << 20)
            try:
                decoder.decode(block, not block)
            except UnicodeDecodeError as error:
                line += error.object.count(b"\n", 0, error.start)
                named = options.encoding.upper().removesuffix("-SIG")
                return bad(
                    options,
                    f"line {line} is not {named} text (byte 0x{error.object[error.start]:02x})",
                    'Save the file as UTF-8, or set [data] encoding, such as encoding = "latin-1".',
                    code="encoding_wrong",
                )
            line += block.count(b"\n")
    return _is_binary(options)


def _is_binary(options: ReadOptions) -> MlctlError:
    return bad(
        options,
        "is not a table: it is neither text nor Parquet",
        "Give CSV, TSV, JSON lines or Parquet (of a spreadsheet: save it as CSV). UTF-16 without a mark needs "
        '[data] encoding = "utf-16-le".',
    )


def no_rows(options: ReadOptions) -> MlctlError:
    """The error for a file without rows."""
    return bad(options, "has no rows", "A table has a line with the names of its columns, and rows below it.")


class UnreadableColumnError(MlctlError):
    """A ``column`` whose values are no values, such as lists (exit 3); ``why`` is what they are."""

    def __init__(self, options: ReadOptions, column: str, error: Exception, where: str | None = None) -> None:
        self.column = column
        self.why = str(error).splitlines()[0]
        told = bad(
            options,
            f"{where}: column {column} {self.why}" if where else f"column {column} {self.why}",
            f"Give one value a cell, or leave it out: [data] ignore = [{toml_text(column)}].",
        )
        super().__init__(told.message, code=told.code, exit_code=told.exit_code, hint=told.hint)


def bad(options: ReadOptions, what: str, hint: str, code: str = "data_unreadable") -> MlctlError:
    """The error (exit 3) for a file that cannot be read."""
    colon = ":" if what.startswith(("line ", "item ", "column ")) else ""
    return MlctlError(f"{options.name}{colon} {what}.", code=code, exit_code=ExitCode.BAD_INPUT, hint=hint)


def toml_text(text: str) -> str:
    """A text as ``mlctl.toml`` spells it."""
    return json.dumps(text, ensure_ascii=False)


def toml_key(name: str) -> str:
    """A key as ``mlctl.toml`` spells it: quoted where it has to be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml_text(name)
