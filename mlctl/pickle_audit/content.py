"""Reads the bytes of a file sequentially, and decompresses them."""

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from mlctl.pickle_audit.refusal import refuse

# Limits: of what is read after decompression, and of one text that is kept.
MAX_BYTES = 16 * 2**30
LONGEST_TEXT = 255
LONGEST_LINE = 256 * 2**20
CHUNK = 2**20
# Bytes of UTF-8 that begin no character.
_CONTINUATION = bytes(range(0x80, 0xC0))


def decompressed(file: BinaryIO) -> Iterator[bytes]:
    """The content in pieces, decompressed as joblib would: by the first bytes."""
    head = file.read(5)
    file.seek(0)
    if head.startswith(b"ZF"):
        refuse("written by joblib before 0.10, whose format is not read", "pickle_unsupported")
    if head.startswith(b"\x04\x22\x4d\x18"):
        refuse("compressed with lz4, which is not read", "pickle_unsupported")
    stream: Any = file
    if head.startswith(b"\x78"):
        pieces = _inflate(file, zlib.MAX_WBITS)
    elif head.startswith(b"\x1f\x8b"):
        pieces = _inflate(file, zlib.MAX_WBITS | 16)
    else:
        if head.startswith(b"BZ"):
            stream = bz2.BZ2File(file)
        elif head.startswith((b"\x5d\x00", b"\xfd7zXZ")):
            stream = lzma.LZMAFile(file)  # noqa: SIM115 - the file beneath is the caller's to close
        pieces = iter(lambda: stream.read(CHUNK), b"")
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > MAX_BYTES:
            refuse(f"holds more than {MAX_BYTES // 2**30} GiB")
        yield piece


def _inflate(file: BinaryIO, wbits: int) -> Iterator[bytes]:
    """One zlib or gzip stream; joblib reads no second one."""
    engine = zlib.decompressobj(wbits)
    while not engine.eof:
        data = engine.unconsumed_tail or file.read(CHUNK)
        piece = engine.decompress(data, CHUNK)
        if not data and not piece and not engine.eof:
            raise EOFError("the compressed data is cut off")
        yield piece


class Source:
    """Reads forward through pieces; what is skipped is never kept, whatever its size."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = b""
        self._at = 0
        self.position = 0

    def _fill(self) -> None:
        while self._at >= len(self._piece):
            piece = next(self._pieces, None)
            if piece is None:
                raise EOFError("the file is cut off")
            self._piece, self._at = piece, 0

    def read(self, size: int) -> bytes:
        """``size`` bytes, no large number."""
        end = self._at + size
        if end <= len(self._piece):
            data = self._piece[self._at : end]
            self._at = end
            self.position += size
            return data
        data = b""
        while len(data) < size:
            self._fill()
            more = self._piece[self._at : self._at + size - len(data)]
            self._at += len(more)
            self.position += len(more)
            data += more
        return data

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes, all of which must be there."""
        while size > 0:
            self._fill()
            step = min(size, len(self._piece) - self._at)
            self._at += step
            self.position += step
            size -= step

    def characters(self, size: int) -> int:
        """Pass over ``size`` bytes of UTF-8: how many characters they are."""
        count = 0
        while size > 0:
            piece = self.read(min(size, CHUNK))
            count += len(piece.translate(None, _CONTINUATION))
            size -= len(piece)
        return count

    def line(self, longest: int = LONGEST_TEXT) -> bytes | None:
        """The bytes up to a newline, which is read too; None when they are more than ``longest``."""
        kept = bytearray()
        while True:
            self._fill()
            end = self._piece.find(b"\n", self._at)
            stop = len(self._piece) if end < 0 else end + 1
            if len(kept) <= longest:
                kept += self._piece[self._at : min(stop, self._at + longest + 2)]
            self.position += stop - self._at
            self._at = stop
            if end >= 0:
                return bytes(kept[:-1]) if len(kept) <= longest + 1 else None
