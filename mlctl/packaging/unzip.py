"""Reads zips from elsewhere, with limits on names, entries and sizes.

The reader does not trust the sizes in the archive. It checks the number of entries before it reads them, and counts the
bytes of an entry while it unpacks them. Source of the layout: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT.
"""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mlctl.errors import first_line

MAX_ENTRIES = 100
# Any archive may unpack to FREE_BYTES, a larger one to MAX_RATIO times its size.
FREE_BYTES = 256 * 1024**2
MAX_RATIO = 200
_CHUNK = 1024**2
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_ENCRYPTED = 0x1 | 0x40 | 0x2000
# Options of deflate, names in UTF-8, and sizes after the data.
_KNOWN_FLAGS = 0x2 | 0x4 | 0x8 | 0x800
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LOCAL_HEADER_BYTES = 30
_DOS_FOLDER = 0x10
# No version has a longer name, and messages quote names.
_MAX_NAME = 100


class ArchiveError(ValueError):
    """An archive that mlctl refuses. The message is one line of printable text."""


class Archive:
    """An open archive whose entries are plain files with names without a path."""

    def __init__(self, archive: zipfile.ZipFile, size: int, max_bytes: int) -> None:
        self._archive = archive
        self._left = min(max_bytes, unpacks_to(size))
        self._entries = _checked_entries(archive)

    @property
    def names(self) -> frozenset[str]:
        """The names of the entries."""
        return frozenset(self._entries)

    def read(self, name: str, limit: int | None = None) -> bytes:
        """The bytes of an entry. Raises ArchiveError if it is missing, damaged or larger than ``limit``."""
        if name not in self._entries:
            raise ArchiveError(f"it has no {name}")
        entry = self._entries[name]
        allowed = self._left if limit is None else min(limit, self._left)
        parts, size = [], 0
        with _malformed(name), self._archive.open(entry) as file:
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                if size > allowed:
                    raise ArchiveError(f"it is too large: {name} unpacks to more than {allowed:,} bytes")
                parts.append(chunk)
        if size != entry.file_size:
            raise ArchiveError(f"{name} is cut off")
        self._left -= size
        return b"".join(parts)


def unpacks_to(size: int) -> int:
    """The most bytes that an archive of ``size`` bytes may unpack to."""
    return max(FREE_BYTES, size * MAX_RATIO)


@contextmanager
def opened(path: Path, max_bytes: int) -> Iterator[Archive]:
    """Open the archive at ``path``, to unpack at most ``max_bytes``.

    Raises ArchiveError for anything but a zip of plain files with unique names, and OSError if it cannot be opened.
    """
    # O_NONBLOCK, because opening a pipe blocks until a process writes to it.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise ArchiveError("it is not a regular file")
    with os.fdopen(handle, "rb") as file:
        _check_end(file, status.st_size)
        with _malformed("its directory"):
            archive = zipfile.ZipFile(file)
        with archive:
            yield Archive(archive, status.st_size, max_bytes)


@contextmanager
def _malformed(what: str) -> Iterator[None]:
    """Turn the many exceptions of the standard library for malformed bytes into an ArchiveError."""
    try:
        yield
    except ArchiveError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, LookupError, ArithmeticError, TypeError) as error:
        reason = first_line(error)[:200]
        raise ArchiveError(f"{what} is damaged: {reason if reason.isprintable() else type(error).__name__}") from None
    except (RuntimeError, OSError, MemoryError, struct.error, AttributeError) as error:
        raise ArchiveError(f"{what} cannot be read ({type(error).__name__})") from None


def _check_end(file: BinaryIO, size: int) -> None:
    """Check the end of the archive against its size, before reading entries: there may be millions."""
    tail = min(size, _END.size + _LOCATOR64.size + _END64.size)
    file.seek(size - tail)
    data = file.read(tail)
    if len(data) < _END.size or data[-_END.size :][:4] != b"PK\x05\x06":
        raise ArchiveError("it is not a zip file, is cut off, or has data after its end")
    _, disk, first_disk, on_disk, entries, directory, offset, comment = _END.unpack(data[-_END.size :])
    end = size - _END.size
    locator = data[-_END.size - _LOCATOR64.size : -_END.size]
    if locator[:4] == b"PK\x06\x07":
        record = data[: -_END.size - _LOCATOR64.size]
        _, record_disk, record_at, disks = _LOCATOR64.unpack(locator)
        end -= _LOCATOR64.size + _END64.size
        if record[:4] != b"PK\x06\x06" or record_at != end or record_disk or disks != 1:
            raise ArchiveError("its end is damaged")
        _, length, _, _, disk, first_disk, on_disk, entries, directory, offset = _END64.unpack(record)
        if length != _END64.size - 12:
            raise ArchiveError("its end is damaged")
    if comment or disk or first_disk or on_disk != entries or offset + directory != end:
        raise ArchiveError("parts are missing, or there is data before, between or after them")
    if entries > MAX_ENTRIES or directory > 1000 * MAX_ENTRIES:
        raise ArchiveError(f"it has more than {MAX_ENTRIES} entries")


def _checked_entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries: dict[str, zipfile.ZipInfo] = {}
    end = 0
    for entry in sorted(archive.infolist(), key=lambda info: info.header_offset):
        name = entry.orig_filename
        printable = name if name.isascii() and name.isprintable() else repr(name)[:100]
        if (
            not 0 < len(name) <= _MAX_NAME
            or name != entry.filename
            or name.startswith(".")
            or not set(name).isdisjoint('/\\:"')
            or printable != name
        ):
            raise ArchiveError(f"{printable[:100]!r} is not a plain file name")
        if name in entries:
            raise ArchiveError(f"it has {name} twice")
        mode = entry.external_attr >> 16
        if entry.external_attr & _DOS_FOLDER or stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise ArchiveError(f"{name} is not a regular file")
        if entry.flag_bits & _ENCRYPTED:
            raise ArchiveError(f"{name} is encrypted")
        if entry.compress_type not in _METHODS or entry.flag_bits & ~_KNOWN_FLAGS:
            raise ArchiveError(f"{name} has a compression method that mlctl does not support")
        if entry.header_offset < end or (not entries and entry.header_offset):
            raise ArchiveError("its entries overlap, or there is data before them")
        end = entry.header_offset + _LOCAL_HEADER_BYTES + len(name) + entry.compress_size
        if end > archive.start_dir:
            raise ArchiveError("its entries overlap, or there is data before them")
        entries[name] = entry
    return entries
